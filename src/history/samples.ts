import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { groupOf, placeOf } from '../database/series';
import { Statement } from '../database/statement';
import type { Sample } from './sample-rows';

/** Readings, oldest first; moments in ms since 1970. */
export interface SeriesWindow {
  values: number[];
  firstAt: number;
  lastAt: number;
  /** Moments of the readings and of the known restarts, when the series is a Counter32. */
  counter32?: { moments: number[]; begins: number[] };
}

/** Reads the latest reading of series in a span. */
const LATEST = new Statement<Sample>(
  'samples_latest',
  `SELECT s.series, x.at, x.value
   FROM unnest($1::float8[], $2::int[], $3::int[]) AS s (series, group_id, place),
     LATERAL (SELECT at, readings[s.place] AS value FROM samples
       WHERE group_id = s.group_id AND at > $4 AND at <= $5 AND readings[s.place] IS NOT NULL
       ORDER BY at DESC LIMIT 1) x`,
);

/** Reads when anything of groups was last read in a span. */
const LAST_READ = new Statement<{ group_id: number; at: Date }>(
  'samples_last_read',
  `SELECT g.group_id, x.at FROM (SELECT DISTINCT unnest($1::int[]) AS group_id) g,
   LATERAL (SELECT at FROM samples WHERE group_id = g.group_id AND at > $2 AND at <= $3 ORDER BY at DESC LIMIT 1) x`,
);

/** Reads the known restarts of series. */
const BEGINS = new Statement<{ series: string; begins: Date[] }>(
  'counters_begins',
  'SELECT series, begins FROM counters WHERE series = ANY($1::bigint[])',
);

/** Stored samples. */
@Injectable()
export class Samples {
  constructor(private readonly database: Database) {}

  /** Returns the latest reading of each series later than `after` and not later than `upTo`. */
  async latest(series: readonly number[], after: Date, upTo: Date): Promise<Map<number, Sample>> {
    if (series.length === 0) return new Map();
    const rows = await LATEST.rows(this.database, [...columnsOf(series), after, upTo]);
    return new Map(rows.map((row) => [row.series, row]));
  }

  /**
   * Returns, for each series, when anything of its group was last read, later than `after` and not later than `upTo`.
   * Its cost does not depend on how long a single metric has failed.
   */
  async lastRead(series: readonly number[], after: Date, upTo: Date): Promise<Map<number, Date>> {
    if (series.length === 0) return new Map();
    const rows = await LAST_READ.rows(this.database, [series.map(groupOf), after, upTo]);
    const byGroup = new Map(rows.map(({ group_id, at }) => [group_id, at]));
    return new Map(
      series.flatMap((one) => {
        const at = byGroup.get(groupOf(one));
        return at === undefined ? [] : [[one, at] as const];
      }),
    );
  }

  /**
   * Returns the readings of windows that end at `to`, oldest first; series without readings in their window are left
   * out.
   *
   * @param windows `isOfChange` marks those that need to know about counters
   * @param atMost largest number of readings of each, the newest; for series whose number of readings senders decide
   */
  async windows(
    windows: readonly { series: number; seconds: number; isOfChange?: boolean }[],
    to: Date,
    atMost?: number,
  ): Promise<Map<number, SeriesWindow>> {
    if (windows.length === 0) return new Map();
    const longest = Math.max(...windows.map(({ seconds }) => seconds));
    const begins = await this.begins(
      windows.filter(({ isOfChange }) => isOfChange).map(({ series }) => series),
    );
    const rows = await this.database.rows<{
      series: number;
      values: number[];
      first_at: Date;
      last_at: Date;
      moments: Date[] | null;
    }>(
      `SELECT w.series, array_agg(s.readings[w.place] ORDER BY s.at) AS values,
         min(s.at) AS first_at, max(s.at) AS last_at,
         array_agg(s.at ORDER BY s.at) FILTER (WHERE w.counts) AS moments
       FROM unnest($1::float8[], $2::int[], $3::int[], $4::float8[], $7::bool[])
           AS w (series, group_id, place, seconds, counts)
         ${atMost === undefined ? READ_IN_WINDOWS : newestInWindows(atMost)}
       GROUP BY 1`,
      [
        ...columnsOf(windows.map(({ series }) => series)),
        windows.map(({ seconds }) => seconds),
        to,
        new Date(to.getTime() - longest * 1000),
        windows.map(({ series }) => begins.has(series)),
      ],
      // Without a name: a plan for any windows, made while a new day is empty, reads the whole of it.
    );
    return new Map(
      rows.map(({ series, values, first_at, last_at, moments }) => {
        const counter32 = moments?.map((at) => at.getTime());
        const window: SeriesWindow = { values, firstAt: first_at.getTime(), lastAt: last_at.getTime() };
        if (counter32 !== undefined) window.counter32 = { moments: counter32, begins: begins.get(series)! };
        return [series, window];
      }),
    );
  }

  /** Returns the known restarts of series that are Counter32, ms since 1970, oldest first. */
  async begins(series: readonly number[]): Promise<Map<number, number[]>> {
    if (series.length === 0) return new Map();
    const rows = await BEGINS.rows(this.database, [series]);
    return new Map(rows.map((row) => [Number(row.series), row.begins.map((at) => at.getTime())]));
  }

  /** Returns the readings of some series in `[from, to)`, oldest first. */
  async between(series: readonly number[], from: Date, to: Date): Promise<Sample[]> {
    return this.database.rows<Sample>(
      `SELECT w.series, s.at, s.readings[w.place] AS value
       FROM unnest($1::float8[], $2::int[], $3::int[]) AS w (series, group_id, place)
         JOIN samples s ON s.group_id = w.group_id AND s.at >= $4 AND s.at < $5
       WHERE s.readings[w.place] IS NOT NULL ORDER BY s.at`,
      [...columnsOf(series), from, to],
    );
  }
}

const READ_IN_WINDOWS = `JOIN samples s ON s.group_id = w.group_id AND s.at > $6 AND s.at <= $5
           AND s.at > $5::timestamptz - make_interval(secs => w.seconds)
       WHERE s.readings[w.place] IS NOT NULL`;

const newestInWindows = (atMost: number): string => `, LATERAL (
           SELECT at, readings FROM samples WHERE group_id = w.group_id AND at > $6 AND at <= $5
             AND at > $5::timestamptz - make_interval(secs => w.seconds) AND readings[w.place] IS NOT NULL
           ORDER BY at DESC LIMIT ${Math.floor(atMost)}) s`;

/** Returns series with their groups and places, as columns. Series numbers may exceed an int. */
const columnsOf = (series: readonly number[]): number[][] => [
  series.slice(),
  series.map(groupOf),
  series.map(placeOf),
];
