import { Injectable } from '@nestjs/common';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';

/** One number read at one moment. */
export interface Sample {
  series: number;
  at: Date;
  value: number;
}

/** Readings, oldest first; moments in milliseconds. */
export interface SeriesWindow {
  values: number[];
  firstAt: number;
  lastAt: number;
}

const DAY_MS = 86_400_000;
const NO_PARTITION = '23514';

/** The record of what was read: one partition a day, written in batches, never updated. */
@Injectable()
export class Samples {
  constructor(private readonly database: Database) {}

  /** Writes a batch. A sample that is there already stays as it is. */
  async write(samples: readonly Sample[]): Promise<void> {
    if (samples.length === 0) return;
    try {
      await this.insert(samples);
    } catch (error) {
      if ((error as { code?: string }).code !== NO_PARTITION) throw error;
      for (const day of new Set(samples.map(({ at }) => dayOf(at)))) await this.ensurePartition(day);
      await this.insert(samples);
    }
    telemetry.samples.inc(samples.length);
  }

  private async insert(samples: readonly Sample[]): Promise<void> {
    await this.database.rows(
      `INSERT INTO samples (series_id, at, value)
       SELECT * FROM unnest($1::int[], $2::timestamptz[], $3::float8[]) ON CONFLICT DO NOTHING`,
      [samples.map(({ series }) => series), samples.map(({ at }) => at), samples.map(({ value }) => value)],
      'samples_insert',
    );
  }

  /** When each series was last read, of those that were read after `after` and not after `upTo`. */
  async latest(series: readonly number[], after: Date, upTo?: Date): Promise<Map<number, Sample>> {
    if (series.length === 0) return new Map();
    const rows = await this.database.rows<{ series: number; at: Date; value: number }>(
      `SELECT s.series, x.at, x.value
       FROM unnest($1::int[]) AS s(series),
         LATERAL (SELECT at, value FROM samples WHERE series_id = s.series AND at > $2 AND at <= $3 ORDER BY at DESC LIMIT 1) x`,
      [series, after, upTo ?? 'infinity'],
      'samples_latest',
    );
    return new Map(rows.map((row) => [row.series, row]));
  }

  /** The readings of windows that end at `to`, oldest first; a series without any in its window is left out. */
  async windows(
    windows: readonly { series: number; seconds: number }[],
    to: Date,
  ): Promise<Map<number, SeriesWindow>> {
    if (windows.length === 0) return new Map();
    const longest = Math.max(...windows.map(({ seconds }) => seconds));
    const rows = await this.database.rows<{
      series: number;
      values: number[];
      first_at: Date;
      last_at: Date;
    }>(
      `SELECT w.series, array_agg(s.value ORDER BY s.at) AS values, min(s.at) AS first_at, max(s.at) AS last_at
       FROM unnest($1::int[], $2::float8[]) AS w (series, seconds)
         JOIN samples s ON s.series_id = w.series AND s.at > $4 AND s.at <= $3
           AND s.at > $3::timestamptz - make_interval(secs => w.seconds)
       GROUP BY 1`,
      [
        windows.map(({ series }) => series),
        windows.map(({ seconds }) => seconds),
        to,
        new Date(to.getTime() - longest * 1000),
      ],
      'samples_windows',
    );
    return new Map(
      rows.map(({ series, values, first_at, last_at }) => [
        series,
        { values, firstAt: first_at.getTime(), lastAt: last_at.getTime() },
      ]),
    );
  }

  /** Makes the partitions of the day of `now` and of the days after it. */
  async prepare(now: Date, daysAhead = 3): Promise<void> {
    for (let day = 0; day <= daysAhead; day++) await this.ensurePartition(dayOf(now) + day * DAY_MS);
  }

  /** Drops the days that are older than the retention. */
  async drop(now: Date, retentionDays: number): Promise<string[]> {
    const oldest = partitionName(dayOf(now) - retentionDays * DAY_MS);
    const partitions = await this.database.rows<{ name: string }>(
      `SELECT c.relname AS name FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
       WHERE i.inhparent = 'samples'::regclass AND c.relname < $1 ORDER BY 1`,
      [oldest],
    );
    for (const { name } of partitions) {
      await this.database.transaction(async (sql) => {
        // Readers hold locks: rather try again at the next round than stand in everybody's way.
        await sql.rows(`SET LOCAL lock_timeout = '2s'`);
        await sql.rows(`DROP TABLE IF EXISTS "${name}"`);
      });
    }
    return partitions.map(({ name }) => name);
  }

  private async ensurePartition(dayStart: number): Promise<void> {
    const [from, to] = [dayStart, dayStart + DAY_MS].map((at) => new Date(at).toISOString());
    await this.database.transaction(async (sql) => {
      // Two processes at once: CREATE … IF NOT EXISTS alone is not safe against itself.
      await sql.rows(`SELECT pg_advisory_xact_lock(hashtext('samples_partitions'))`);
      await sql.rows(
        `CREATE TABLE IF NOT EXISTS "${partitionName(dayStart)}" PARTITION OF samples FOR VALUES FROM ('${from}') TO ('${to}')`,
      );
    });
  }
}

const dayOf = (at: Date): number => Math.floor(at.getTime() / DAY_MS) * DAY_MS;
const partitionName = (dayStart: number): string =>
  `samples_${new Date(dayStart).toISOString().slice(0, 10).replaceAll('-', '')}`;
