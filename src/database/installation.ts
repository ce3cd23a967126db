import { holdOpen, type HeldAtRestore } from './restored';
import type { Ask } from './schema';
import { codeOf, INSUFFICIENT_PRIVILEGE, UNDEFINED_FILE } from './sql-state';

/**
 * What tells one database from another: its cluster (a replica and what is promoted have the same), its id there, and
 * that of a table, which is another once the tables were dropped and restored in place.
 */
export interface Identity {
  /** Null where the server does not say: not everybody may ask, and its folder may have been moved under it. */
  system: string | null;
  database: string;
  table: string;
}

/** SQL: the identity of the database in its cluster. Without the table it is no database of ours, or not one yet. */
const IDENTITY = `SELECT (SELECT oid::text FROM pg_database WHERE datname = current_database()) AS database,
  to_regclass('installation')::oid::text AS table`;
/** SQL: the identity of the cluster, which the server reads from a file. */
const SYSTEM = 'SELECT system_identifier::text AS system FROM pg_control_system()';

/** Key of the advisory lock under which one process at a time finds out that the database was restored. */
const RESTORE_LOCK = 0x72657374;

interface Noted {
  system: string | null;
  database: string | null;
  table: string | null;
}

/** What became of a database that was restored. */
export interface Restoration extends HeldAtRestore {
  /** How it was recognised. */
  because: string;
}

/**
 * Returns the identity of the database that answers; undefined where it has no tables of ours.
 *
 * @param isTransaction true in a transaction, which goes on where the cluster can't be told
 */
export async function identityOf(ask: Ask, isTransaction = false): Promise<Identity | undefined> {
  const [found] = await ask<{ database: string; table: string | null }>(IDENTITY);
  const { database, table } = found!;
  return table === null ? undefined : { system: await systemOf(ask, isTransaction), database, table };
}

async function systemOf(ask: Ask, isTransaction: boolean): Promise<string | null> {
  if (isTransaction) await ask('SAVEPOINT system');
  try {
    const [found] = await ask<{ system: string }>(SYSTEM);
    return found!.system;
  } catch (error) {
    const code = codeOf(error) ?? codeOf((error as Error).cause);
    if (code !== UNDEFINED_FILE && code !== INSUFFICIENT_PRIVILEGE) throw error;
    if (isTransaction) await ask('ROLLBACK TO SAVEPOINT system');
    return null;
  }
}

/**
 * Compares the database with the one that was noted in it, and notes what it is. One that was restored is another: what
 * was open in it is held, in the same transaction, before anybody can act on it.
 *
 * @param ask in a transaction
 * @param isSaid true where a person says that it was restored, though nothing shows it
 * @returns what was held; undefined where it is the same database, or nobody has looked before
 */
export async function recognise(
  ask: Ask,
  isSaid = false,
): Promise<{ identity: Identity; restored?: Restoration }> {
  await ask('SELECT pg_advisory_xact_lock($1)', [RESTORE_LOCK]);
  const identity = (await identityOf(ask, true))!;
  const [noted] = await ask<Noted>(
    `SELECT system_identifier AS system, database_oid::text AS database, table_oid::text AS table FROM installation`,
  );
  const because = isSaid ? 'a person says so' : differenceOf(noted, identity);
  if (because === undefined && noted?.table != null) return { identity };
  await ask(
    `INSERT INTO installation (system_identifier, database_oid, table_oid) VALUES ($1, $2, $3)
     ON CONFLICT (is_only) DO UPDATE SET system_identifier = coalesce(excluded.system_identifier, installation.system_identifier),
       database_oid = excluded.database_oid, table_oid = excluded.table_oid`,
    [identity.system, identity.database, identity.table],
  );
  if (because === undefined) return { identity };
  return { identity, restored: { because, ...(await holdOpen(ask)) } };
}

/** Returns why the database is not the one that was noted, in words; undefined where it is, or none was noted. */
export function differenceOf(noted: Noted | undefined, found: Identity): string | undefined {
  if (noted?.table == null) return undefined;
  if (noted.system !== null && found.system !== null && noted.system !== found.system)
    return `its cluster has the system identifier ${found.system}, and it was kept in ${noted.system}`;
  if (noted.database !== found.database)
    return `it is the database ${found.database} of its cluster, and was the database ${noted.database}`;
  if (noted.table !== found.table) return 'its tables were made anew';
  return undefined;
}

/** Error of a connection that leads to another database than this process has begun with. */
export class AnotherDatabase extends Error {}

/**
 * Watches that all connections of a process lead to one database. What the process remembers is of that one alone, so
 * it must not go on with another.
 */
export class DatabaseGuard {
  private known?: Identity;
  private isOver = false;

  /** @param end called once, when a connection leads to another database */
  constructor(private readonly end: (error: AnotherDatabase) => void) {}

  begin(identity: Identity): void {
    this.known = identity;
  }

  /**
   * Looks whether the database is the one that is known, if any is.
   *
   * @throws AnotherDatabase
   */
  async check(ask: Ask): Promise<void> {
    const { known } = this;
    if (known === undefined) return;
    const found = await identityOf(ask);
    if (found !== undefined && differenceOf(known, found) === undefined) return;
    const why = found === undefined ? 'its tables are gone' : differenceOf(known, found)!;
    const error = new AnotherDatabase(`PostgreSQL answers with another database than before: ${why}`);
    if (!this.isOver) this.end(error);
    this.isOver = true;
    throw error;
  }
}

/** Returns what was held, in words for the log. */
export function restorationText({ because, from, executions, services }: Restoration): string {
  const counts = Object.entries(executions).map(([status, count]) => `${count} ${status}`);
  const held =
    counts.length === 0 ? 'no execution was open' : `held until a person says go on: ${counts.join(', ')}`;
  const since = from === null ? '' : ` of ${from.toISOString()}`;
  return `the database was restored from a backup${since} (${because}); ${held}; ${services} services were not looked at since. See npx monscale resume --dry-run`;
}
