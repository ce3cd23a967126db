/**
 * PostgreSQL and Redis for a machine that has neither: started with the program, their data in one folder.
 * See "Starting it" in the contract.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from './folder-lock';
import { keptSecret } from './kept-secret';
import { startPostgres } from './postgres';
import { startRedis } from './redis';
import type { RunningServer, Say } from './server-process';

export interface EmbeddedServers {
  /** `postgres://monscale:<password>@127.0.0.1:<port>/monscale`; the user is the cluster's superuser. */
  databaseUrl: string;
  /** `redis://:<password>@127.0.0.1:<port>/0` */
  redisUrl: string;
  /** Bearer token of the administrator, kept in `<dataDir>/admin-token`. */
  adminToken: string;
  /** 32 bytes, base64, kept in `<dataDir>/secret-key`. */
  secretKey: string;
  /** The admin token was made by this call: now is the time to show it. */
  firstStart: boolean;
  /** Ends both servers. Further calls wait for the same end. */
  stop(): Promise<void>;
}

/**
 * Starts both, or takes over those that a killed program has left running.
 * @param dataDir made if absent; for its owner only
 * @param durable false gives up crash safety for speed, for tests
 * @param postgres folder of an installed PostgreSQL to run instead of the embedded one, for benchmarks
 * @throws when another program uses the folder, or a server is not ready in 60 s
 */
export async function startEmbeddedServers(
  dataDir: string,
  say: Say,
  { durable = true, postgres: installed }: { durable?: boolean; postgres?: string } = {},
): Promise<EmbeddedServers> {
  const folder = privateFolder(dataDir);
  const unlock = await lockFolder(folder);
  const starts = await Promise.allSettled([
    startPostgres(folder, say, durable, installed),
    startRedis(folder, say, durable),
  ]);
  const [postgres, redis] = starts;
  let ending: Promise<void> | undefined;
  const stop = () => (ending ??= stopAll(starts).finally(unlock));
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await stop();
    throw new AggregateError(
      starts.flatMap((start) => (start.status === 'rejected' ? [start.reason as Error] : [])),
    );
  }
  // For people and their tools: ports may change from start to start.
  noteUrl(join(folder, 'database-url'), postgres.value.url);
  noteUrl(join(folder, 'redis-url'), redis.value.url);
  // The token comes last: who is told of a first start has never been told the token.
  const { value: adminToken, isNew: firstStart } = keptSecret(join(folder, 'admin-token'), () =>
    randomBytes(32).toString('base64url'),
  );
  const { value: secretKey } = keptSecret(join(folder, 'secret-key'), () =>
    randomBytes(32).toString('base64'),
  );
  return {
    databaseUrl: postgres.value.url,
    redisUrl: redis.value.url,
    adminToken,
    secretKey,
    firstStart,
    stop,
  };
}

function noteUrl(file: string, url: string): void {
  writeFileSync(file, `${url}\n`, { mode: 0o600 });
}

async function stopAll(starts: PromiseSettledResult<RunningServer>[]): Promise<void> {
  const running = starts.flatMap((start) => (start.status === 'fulfilled' ? [start.value] : []));
  await Promise.all(running.map((server) => server.stop()));
}

function privateFolder(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  // A folder that is there already may be a mounted one and another user's; the secrets in it are 0600 each.
  if (statSync(path).uid === process.getuid?.()) chmodSync(path, 0o700);
  return realpathSync(path);
}
