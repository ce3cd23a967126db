import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { codeOf, NO_PARTITION, UNIQUE_VIOLATION } from '../database/sql-state';
import { BatchStatement, integer, text, timestamp } from '../database/statement';
import type { Partitions } from './partitions';
import {
  arrayText,
  copyOf,
  merged,
  rowsOf,
  type GrowingRows,
  type Sample,
  type SampleRow,
} from './sample-rows';
import { partitionsOf, RAW } from './tables';

/** Largest number of values that wait or are being written; at 50,000/s, ten seconds of them. */
const MAX_WAITING = 500_000;
const VALUES_AT_ONCE = 25_000;
const STATEMENTS_AT_ONCE = 2;
/** Shortest time between two statements, milliseconds, so that more goes together, unless a full statement waits. */
const PAUSE_MS = 25;
const RETRY_MS = 1_000;
/** Age at which samples that can't be written are dropped, milliseconds; roll-ups wait no longer. */
export const LATE_MS = 300_000;
/** Longest time `write()` waits before it answers "not known to be written", milliseconds. */
const ANSWER_MS = 2_000;
const FLUSH_MS = 5_000;

const COPY = 'COPY samples (group_id, at, readings) FROM STDIN BINARY';
/** Largest number of rows for which one statement costs less than a COPY and its round trips. */
const FEW_ROWS = 20;

/**
 * Writes rows that may exist already: existing readings stay, and missing ones, such as those pushed at the moment of a
 * poll, are added. It does not wait for the disk: a crash of PostgreSQL may lose the samples of the last half second.
 */
const ADD_MISSING = new BatchStatement<SampleRow>(
  'samples_add',
  {
    group_id: integer(({ group }) => group),
    at: timestamp(({ at }) => new Date(at)),
    readings: text(arrayText),
  },
  ({ names, items }) =>
    `WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true))
     INSERT INTO samples AS s (${names})
     SELECT group_id, at, readings::float8[] FROM quick, ${items} AS u (${names})
     ON CONFLICT (group_id, at) DO UPDATE
       SET readings = ARRAY(SELECT coalesce(kept, new)
         FROM unnest(s.readings, excluded.readings) WITH ORDINALITY AS r (kept, new, place) ORDER BY place)
       WHERE EXISTS (SELECT FROM unnest(s.readings, excluded.readings) AS r (kept, new)
         WHERE kept IS NULL AND new IS NOT NULL)`,
  'by keys',
);

/** Reason why samples were not written. */
type Lost = 'full' | 'late' | 'refused' | 'shutdown';

interface Waiting {
  rows: SampleRow[];
  values: number;
  since: number;
  settle(isWritten: boolean): void;
}

/**
 * Writes samples, those of all jobs of this process together.
 *
 * Samples are waiting, under way (in one of at most two statements), or settled: written, or dropped and counted. At
 * most `MAX_WAITING` values wait or are under way; more are dropped at once. A failed batch waits again at the front
 * until it is too old. Readers of metrics do not wait for PostgreSQL.
 */
@Injectable()
export class SampleWriter implements OnApplicationShutdown {
  private readonly logger = new Logger('Samples');
  private readonly partitions: Partitions;
  private waiting: Waiting[] = [];
  /** Samples in running statements. One that is missing when its statement ends was given up at shutdown. */
  private readonly underWay = new Set<Waiting>();
  private waitingValues = 0;
  private lastBegan = -Infinity;
  private running = 0;
  private failing = false;
  private drained: () => void = () => undefined;

  constructor(private readonly database: Database) {
    this.partitions = partitionsOf(database, RAW);
  }

  /**
   * Writes samples; those that exist already stay as they are. Never throws.
   *
   * @returns true when they are stored; false when they are dropped, or when it is not known after two seconds
   */
  write(samples: readonly Sample[]): Promise<boolean> {
    return this.writeRows(rowsOf(samples));
  }

  /** Writes rows, as `write` does; they are not to be changed any more. */
  writeRows({ rows, values }: Pick<GrowingRows, 'rows' | 'values'>): Promise<boolean> {
    if (values === 0) return Promise.resolve(true);
    if (this.waitingValues + values > MAX_WAITING) {
      this.drop(values, 'full');
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const late = setTimeout(resolve, ANSWER_MS, false);
      const settle = (isWritten: boolean) => {
        clearTimeout(late);
        resolve(isWritten);
      };
      this.waiting.push({ rows, values, since: performance.now(), settle });
      this.waitingValues += values;
      this.show();
      if (this.running < STATEMENTS_AT_ONCE) void this.drain();
    });
  }

  /** Writes what waits, for a limited time; runs after all jobs and before connections close. */
  async onApplicationShutdown(): Promise<void> {
    if (this.waitingValues === 0) return;
    const drained = new Promise<void>((resolve) => (this.drained = resolve));
    await Promise.race([drained, sleep(FLUSH_MS, undefined, { ref: false })]);
    const left = [...this.underWay, ...this.waiting];
    this.underWay.clear();
    this.waiting = [];
    for (const one of left) this.settle(one, 'shutdown');
    this.show();
  }

  private async drain(): Promise<void> {
    this.running++;
    while (this.waiting.length > 0) {
      await this.untilWorthwhile();
      const batch = this.take();
      if (batch.length > 0 && !(await this.commit(batch))) await sleep(RETRY_MS, undefined, { ref: false });
    }
    this.running--;
    if (this.waitingValues === 0) this.drained();
  }

  /** Waits until a statement is worth its cost; a sample that comes alone does not wait. */
  private async untilWorthwhile(): Promise<void> {
    const pause = this.lastBegan + PAUSE_MS - performance.now();
    if (pause > 0 && this.waitingValues < VALUES_AT_ONCE) await sleep(pause);
    this.lastBegan = performance.now();
  }

  private take(): Waiting[] {
    let values = 0;
    let count = 0;
    while (count < this.waiting.length && values < VALUES_AT_ONCE) values += this.waiting[count++]!.values;
    const batch = this.waiting.splice(0, count);
    for (const one of batch) this.underWay.add(one);
    return batch;
  }

  /**
   * Writes a batch.
   *
   * @returns false when it failed; samples that are not too old wait again
   */
  private async commit(batch: readonly Waiting[]): Promise<boolean> {
    try {
      await this.store(batch.flatMap(({ rows }) => rows));
      for (const one of batch) if (this.underWay.delete(one)) this.settle(one);
      this.show();
      if (this.failing) this.logger.log('samples are written again');
      this.failing = false;
      return true;
    } catch (error) {
      if (!this.failing) this.logger.warn(`samples can't be written: ${messageOf(error)}`);
      this.failing = true;
      this.putBack(batch, mayPass(error));
      return false;
    }
  }

  private putBack(batch: readonly Waiting[], isWorthwhile: boolean): void {
    const oldest = performance.now() - LATE_MS;
    const again: Waiting[] = [];
    for (const one of batch) {
      if (!this.underWay.delete(one)) continue;
      if (!isWorthwhile) this.settle(one, 'refused');
      else if (one.since < oldest) this.settle(one, 'late');
      else again.push(one);
    }
    this.waiting.unshift(...again);
    this.show();
  }

  private async store(rows: readonly SampleRow[]): Promise<void> {
    try {
      if (rows.length <= FEW_ROWS) await this.addMissing(merged(rows));
      else await this.copy(rows);
    } catch (error) {
      const code = codeOf(error);
      if (code !== NO_PARTITION && code !== UNIQUE_VIOLATION) throw error;
      // Both are rare: a day that nobody prepared, and a sample that is there already.
      await this.partitions.ensure(rows.map(({ at }) => at));
      await this.addMissing(merged(rows));
    }
  }

  private addMissing(rows: readonly SampleRow[]): Promise<unknown> {
    return ADD_MISSING.rows(this.database.keyed, rows);
  }

  /** Copies rows in a transaction that does not wait for the disk. */
  private copy(rows: readonly SampleRow[]): Promise<void> {
    return this.database.copying(async (sql) => {
      await sql.rows('SET LOCAL synchronous_commit = off');
      await sql.copy(COPY, [copyOf(rows)]);
    });
  }

  private settle(one: Waiting, lostBecause?: Lost): void {
    this.waitingValues -= one.values;
    one.settle(lostBecause === undefined);
    if (lostBecause === undefined) telemetry.samples.inc(one.values);
    else this.drop(one.values, lostBecause);
  }

  private drop(values: number, reason: Lost): void {
    telemetry.samplesDropped.inc({ reason }, values);
  }

  private show(): void {
    telemetry.samplesWaiting.set(this.waitingValues);
    const [oldest] = [...this.underWay, ...this.waiting.slice(0, 1)]
      .map(({ since }) => since)
      .sort((a, b) => a - b);
    telemetry.samplesOldest.set(oldest === undefined ? 0 : (performance.now() - oldest) / 1000);
  }
}

/** SQLSTATE classes of temporary failures: deadlocks, held locks, a server that is stopping. */
const PASSING = /^(40|55|57)/;

const mayPass = (error: unknown): boolean =>
  error instanceof Unavailable || PASSING.test(codeOf(error) ?? '');
