import type { EventEmitter } from 'node:events';
import { Client, type ClientBase, type ClientConfig } from 'pg';
import { postgresUrl } from '../config/postgres-url';

/**
 * Returns a URL for each host of `postgres://user:password@one:5432,two:5432/database`, in their order, as libpq reads
 * such a URL: https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-MULTIPLE-HOSTS
 */
export function urlsOf(url: string): string[] {
  const parts = postgresUrl(url);
  if (parts === undefined || parts.hosts.length === 1) return [url];
  const { before, hosts, after } = parts;
  return hosts.map((host) => `${before}${host}${withoutTarget(after)}`);
}

/** Returns path and query without `target_session_attrs`, which is libpq's: here it is always `read-write`. */
function withoutTarget(rest: string): string {
  const [path = '', query] = rest.split('?', 2);
  const kept = (query ?? '')
    .split('&')
    .filter((one) => one !== '' && !one.startsWith('target_session_attrs='));
  return kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}

/** SQLSTATEs of a server that stops or starts. */
const ENDING = ['57P01', '57P02', '57P03'];

/** Says why a host is not used. */
class ReadOnlyHost extends Error {
  /** SQLSTATE of a server that takes no writes. */
  readonly code = '25006';
}

/** Options of a pool whose connections go to the one of several hosts that takes writes. */
export interface HostOptions {
  Client?: new (config?: ClientConfig) => Client;
  /** Refuses a connection to a standby. */
  onConnect: (client: ClientBase) => Promise<void>;
}

/**
 * Returns the options of a pool for several hosts. All its connections go to one of them, the first at the start. When
 * a connection to that can't be made, or it takes no writes, the next connection goes to the host after it.
 */
export function hostOptions(urls: readonly string[]): HostOptions {
  if (urls.length === 1) return { onConnect: () => Promise.resolve() };
  let current = 0;
  const failed = (host: number): void => {
    if (current === host) current = (host + 1) % urls.length;
  };

  class HostClient extends Client {
    readonly place = current;

    constructor(config?: ClientConfig) {
      super({ ...config, connectionString: urls[current] });
      const { connection } = this as unknown as { connection: EventEmitter };
      connection.on('error', () => failed(this.place));
      connection.on('errorMessage', ({ code }: { code?: string }) => {
        if (code !== undefined && ENDING.includes(code)) failed(this.place);
      });
    }
  }

  return {
    Client: HostClient,
    onConnect: async (client) => {
      const { rows } = await client.query<{ is: boolean }>(
        `SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool AS is`,
      );
      if (rows[0]!.is !== true) return;
      failed((client as unknown as HostClient).place);
      throw new ReadOnlyHost('this host of DATABASE_URL takes no writes');
    },
  };
}
