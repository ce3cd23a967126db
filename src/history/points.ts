import { Injectable } from '@nestjs/common';
import { InvalidInput } from '../common/errors';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { groupOf, placeOf } from '../database/series';
import { codeOf, QUERY_CANCELED } from '../database/sql-state';
import { FIVE_MINUTES, HOUR, partitionsOf, RAW, type RollUp } from './tables';

export const MAX_POINTS = 11_000;
/** Time limit of the query, milliseconds; shorter than that of the connection. */
const TIMEOUT_MS = 8_000;

/** SQL of each function over single readings. Percentiles interpolate. */
const OF_READINGS = {
  avg: 'avg(value)',
  min: 'min(value)',
  max: 'max(value)',
  sum: 'sum(value)',
  count: 'count(value)::float8',
  last: '(array_agg(value ORDER BY at DESC))[1]',
  p50: 'percentile_cont(0.5) WITHIN GROUP (ORDER BY value)',
  p90: 'percentile_cont(0.9) WITHIN GROUP (ORDER BY value)',
  p95: 'percentile_cont(0.95) WITHIN GROUP (ORDER BY value)',
  p99: 'percentile_cont(0.99) WITHIN GROUP (ORDER BY value)',
  rate: 'sum(rise) / extract(epoch FROM max(at) - min(at))',
  delta: `CASE WHEN $6::timestamptz[] IS NULL
    THEN (array_agg(value ORDER BY at DESC))[1] - (array_agg(value ORDER BY at))[1] ELSE sum(rise) END`,
};

/** SQL of the increase of a counter since the reading before it in its step; same rules as `engine/window.ts`. */
const RISES = `CASE WHEN before IS NULL THEN 0 WHEN value >= before THEN value - before
    WHEN $6::timestamptz[] IS NULL OR before >= 4294967296 OR EXISTS (
      SELECT FROM unnest($6::timestamptz[]) AS b (begin)
      WHERE begin > before_at - interval '2 s' AND begin <= at + interval '1 s') THEN value
    ELSE value - before + 4294967296 END AS rise`;

/** SQL of the functions over roll-ups; percentiles can't be computed from them. */
const OF_STEPS: Partial<Record<PointFunction, string>> = {
  avg: 'sum(sum) / sum(count)',
  min: 'min(min)',
  max: 'max(max)',
  sum: 'sum(sum)',
  count: 'sum(count)',
  last: '(array_agg(last ORDER BY at DESC))[1]',
};

export type PointFunction = keyof typeof OF_READINGS;
export const POINT_FUNCTIONS = Object.keys(OF_READINGS) as PointFunction[];

export interface Wanted {
  series: number;
  from: Date;
  /** Last moment, inclusive. */
  to: Date;
  /** Length of a step, seconds; without it, the readings themselves. */
  stepSeconds?: number;
  function: PointFunction;
}

type Point = [at: string, value: number];

/** Points of a series over time: its readings, or one point per step. */
@Injectable()
export class Points {
  constructor(private readonly database: Database) {}

  /**
   * Returns the points.
   *
   * @throws InvalidInput when they are too many, can't be computed any more, or take too long
   */
  async of(wanted: Wanted): Promise<Point[]> {
    const rolled = await this.rolledUp(wanted);
    if (rolled === undefined) await this.assertKept(wanted);
    try {
      return await this.database.transaction(async (sql) => {
        await sql.rows(`SET LOCAL statement_timeout = ${TIMEOUT_MS}`);
        if (rolled === undefined && (await isBeyond(sql, wanted))) throw tooMany();
        const begins = await beginsOf(sql, wanted);
        const [text, values] = rolled === undefined ? ofReadings(wanted, begins) : ofSteps(wanted, rolled);
        const rows = await sql.rows<{ at: Date; value: number }>(text, values);
        if (rows.length > MAX_POINTS) throw tooMany();
        return rows.map(({ at, value }): Point => [at.toISOString(), value]);
      });
    } catch (error) {
      if (codeOf(error) !== QUERY_CANCELED) throw error;
      const detail = `takes more than ${TIMEOUT_MS / 1000} s to answer; ask for a shorter time`;
      throw new InvalidInput([{ pointer: '/from', detail }]);
    }
  }

  /** Returns up to when each roll-up is made; undefined when the points can't be made of roll-ups. */
  private async rolledUp({ stepSeconds, function: name }: Wanted): Promise<DoneUntil | undefined> {
    const isFit =
      stepSeconds !== undefined && stepSeconds % FIVE_MINUTES.stepSeconds === 0 && name in OF_STEPS;
    if (!isFit) return undefined;
    const rows = await this.database.rows<{ step_seconds: number; done_until: Date | number }>(
      'SELECT step_seconds, done_until FROM roll_ups',
    );
    // A step that is not made yet stands as -Infinity.
    const of = ({ stepSeconds: seconds }: RollUp) =>
      Number(rows.find(({ step_seconds }) => step_seconds === seconds)?.done_until ?? -Infinity);
    const fine = of(FIVE_MINUTES);
    return fine === -Infinity ? undefined : { fine, coarse: of(HOUR) };
  }

  /**
   * Checks that the readings of the time range still exist.
   *
   * @throws InvalidInput when only their roll-ups are left
   */
  private async assertKept({ series, from, to }: Wanted): Promise<void> {
    const oldest = await partitionsOf(this.database, RAW).oldest();
    if (oldest === undefined || from >= oldest) return;
    const [left] = await this.database.rows(
      `SELECT FROM samples_1h WHERE group_id = $1 AND at >= $3 AND at < $4 AND numbers[$2][1] > 0 LIMIT 1`,
      [groupOf(series), placeOf(series), from, oldest < to ? oldest : to],
    );
    if (left === undefined) return;
    const detail = `readings are kept since ${oldest.toISOString()}; of the time before there are ${Object.keys(OF_STEPS).join(', ')} by steps of a multiple of ${FIVE_MINUTES.stepSeconds} s`;
    throw new InvalidInput([{ pointer: '/from', detail }]);
  }
}

/** Moments up to which roll-ups are made, ms since 1970. */
interface DoneUntil {
  fine: number;
  coarse: number;
}

type Statement = [text: string, values: unknown[]];

/**
 * Returns the statement that makes points of readings.
 *
 * @param begins moments at which a Counter32 restarted; null for other numbers
 */
function ofReadings(
  { series, from, to, stepSeconds, function: name }: Wanted,
  begins: Date[] | null = null,
): Statement {
  const values = [groupOf(series), placeOf(series), from, to];
  const readings = `SELECT at, readings[$2] AS value FROM samples
    WHERE group_id = $1 AND at >= $3 AND at <= $4 AND readings[$2] IS NOT NULL`;
  if (stepSeconds === undefined) return [`${readings} ORDER BY at LIMIT ${MAX_POINTS + 1}`, values];
  if (name === 'rate' || name === 'delta')
    return [
      `SELECT step AS at, ${OF_READINGS[name]} AS value FROM (
         SELECT step, at, value, ${RISES} FROM (
           SELECT step, at, value, lag(value) OVER steps AS before, lag(at) OVER steps AS before_at
           FROM (SELECT *, date_bin(make_interval(secs => $5), at, 'epoch') AS step FROM (${readings}) r) s
           WINDOW steps AS (PARTITION BY step ORDER BY at)) t) u
       GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT ${MAX_POINTS + 1}`,
      [...values, stepSeconds, begins],
    ];
  return [
    `SELECT date_bin(make_interval(secs => $5), at, 'epoch') AS at, ${OF_READINGS[name]} AS value
     FROM (${readings}) r GROUP BY 1 ORDER BY 1 LIMIT ${MAX_POINTS + 1}`,
    [...values, stepSeconds],
  ];
}

/**
 * Returns the statement that makes points of roll-ups: of hours where they are whole, of 5-minute steps on both sides,
 * and of readings at both ends.
 */
function ofSteps(wanted: Wanted, done: DoneUntil): Statement {
  const { series, from, to, stepSeconds, function: name } = wanted;
  const begin = from.getTime();
  // `to` is included, and readings stand at whole milliseconds.
  const end = to.getTime() + 1;
  const fine = whole(FIVE_MINUTES, begin, Math.min(end, done.fine));
  if (fine === undefined) return ofReadings(wanted);
  const hours =
    stepSeconds! % HOUR.stepSeconds === 0 ? whole(HOUR, begin, Math.min(end, done.coarse)) : undefined;
  const coarse = hours ?? [fine[1], fine[1]];
  const values: unknown[] = [groupOf(series), placeOf(series), stepSeconds];
  const between = ([first, last]: readonly [number, number]): string => {
    values.push(new Date(first), new Date(last));
    return `at >= $${values.length - 1} AND at < $${values.length}`;
  };
  const readings = (span: Span) =>
    `SELECT at, 1, readings[$2], readings[$2], readings[$2], readings[$2] FROM samples
     WHERE group_id = $1 AND readings[$2] IS NOT NULL AND ${between(span)}`;
  const steps = ({ name }: RollUp, span: Span) =>
    `SELECT at, numbers[$2][1], numbers[$2][2], numbers[$2][3], numbers[$2][4], numbers[$2][5] FROM ${name}
     WHERE group_id = $1 AND numbers[$2][1] > 0 AND ${between(span)}`;
  const parts = [
    readings([begin, fine[0]]),
    steps(FIVE_MINUTES, [fine[0], coarse[0]]),
    steps(HOUR, coarse),
    steps(FIVE_MINUTES, [coarse[1], fine[1]]),
    readings([fine[1], end]),
  ];
  return [
    `SELECT date_bin(make_interval(secs => $3), at, 'epoch') AS at, ${OF_STEPS[name]} AS value
     FROM (${parts.join(' UNION ALL ')}) parts (at, count, sum, min, max, last)
     GROUP BY 1 ORDER BY 1 LIMIT ${MAX_POINTS + 1}`,
    values,
  ];
}

async function beginsOf(sql: Sql, { series, function: name }: Wanted): Promise<Date[] | null> {
  if (name !== 'rate' && name !== 'delta') return null;
  const [counter] = await sql.rows<{ begins: Date[] }>('SELECT begins FROM counters WHERE series = $1', [
    series,
  ]);
  return counter?.begins ?? null;
}

type Span = readonly [from: number, to: number];

/** Returns the whole steps between two moments; undefined when there is none. */
function whole({ stepSeconds }: RollUp, from: number, to: number): Span | undefined {
  const stepMs = stepSeconds * 1000;
  const [first, last] = [Math.ceil(from / stepMs) * stepMs, Math.floor(to / stepMs) * stepMs];
  return first < last ? [first, last] : undefined;
}

/**
 * Tells whether the answer would have too many points. Looks up one reading per step and stops at the limit, so that a
 * query which will be refused does not read months first.
 */
async function isBeyond(sql: Sql, { series, from, to, stepSeconds }: Wanted): Promise<boolean> {
  if (stepSeconds === undefined) return false;
  if ((to.getTime() - from.getTime()) / 1000 / stepSeconds < MAX_POINTS) return false;
  const next = (begin: string) =>
    `SELECT date_bin(make_interval(secs => $5), at, 'epoch') AS at FROM samples
     WHERE group_id = $1 AND at >= ${begin} AND at <= $4 AND readings[$2] IS NOT NULL ORDER BY samples.at LIMIT 1`;
  const [found] = await sql.rows<{ count: number }>(
    `WITH RECURSIVE steps (at, number) AS (
       SELECT (${next('$3')}), 1
       UNION ALL
       SELECT (${next('s.at + make_interval(secs => $5)')}), s.number + 1 FROM steps s
       WHERE s.at IS NOT NULL AND s.number <= ${MAX_POINTS})
     SELECT count(at)::int AS count FROM steps`,
    [groupOf(series), placeOf(series), from, to, stepSeconds],
  );
  return found!.count > MAX_POINTS;
}

function tooMany(): InvalidInput {
  const detail = `more than ${MAX_POINTS} points; ask for a shorter time or a longer step`;
  return new InvalidInput([{ pointer: '/stepSeconds', detail }]);
}
