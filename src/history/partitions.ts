import type { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { codeOf, LOCK_NOT_AVAILABLE } from '../database/sql-state';

const DAY_MS = 86_400_000;

/**
 * Partitions of a table by its column `at`, of some days each, counted in UTC from 1970: no time zone and no month
 * moves their edges.
 */
export class Partitions {
  constructor(
    private readonly database: Database,
    private readonly table: string,
    private readonly days: number,
    /** Storage parameters of each partition. */
    private readonly storage = '',
  ) {}

  /** Makes the missing partitions of these moments. */
  async ensure(moments: Iterable<number>): Promise<void> {
    const starts = new Set([...moments].map((at) => this.startOf(at)));
    for (const start of starts) await this.make(start);
  }

  /** Makes the partition of `now` and those of the following days. */
  async prepare(now: Date, daysAhead = 3): Promise<void> {
    const days = Array.from({ length: daysAhead + 1 }, (_, day) => now.getTime() + day * DAY_MS);
    await this.ensure(days);
  }

  /**
   * Drops the partitions that have ended by a moment. A partition that is being read is left to the next round: while
   * the drop waited for its lock, everybody else would wait behind it.
   */
  async drop(before: Date): Promise<{ dropped: string[]; busy: string[] }> {
    const names = await this.names();
    const outlived = names.filter((name) => name < this.nameOf(this.startOf(before.getTime())));
    const [dropped, busy]: [string[], string[]] = [[], []];
    for (const name of outlived) ((await this.tryToDrop(name)) ? dropped : busy).push(name);
    return { dropped, busy };
  }

  /** Returns the moment at which the oldest partition begins; undefined when there is none. */
  async oldest(): Promise<Date | undefined> {
    const [name] = await this.names();
    return name === undefined ? undefined : momentOf(name);
  }

  /**
   * Returns the names of the partitions, in order, from the system catalogue: names cached by a connection may be older
   * than its lock.
   */
  private async names(sql: Sql = this.database): Promise<string[]> {
    const rows = await sql.rows<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = $1::regclass ORDER BY 1`,
      [this.table],
    );
    return rows.map(({ name }) => name);
  }

  private async tryToDrop(name: string): Promise<boolean> {
    try {
      await this.database.transaction(async (sql) => {
        await sql.rows(`SET LOCAL lock_timeout = '200ms'`);
        await sql.rows(`DROP TABLE IF EXISTS "${name}"`);
      });
      return true;
    } catch (error) {
      if (codeOf(error) === LOCK_NOT_AVAILABLE) return false;
      throw error;
    }
  }

  private async make(start: number): Promise<void> {
    const name = this.nameOf(start);
    if ((await this.names()).includes(name)) return;
    const [from, to] = [start, start + this.days * DAY_MS].map((at) => new Date(at).toISOString());
    await this.database.transaction(async (sql) => {
      await sql.rows(`SET LOCAL lock_timeout = '2s'`);
      // Two processes at once: CREATE … IF NOT EXISTS alone is not safe against itself.
      await sql.rows(`SELECT pg_advisory_xact_lock(hashtext($1))`, [this.table]);
      if ((await this.names(sql)).includes(name)) return;
      // Attached rather than made in place: that would lock out whoever reads or writes.
      await sql.rows(`CREATE TABLE "${name}" (LIKE ${this.table} INCLUDING ALL) ${this.storage}`);
      await sql.rows(
        `ALTER TABLE ${this.table} ATTACH PARTITION "${name}" FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
    });
  }

  private startOf(at: number): number {
    const period = this.days * DAY_MS;
    return Math.floor(at / period) * period;
  }

  private nameOf(start: number): string {
    return `${this.table}_${new Date(start).toISOString().slice(0, 10).replaceAll('-', '')}`;
  }
}

/** Returns the moment in the name of a partition. */
function momentOf(name: string): Date {
  const [, year, month, day] = /_(\d{4})(\d\d)(\d\d)$/.exec(name)!;
  return new Date(`${year}-${month}-${day}T00:00:00Z`);
}
