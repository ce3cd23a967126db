import type { Database } from '../../src/database/database';
import type { Sql } from '../../src/database/sql-pool';
import { until } from '../program';

const WAITING = `SELECT count(*)::int AS sessions FROM pg_stat_activity
  WHERE datname = current_database() AND wait_event_type = 'Lock'`;

/** What else is to be in the transaction of whoever holds. */
interface Held<T> {
  hold: (sql: Sql) => Promise<unknown>;
  /** Begins what then waits for what is held. */
  begin: () => Promise<T>;
  /** Sessions that wait for a lock before the holder commits. */
  waiting?: number;
}

/**
 * Decides a race: begins work while another session holds what it needs, and commits that session once so many wait.
 *
 * @returns what the work answered
 */
export async function whileHeld<T>(database: Database, { hold, begin, waiting = 1 }: Held<T>): Promise<T> {
  const { begun } = await database.transaction(async (sql) => {
    await hold(sql);
    const begun = begin();
    // Heard at the end; it may fail before.
    begun.catch(() => undefined);
    const isAwaited = async () => {
      const [row] = await database.rows<{ sessions: number }>(WAITING);
      return row!.sessions >= waiting;
    };
    await until(isAwaited, 2_000, `${waiting} wait for a lock`);
    return { begun };
  });
  return begun;
}
