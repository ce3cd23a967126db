/**
 * PostgreSQL and Redis for a machine that has neither: started with the program, their data in one folder.
 * See "Starting it" in the contract.
 */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { lockFolder } from './folder-lock';
import { keptSecret } from './kept-secret';
import { postgresIn, startPostgres } from './postgres';
import { redisIn, startRedis } from './redis';
import { bringDown, livingPid, type RunningServer, type Say } from './server-process';

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
 * @throws when another program uses the folder, or a server is not ready in 60 s
 */
export async function startEmbeddedServers(
  dataDir: string,
  say: Say,
  { durable = true } = {},
): Promise<EmbeddedServers> {
  const folder = privateFolder(dataDir);
  const unlock = await lockFolder(folder);
  const starts = await Promise.allSettled([
    startPostgres(folder, say, durable),
    startRedis(folder, say, durable),
  ]);
  const stopAll = async () => {
    try {
      await Promise.all(starts.map((start) => start.status === 'fulfilled' && start.value.stop()));
    } finally {
      unlock();
    }
  };
  const [postgres, redis] = starts;
  if (postgres.status === 'rejected' || redis.status === 'rejected') {
    await stopAll();
    throw [postgres, redis].find((start) => start.status === 'rejected')?.reason;
  }
}
