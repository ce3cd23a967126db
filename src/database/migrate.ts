/** Migrations: bringing a database to the schema of this program, or finding out that it is there. */
import { MigrationExecutor, type DataSource } from 'typeorm';
import { createMigrationSource } from './data-source';
import { assertKnown, assertOurs, missingIn, nameOf, noteVersions, type Ask, type Migration } from './schema';

/**
 * Key of the advisory lock (an arbitrary number, the same for every process) under which one process at a time
 * migrates.
 */
const MIGRATION_LOCK = 0x6d6f6e73;
const LOCK_AGAIN_MS = 250;

/** Database whose migrations are not all there yet; waiting may help. */
export class NotMigrated extends Error {
  constructor(readonly missing: readonly string[]) {
    super(
      `the database lacks ${missing.length} of the migrations of this version, ${missing[0]} the first: run monscale migrate`,
    );
  }
}

/**
 * Migrates a database, all or nothing, under an advisory lock, since many processes may start at the same time.
 *
 * @param whileLocked called while another process migrates; throws to give up
 * @returns names of the migrations that were run
 * @throws WrongDatabase when this program may not use the database
 */
export async function migrate(url: string, whileLocked: () => void): Promise<string[]> {
  const source = createMigrationSource(url);
  await source.initialize();
  try {
    const runner = source.createQueryRunner();
    const ask: Ask = (sql, values) => runner.query(sql, values) as Promise<never>;
    await lockMigrations(ask, whileLocked);
    await assertOurs(ask, knownTo(source), tablesOf(source));
    await assertKnown(ask, knownTo(source));
    // On the connection that has the lock: when that breaks off, both end.
    const executor = new MigrationExecutor(source, runner);
    executor.transaction = 'all';
    const done = await executor.executePendingMigrations();
    await noteVersions(ask, source.migrations);
    await runner.release();
    return done.map(({ name }) => name);
  } finally {
    // The lock goes with its connection, whatever happened.
    await source.destroy();
  }
}

/**
 * Checks that a database has a schema that this program may work with, and changes nothing.
 *
 * @throws NotMigrated when it is not there yet
 * @throws WrongDatabase when this program may not use the database
 */
export async function assertMigrated(source: DataSource): Promise<void> {
  const ask: Ask = (sql, values) => source.query(sql, values);
  await assertOurs(ask, knownTo(source), tablesOf(source));
  const missing = await missingIn(ask, knownTo(source));
  if (missing.length > 0) throw new NotMigrated(missing);
  await assertKnown(ask, knownTo(source));
}

/** Returns the names of the migrations of this program. */
export const knownTo = (source: DataSource): string[] => (source.migrations as Migration[]).map(nameOf);

const tablesOf = (source: DataSource): string[] => source.entityMetadatas.map(({ tableName }) => tableName);

async function lockMigrations(ask: Ask, whileLocked: () => void): Promise<void> {
  for (;;) {
    const [answer] = await ask<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
      MIGRATION_LOCK,
    ]);
    if (answer!.locked) return;
    whileLocked();
    await new Promise((resolve) => setTimeout(resolve, LOCK_AGAIN_MS));
  }
}
