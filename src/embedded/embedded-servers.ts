/**
 * PostgreSQL and Redis for a machine that has neither: started with the program, their data in one folder. See
 * "Starting it" in the contract.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCopied, privateFolder } from './folder';
import { lockFolder } from './folder-lock';
import { keptSecret } from './kept-secret';
import { startPostgres } from './postgres';
import { startRedis, type RunningRedis } from './redis';
import type { RunningServer, Say } from './server-process';

export interface EmbeddedServers {
  /**
   * `postgres://monscale:<password>@127.0.0.1:<port>/monscale`; the user owns this database, and has no other rights.
   */
  databaseUrl: string;
  /** `redis://:<password>@127.0.0.1:<port>/0` */
  redisUrl: string;
  /** URL of the same Redis for a user who may only ask for types and lengths. */
  redisReaderUrl: string;
  /** Bearer token of the administrator, kept in `<dataDir>/admin-token`. */
  adminToken: string;
  adminTokenFile: string;
  /** Secret key, 32 bytes in base64, kept in `<dataDir>/secret-key`. */
  secretKey: string;
  /** True when this call made the admin token, which should then be shown. */
  firstStart: boolean;
  /**
   * Stops both servers. Further calls wait for the same end.
   *
   * @param limitMs time to end by themselves, milliseconds
   */
  stop(limitMs?: number): Promise<void>;
}

export interface EmbeddedOptions {
  /** Signal that cancels the start; nothing that was started runs then. */
  signal?: AbortSignal;
  /** False gives up crash safety for speed, for tests. */
  durable?: boolean;
  /** Folder of an installed PostgreSQL to run instead of the embedded one, for benchmarks. */
  postgres?: string;
}

/**
 * Starts both servers, or takes over those that a killed program has left running. A server that ends by itself is
 * started again.
 *
 * @param dataDir made if absent; for its owner only
 * @throws when another program uses the folder, or a server is not ready in 60 s
 */
export async function startEmbeddedServers(
  dataDir: string,
  say: Say,
  { signal = new AbortController().signal, durable = true, postgres: installed }: EmbeddedOptions = {},
): Promise<EmbeddedServers> {
  const path = privateFolder(dataDir);
  // Files that definitions may name; see MONSCALE_SECRETS_DIR.
  mkdirSync(join(path, 'secrets'), { recursive: true, mode: 0o700 });
  const isCopy = isCopied(path);
  const unlock = await lockFolder(path, signal);
  if (isCopy) say('the data folder is a copy: its servers get ports of their own');
  const starts = await Promise.allSettled([
    startPostgres(path, say, durable, { installed, isCopy, signal }),
    startRedis(path, say, durable, { isCopy, signal }),
  ]);
  let ending: Promise<void> | undefined;
  const stop = (limitMs?: number) => (ending ??= stopAll(starts, limitMs).finally(unlock));
  const [postgres, redis] = starts;
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await stop();
    throw new AggregateError(
      starts.flatMap((start) => (start.status === 'rejected' ? [start.reason as Error] : [])),
    );
  }
  try {
    return { ...described(path, postgres.value.url, redis.value), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function described(path: string, databaseUrl: string, redis: RunningRedis): Omit<EmbeddedServers, 'stop'> {
  // For people and their tools: ports may change from start to start.
  noteUrl(join(path, 'database-url'), databaseUrl);
  noteUrl(join(path, 'redis-url'), redis.url);
  const adminTokenFile = join(path, 'admin-token');
  // The token comes last: who is told of a first start has never been told the token.
  const { value: adminToken, isNew: firstStart } = keptSecret(adminTokenFile, () =>
    randomBytes(32).toString('base64url'),
  );
  const { value: secretKey } = keptSecret(join(path, 'secret-key'), () => randomBytes(32).toString('base64'));
  return {
    databaseUrl,
    redisUrl: redis.url,
    redisReaderUrl: redis.readerUrl,
    adminToken,
    adminTokenFile,
    secretKey,
    firstStart,
  };
}

function noteUrl(file: string, url: string): void {
  writeFileSync(file, `${url}\n`, { mode: 0o600 });
}

async function stopAll(starts: PromiseSettledResult<RunningServer>[], limitMs?: number): Promise<void> {
  const running = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  await Promise.all(running.map((server) => server.stop(limitMs)));
}
