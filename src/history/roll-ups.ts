import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Recurring } from '../common/periodic';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { FIVE_MINUTES, HOUR, partitionsOf, RAW, type RollUp, type Table } from './tables';
import { LATE_MS } from './sample-writer';

const EVERY_MS = 60_000;
/** A step is rolled up when this is over after its end: nobody writes samples that are older. */
const GRACE_MS = 2 * LATE_MS;
/** Bounds what a statement reads: these groups of 100 series each, for an hour at an interval of 1 s, are 1.8 million. */
const GROUPS_AT_ONCE = 5;
const DAY_MS = 86_400_000;

/** How steps are made of a table, at most so much of it at a time. */
interface Making {
  made: RollUp;
  of: Table;
  spanMs: number;
  /** Of groups `$1`, from `$2` to `$3`: `group_id, at, place`, and the five numbers. */
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
        LATERAL (SELECT * FROM samples WHERE group_id = g.id AND at >= $2 AND at < $3) s,
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
        LATERAL (SELECT * FROM samples_5m WHERE group_id = g.id AND at >= $2 AND at < $3) s,
        generate_series(1, array_length(s.numbers, 1)) AS place
      GROUP BY 1, 2, 3`,
  },
];

/**
 * Makes steps of 5 minutes of samples, and hours of those, so that months can be looked at, and are kept, without each
 * reading. A step is made once, when it is closed; what was not done while no scheduler ran is done later. Of two
 * schedulers one does it.
 */
@Injectable()
export class RollUps extends Recurring {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    if (!this.config.rollUps.enabled) return;
    for (const making of MAKINGS) while (await this.advance(making));
  }

  /** Rolls up the next span of what is closed. False when there is none, or somebody else is at it. */
  private async advance({ made, of, spanMs, rows }: Making): Promise<boolean> {
    const oldest = await partitionsOf(this.database, of).oldest();
    if (oldest === undefined) return false;
    return this.database.transaction(async (sql) => {
      const done = await doneUntil(sql, made, oldest);
      if (done === undefined) return false;
      const closed = await this.closedUntil(sql, of);
      const stepMs = made.stepSeconds * 1000;
      const to = Math.min(Math.floor(closed / stepMs) * stepMs, Math.floor(done / spanMs) * spanMs + spanMs);
      if (to <= done) return false;
      await partitionsOf(this.database, made).ensure([done, to - 1]);
      for await (const groups of groupsOf(sql, of, done, to)) {
        await sql.rows(
          `INSERT INTO ${made.name} (group_id, at, numbers)
           SELECT group_id, at, array_agg(ARRAY[count, sum, min, max, last] ORDER BY place) FROM (${rows}) steps
           GROUP BY 1, 2
           ON CONFLICT (group_id, at) DO UPDATE SET numbers = excluded.numbers`,
          [groups, new Date(done), new Date(to)],
        );
      }
      await sql.rows('UPDATE roll_ups SET done_until = $2 WHERE step_seconds = $1', [
        made.stepSeconds,
        new Date(to),
      ]);
      return true;
    });
  }

  /** Until when nothing changes any more. A clock that is ahead would close what is open: PostgreSQL's counts too. */
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

/** Where the next step begins; undefined when another process is at it. The row is locked until the commit. */
async function doneUntil(sql: Sql, { stepSeconds }: RollUp, oldest: Date): Promise<number | undefined> {
  const [row] = await sql.rows<{ done_until: Date }>(
    `SELECT greatest(done_until, $2) AS done_until FROM roll_ups WHERE step_seconds = $1 FOR UPDATE SKIP LOCKED`,
    [stepSeconds, oldest],
  );
  return row?.done_until.getTime();
}

/** Groups that have rows on the days of a span, some at a time, by looking from each to the next. */
async function* groupsOf(sql: Sql, { name, partitionDays }: Table, from: number, to: number) {
  const partMs = partitionDays * DAY_MS;
  const bounds = [Math.floor(from / partMs) * partMs, Math.ceil(to / partMs) * partMs].map(
    (at) => new Date(at),
  );
  const next = (after: string) =>
    `SELECT group_id FROM ${name} WHERE group_id > ${after} AND at >= $2 AND at < $3 ORDER BY group_id LIMIT 1`;
  for (let last = -1; ;) {
    const rows = await sql.rows<{ id: number }>(
      `WITH RECURSIVE groups (id) AS (
         (${next('$1')}) UNION ALL SELECT (${next('g.id')}) FROM groups g WHERE g.id IS NOT NULL)
       SELECT id FROM groups WHERE id IS NOT NULL LIMIT ${GROUPS_AT_ONCE}`,
      [last, ...bounds],
    );
    if (rows.length === 0) return;
    yield rows.map(({ id }) => id);
    last = rows.at(-1)!.id;
  }
}
