import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../common/errors';
import { readConfig } from '../config/config';
import { createDataSource } from '../database/data-source';
import { assertMigrated, migrate } from '../database/migrate';
import { WrongDatabase } from '../database/schema';

const AGAIN_MS = 1_000;
/** Exit codes of programs that a signal has ended, as shells have them. */
const ENDINGS = { SIGTERM: 143, SIGINT: 130 } as const;

export interface MigrateOptions {
  /** Whether another process does it, and is waited for. */
  wait?: boolean;
  /** How long to wait, seconds. */
  timeout: number;
}

/**
 * Brings the database of the environment to the schema of this version, or waits until another process has.
 *
 * @throws Error, ConfigError when it is not, in time
 */
export async function bringUp(
  env: NodeJS.ProcessEnv,
  { wait = false, timeout }: MigrateOptions,
): Promise<void> {
  // The first process of a container ends by no signal that it does not listen to. What is half done, PostgreSQL
  // takes back.
  for (const [signal, code] of Object.entries(ENDINGS)) process.once(signal, () => process.exit(code));
  const url = databaseIn(env);
  const deadline = performance.now() + timeout * 1_000;
  if (!wait) return report(await inTime(deadline, () => migrateBy(deadline, url)));
  await inTime(deadline, () => look(url));
  console.log('the database has the schema of this version');
}

/** Returns the URL of the database. @throws Error, ConfigError */
function databaseIn(env: NodeJS.ProcessEnv): string {
  if (!env.DATABASE_URL)
    throw new Error('set DATABASE_URL to the database; embedded servers are migrated by npm start');
  // Redis has no schema, and is not asked.
  return readConfig({ REDIS_URL: 'redis://', ...env }).databaseUrl!;
}

function report(done: readonly string[]): void {
  for (const name of done) console.log(`migrated the database: ${name}`);
  if (done.length === 0) console.log('the database has the schema of this version already');
}

/** Migrates; a migration that has begun is not cut short by the deadline. */
function migrateBy(deadline: number, url: string): Promise<string[]> {
  let isTold = false;
  return migrate(url, () => {
    if (performance.now() > deadline) throw new WaitedTooLong('another process still migrates it');
    if (!isTold) console.error('another process migrates the database; waiting for that');
    isTold = true;
  });
}

/** Checks the schema. @throws Error when it is not as this version needs it, or PostgreSQL does not answer */
async function look(url: string): Promise<void> {
  const source = createDataSource(url);
  try {
    await source.initialize();
    await assertMigrated(source);
  } finally {
    if (source.isInitialized) await source.destroy();
  }
}

class WaitedTooLong extends Error {}

/**
 * Does some work, again and again until it succeeds.
 *
 * @throws WrongDatabase at once, as waiting does not help; Error when the deadline is over, saying why it failed last
 */
async function inTime<T>(deadline: number, work: () => Promise<T>): Promise<T> {
  for (let told = ''; ;) {
    try {
      return await work();
    } catch (error) {
      const why = messageOf(error);
      if (error instanceof WrongDatabase) throw error;
      if (error instanceof WaitedTooLong || performance.now() > deadline)
        throw new Error(`the database is not migrated, and there is no time left: ${why}`, { cause: error });
      if (why !== told) console.error(`waiting: ${why}`);
      told = why;
    }
    await sleep(AGAIN_MS);
  }
}
