import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { heard } from '../common/heard';

/**
 * Opens a connection to Redis by URL:
 *
 *     redis://[user:password@]host[:port][/db]      rediss:// for TLS
 *     redis+sentinel://[:password@]host[:port],host…/master[/db]
 *     redis+cluster://[:password@]host[:port],host…
 */
export function connectRedis(url: string, options: RedisOptions): Redis | Cluster {
  const { form, isTls, username, password, hosts, master, database } = redisAddress(url);
  const tls = isTls ? {} : undefined;
  const login = { username, password, tls };
  if (form === 'sentinel') {
    return heard(new Redis({ ...options, ...login, ...throughSentinels(hosts, master, tls), db: database }));
  }
  if (form === 'cluster') {
    return heard(
      new Cluster(hosts, {
        redisOptions: { ...options, ...login },
        clusterRetryStrategy: options.retryStrategy,
      }),
    );
  }
  return heard(new Redis(url, options));
}

/** Returns the options of a connection that asks Sentinels for the master; with TLS, to all of them. */
export const throughSentinels = (
  sentinels: RedisHost[],
  name: string | undefined,
  tls: ConnectionOptions | undefined,
): RedisOptions => ({ sentinels, name, sentinelTLS: tls, enableTLSForSentinelMode: tls !== undefined });

export interface RedisHost {
  host: string;
  port: number;
}

/** Parts of a URL of any of the forms above. */
export interface RedisAddress {
  form: 'single' | 'sentinel' | 'cluster';
  isTls: boolean;
  username?: string;
  password?: string;
  hosts: RedisHost[];
  /** Name of the master, for Sentinels. */
  master?: string;
  database: number;
}

export function redisAddress(url: string): RedisAddress {
  const [scheme = '', rest = ''] = url.split('://', 2);
  const [authority = '', ...path] = rest.split('/');
  const at = authority.lastIndexOf('@');
  const [username, password] = at < 0 ? [] : credentialsIn(authority.slice(0, at));
  const form = scheme.endsWith('+sentinel') ? 'sentinel' : scheme.endsWith('+cluster') ? 'cluster' : 'single';
  const defaultPort = form === 'sentinel' ? 26_379 : 6_379;
  const hosts = authority
    .slice(at + 1)
    .split(',')
    .map((one) => {
      // An IPv6 address stands in brackets.
      const [, host = one, port] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(one) ?? [];
      return { host, port: Number(port ?? defaultPort) };
    });
  const master = form === 'sentinel' ? path.shift() : undefined;
  const isTls = scheme.startsWith('rediss');
  return { form, isTls, username, password, hosts, master, database: Number(path[0] ?? 0) };
}

function credentialsIn(text: string): [username?: string, password?: string] {
  const colon = text.indexOf(':');
  const [username, password] = colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)];
  return [decodeURIComponent(username) || undefined, password && decodeURIComponent(password)];
}
