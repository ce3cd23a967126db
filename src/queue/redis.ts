import { Cluster, Redis, type RedisOptions } from 'ioredis';

/**
 * A connection to Redis by URL:
 *
 *     redis://[user:password@]host[:port][/db]      rediss:// for TLS
 *     redis+sentinel://[:password@]host[:port],host…/master[/db]
 *     redis+cluster://[:password@]host[:port],host…
 */
export function connectRedis(url: string, options: RedisOptions): Redis | Cluster {
  const { scheme, username, password, hosts, path } = parts(url);
  const tls = scheme.startsWith('rediss') ? {} : undefined;
  const login = { username, password, tls };
  if (scheme.endsWith('+sentinel')) {
    const [name, db] = path;
    return new Redis({
      ...options,
      ...login,
      sentinels: hosts(26_379),
      name,
      db: Number(db ?? 0),
      enableTLSForSentinelMode: tls !== undefined,
    });
  }
  if (scheme.endsWith('+cluster')) {
    return new Cluster(hosts(6_379), {
      redisOptions: { ...options, ...login },
      clusterRetryStrategy: options.retryStrategy,
    });
  }
  return new Redis(url, options);
}

function parts(url: string) {
  const [scheme, rest = ''] = url.split('://', 2) as [string, string?];
  const [authority = '', ...path] = rest.split('/');
  const at = authority.lastIndexOf('@');
  const [username, password] = at < 0 ? [] : authority.slice(0, at).split(':').map(decodeURIComponent);
  const hosts = (defaultPort: number) =>
    authority
      .slice(at + 1)
      .split(',')
      .map((host) => {
        const [name, port] = host.split(':');
        return { host: name!, port: Number(port ?? defaultPort) };
      });
  return { scheme, username: username || undefined, password, hosts, path };
}
