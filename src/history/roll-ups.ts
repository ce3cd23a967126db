import { setTimeout as sleep } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { FIVE_MINUTES, HOUR, partitionsOf, RAW, type RollUp, type Table } from './tables';
import { LATE_MS } from './sample-writer';

const EVERY_MS = 60_000;
/** Time after the end of a step before it is rolled up, milliseconds: older samples are not written any more. */
const GRACE_MS = 2 * LATE_MS;
/**
 * Number of groups in the first statement: 5 groups of 100 series, for an hour at an interval of 1 s, are 1.8 million
 * values.
 */
const GROUPS_AT_FIRST = 5;
/**
 * Duration that the number of groups per statement is adapted to, milliseconds; preparing a shorter one is not worth
 * while.
 */
const STATEMENT_MS = 200;
const GROUPS_AT_MOST = 5_000;
/**
 * Longest pause between two statements, milliseconds. A pause is as long as the statement before it, so that others get
 * PostgreSQL half of the time.
 */
const PAUSE_AT_MOST_MS = 1_000;
/** Lag from which there are no pauses, milliseconds. */
const BEHIND_MS = 1_800_000;
const DAY_MS = 86_400_000;

/** How a roll-up is made of another table; `spanMs` is the longest time range at once. */
interface Making {
  made: RollUp;
  of: Table;
  spanMs: number;
  /**
   * Query of `group_id, at, place` and the five numbers for groups `$1`, from `$2` to `$3`. `OFFSET 0` makes PostgreSQL
   * look up group by group: with yesterday's statistics the planner would read the whole day for each piece.
   */
  rows: string;
}

const MAKINGS: readonly Making[] = [
  {
    made: FIVE_MINUTES,
    of: RAW,
    spanMs: 3_600_000,
    rows: `
      SELECT s.group_id, date_bin('300 s', s.at, 'epoch') AS at, r.place, count(r.value)::float8 AS count,
        sum(r.value), min(r.value), max(r.value),
        (array_agg(r.value ORDER BY s.at DESC) FILTER (WHERE r.value IS NOT NULL))[1] AS last
      FROM unnest($1::int[]) AS g (id),
        LATERAL (SELECT * FROM samples WHERE group_id = g.id AND at >= $2 AND at < $3 OFFSET 0) s,
        unnest(s.readings) WITH ORDINALITY AS r (value, place)
      GROUP BY 1, 2, 3`,
  },
  {
    made: HOUR,
    of: FIVE_MINUTES,
    spanMs: DAY_MS,
    rows: `
      SELECT s.group_id, date_bin('3600 s', s.at, 'epoch') AS at, place, sum(s.numbers[place][1]) AS count,
        sum(s.numbers[place][2]), min(s.numbers[place][3]), max(s.numbers[place][4]),
        (array_agg(s.numbers[place][5] ORDER BY s.at DESC) FILTER (WHERE s.numbers[place][1] > 0))[1] AS last
      FROM unnest($1::int[]) AS g (id),
        LATERAL (SELECT * FROM samples_5m WHERE group_id = g.id AND at >= $2 AND at < $3 OFFSET 0) s,
        generate_series(1, array_length(s.numbers, 1)) AS place
      GROUP BY 1, 2, 3`,
  },
];

/** Result of a piece of work: there is more, there is nothing left, or another process is at work. */
type Left = 'more' | 'nothing' | 'others';

/**
 * Rolls up samples to 5-minute steps, and those to hours, so that months can be shown, and kept, without each reading.
 * A step is made once, after its end; what was missed while no scheduler ran is made up for.
 *
 * A time range is made in pieces of some groups, each in a transaction that records its progress. So one scheduler at a
 * time works on it, another continues what it left half done, and no transaction is long.
 */
@Injectable()
export class RollUps extends Recurring {
  private groupsAtOnce = GROUPS_AT_FIRST;
  private lagMs = 0;
  private isStopping = false;

  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    if (!this.config.rollUps.enabled) return;
    for (const making of MAKINGS) {
      while (!this.isStopping) {
        const began = performance.now();
        if ((await this.advance(making)) !== 'more') break;
        await sleep(this.paced(performance.now() - began));
      }
    }
  }

  override beforeApplicationShutdown(): Promise<void> {
    this.isStopping = true;
    return super.beforeApplicationShutdown();
  }

  /**
   * Adapts the number of groups per statement, since groups differ by a factor of 10,000 in size.
   *
   * @returns how long to pause, milliseconds
   */
  private paced(tookMs: number): number {
    const factor = Math.min(Math.max(STATEMENT_MS / tookMs, 0.1), 2);
    this.groupsAtOnce = Math.min(Math.max(Math.round(this.groupsAtOnce * factor), 1), GROUPS_AT_MOST);
    return this.lagMs > BEHIND_MS ? 0 : Math.min(tookMs, PAUSE_AT_MOST_MS);
  }

  /** Rolls up some groups of the next time range that has ended. */
  private async advance(making: Making): Promise<Left> {
    const { made, of, spanMs } = making;
    const oldest = await partitionsOf(this.database, of).oldest();
    return this.database.transaction(async (sql) => {
      const progress = await progressOf(sql, made, oldest ?? LONG_AGO);
      if (progress === undefined) return 'others';
      const { done, begun, afterGroup } = progress;
      const stepMs = made.stepSeconds * 1000;
      const closed = Math.floor((await this.closedUntil(sql, of)) / stepMs) * stepMs;
      if (oldest === undefined) {
        // What is closed gets no rows any more: a new installation does not search the hours before it for each group.
        if (closed > done) await keepProgress(sql, made, { done: closed });
        return 'nothing';
      }
      this.lagMs = Math.max(0, closed - done);
      telemetry.rollUpLag.set({ step: String(made.stepSeconds) }, this.lagMs / 1000);
      const to = begun ?? Math.min(closed, Math.floor(done / spanMs) * spanMs + spanMs);
      if (to <= done) return 'nothing';
      const groups = await groupsOf(sql, of, { from: done, to, after: afterGroup, limit: this.groupsAtOnce });
      if (groups.length > 0) {
        await partitionsOf(this.database, made).ensure([done, to - 1]);
        await make(sql, making, groups, done, to);
      }
      await keepProgress(sql, made, groups.length > 0 ? { to, afterGroup: groups.at(-1)! } : { done: to });
      return 'more';
    });
  }

  /**
   * Returns the moment before which nothing changes any more. A clock that is ahead must not close a range too early,
   * so the earlier of the program's time and PostgreSQL's counts.
   */
  private async closedUntil(sql: Sql, of: Table): Promise<number> {
    const [row] = await sql.rows<{ closed: Date | number }>(
      of === RAW
        ? `SELECT least($1::timestamptz, now()) - make_interval(secs => ${GRACE_MS / 1000}) AS closed`
        : `SELECT least($1, done_until) AS closed FROM roll_ups WHERE step_seconds = ${FIVE_MINUTES.stepSeconds}`,
      [this.clock.now()],
    );
    return Number(row!.closed);
  }
}

/** Progress of a roll-up; moments in ms since 1970. */
interface Progress {
  /** Beginning of the next time range. */
  done: number;
  /** End of that range, when some of its groups are made; `afterGroup` is the last of those. */
  begun?: number;
  afterGroup: number;
}

/** Returns the progress, with its row locked until the commit. Undefined when another process is at work. */
async function progressOf(sql: Sql, { stepSeconds }: RollUp, oldest: Date): Promise<Progress | undefined> {
  const [row] = await sql.rows<{ done: Date; begun: Date | null; after: number | null }>(
    `SELECT greatest(done_until, $2) AS done, begun_until AS begun, after_group AS after
     FROM roll_ups WHERE step_seconds = $1 FOR UPDATE SKIP LOCKED`,
    [stepSeconds, oldest],
  );
  if (row === undefined) return undefined;
  const { done, begun, after } = row;
  // What was begun is older than what there is left.
  if (begun === null || begun <= done) return { done: done.getTime(), afterGroup: BEFORE_ALL };
  return { done: done.getTime(), begun: begun.getTime(), afterGroup: after ?? BEFORE_ALL };
}

const BEFORE_ALL = -1;
/** Moment before which there are no samples. */
const LONG_AGO = new Date(0);

async function keepProgress(
  sql: Sql,
  { stepSeconds }: RollUp,
  progress: { done: number } | { to: number; afterGroup: number },
): Promise<void> {
  if ('done' in progress)
    await sql.rows(
      'UPDATE roll_ups SET done_until = $2, begun_until = NULL, after_group = NULL WHERE step_seconds = $1',
      [stepSeconds, new Date(progress.done)],
    );
  else
    await sql.rows('UPDATE roll_ups SET begun_until = $2, after_group = $3 WHERE step_seconds = $1', [
      stepSeconds,
      new Date(progress.to),
      progress.afterGroup,
    ]);
}

async function make(
  sql: Sql,
  { made, rows }: Making,
  groups: readonly number[],
  from: number,
  to: number,
): Promise<void> {
  await sql.rows(
    `INSERT INTO ${made.name} (group_id, at, numbers)
     SELECT group_id, at, array_agg(ARRAY[count, sum, min, max, last] ORDER BY place) FROM (${rows}) steps
     GROUP BY 1, 2
     ON CONFLICT (group_id, at) DO UPDATE SET numbers = excluded.numbers`,
    [groups, new Date(from), new Date(to)],
  );
}

/** Returns groups that have rows on the days of a range, in order, up to a limit; looks up each one after the last. */
async function groupsOf(
  sql: Sql,
  { name, partitionDays }: Table,
  { from, to, after, limit }: { from: number; to: number; after: number; limit: number },
): Promise<number[]> {
  const partMs = partitionDays * DAY_MS;
  const bounds = [Math.floor(from / partMs) * partMs, Math.ceil(to / partMs) * partMs].map(
    (at) => new Date(at),
  );
  const next = (before: string) =>
    `SELECT group_id FROM ${name} WHERE group_id > ${before} AND at >= $2 AND at < $3 ORDER BY group_id LIMIT 1`;
  const rows = await sql.rows<{ id: number }>(
    `WITH RECURSIVE groups (id) AS (
       (${next('$1')}) UNION ALL SELECT (${next('g.id')}) FROM groups g WHERE g.id IS NOT NULL)
     SELECT id FROM groups WHERE id IS NOT NULL LIMIT $4`,
    [after, ...bounds, limit],
  );
  return rows.map(({ id }) => id);
}
