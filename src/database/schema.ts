import type { MigrationInterface } from 'typeorm';

/** Oldest PostgreSQL with all that our statements use. */
const POSTGRES = { version: 150_000, name: '15' };

/** Migration of this program. */
export interface Migration extends MigrationInterface {
  /**
   * Migration that an older program must know to keep running beside this one: the last of the previous release, if
   * this one only adds what that release does not look at. Without it, programs that do not know this migration must
   * stop.
   */
  readonly worksWith?: string;
}

/** Database that this program may not use; waiting does not help. */
export class WrongDatabase extends Error {}

/** Function that runs a statement. */
export type Ask = <R>(sql: string, values?: unknown[]) => Promise<R[]>;

/**
 * Checks that the database is ours, or empty.
 *
 * @throws WrongDatabase when PostgreSQL is too old, its tables are another program's, or an empty one does not hold all
 *   texts
 */
export async function assertOurs(
  ask: Ask,
  known: readonly string[],
  tables: readonly string[],
): Promise<void> {
  const [server] = await ask<{ version: number; name: string; encoding: string }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS name, current_setting('server_encoding') AS encoding`,
  );
  if (server!.version < POSTGRES.version)
    throw new WrongDatabase(
      `PostgreSQL ${server!.name} is too old: monscale needs ${POSTGRES.name} or a later one`,
    );
  const applied = await appliedIn(ask);
  if (applied?.some((name) => known.includes(name))) return;
  if (applied !== undefined && applied.length > 0)
    throw new WrongDatabase(
      `the database is another program's, which keeps its own migrations in it (${listed(applied)}): give monscale a database of its own`,
    );
  // One that is in use may have held all texts so far.
  if (server!.encoding !== 'UTF8')
    throw new WrongDatabase(
      `the database has the encoding ${server!.encoding}, which does not hold all texts: give monscale one that was made with ENCODING 'UTF8'`,
    );
  const taken = await ask<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1) ORDER BY 1`,
    [tables],
  );
  if (taken.length > 0)
    throw new WrongDatabase(
      `the database is another program's: it has tables that monscale did not make (${listed(taken.map(({ name }) => name))}): give monscale a database of its own`,
    );
}

/**
 * Checks that this program may run on the present schema.
 *
 * @param known migrations of this program
 * @throws WrongDatabase naming the unknown migrations, when a release later than the next has migrated it
 */
export async function assertKnown(ask: Ask, known: readonly string[]): Promise<void> {
  const unknown = ((await appliedIn(ask)) ?? []).filter((name) => !known.includes(name));
  if (unknown.length === 0) return;
  const [table] = await ask<{ exists: boolean }>(
    `SELECT to_regclass('schema_versions') IS NOT NULL AS exists`,
  );
  const versions = table!.exists
    ? await ask<{ migration: string }>(
        'SELECT migration FROM schema_versions WHERE migration = ANY($1) AND works_with = ANY($2)',
        [unknown, known],
      )
    : [];
  const foreign = unknown.filter((name) => !versions.some(({ migration }) => migration === name));
  if (foreign.length === 0) return;
  throw new WrongDatabase(
    `the database was migrated by a newer monscale: this one does not know ${listed(foreign)}; start that version, or one that is older by no more than one`,
  );
}

/** Returns the migrations of this program that are not applied, in their order. */
export async function missingIn(ask: Ask, known: readonly string[]): Promise<string[]> {
  const applied = new Set(await appliedIn(ask));
  return known.filter((name) => !applied.has(name));
}

/** Records for each migration which older programs may keep running beside it. */
export async function noteVersions(ask: Ask, migrations: readonly Migration[]): Promise<void> {
  await ask(
    `INSERT INTO schema_versions SELECT * FROM unnest($1::text[], $2::text[])
     ON CONFLICT (migration) DO UPDATE SET works_with = excluded.works_with WHERE schema_versions.works_with <> excluded.works_with`,
    [migrations.map(nameOf), migrations.map((one) => one.worksWith ?? nameOf(one))],
  );
}

export const nameOf = (migration: Migration): string => migration.name ?? migration.constructor.name;

/**
 * Returns the names of the applied migrations; undefined when there never was one.
 *
 * @throws WrongDatabase when the table of migrations is not ours
 */
async function appliedIn(ask: Ask): Promise<string[] | undefined> {
  const columns = await ask<{ name: string }>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = to_regclass('migrations') AND attnum > 0 AND NOT attisdropped`,
  );
  if (columns.length === 0) return undefined;
  if (!columns.some(({ name }) => name === 'name'))
    throw new WrongDatabase(
      `the database is another program's, whose table "migrations" monscale does not know: give monscale a database of its own`,
    );
  const rows = await ask<{ name: string }>('SELECT name FROM migrations ORDER BY id');
  return rows.map(({ name }) => name);
}

const LISTED = 5;

const listed = (names: readonly string[]): string =>
  names.length > LISTED
    ? `${names.slice(0, LISTED).join(', ')} and ${names.length - LISTED} more`
    : names.join(', ');
