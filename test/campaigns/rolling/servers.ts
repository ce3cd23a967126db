import { postgresFolder, startInstalledPostgres } from '../../stand-ins/installed-postgres';
import { startRedis } from '../../stand-ins/redis';
import type { Servers } from './workloads';

/** A process keeps up to 25 of them, and two processes of each pod run side by side for a while. */
const CONNECTIONS = 500;

/** Does some work on a PostgreSQL, Debian's, and a Redis that nobody else uses, and ends them. */
export async function onServersOfItsOwn<T>(work: (servers: Servers) => Promise<T>): Promise<T> {
  if (postgresFolder() === undefined)
    throw new Error("Debian's PostgreSQL is missing: apt-get install postgresql");
  const postgres = await startInstalledPostgres({ connections: CONNECTIONS });
  try {
    const redis = await startRedis();
    try {
      return await work({ databaseUrl: postgres.url, redisUrl: `redis://127.0.0.1:${redis.port}` });
    } finally {
      await redis.stop();
    }
  } finally {
    await postgres.stop();
  }
}
