import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { Database } from '../database/database';
import { Statement } from '../database/statement';

/** Reading of a Counter32. */
export interface CounterRead {
  series: number;
  /** Id of its service. */
  service: string;
  /** Moment at which it began to count, ms since 1970; absent when unknown. */
  since?: number;
}

interface Known {
  since?: number;
  /** Moment of the last reading, ms since 1970. */
  readAt: number;
}

/**
 * Largest number of restarts kept per series; the rate of a device that restarts more often within one window can't be
 * told.
 */
const MAX_BEGINS = 100;
const MAX_KNOWN = 1_000_000;
/**
 * Largest difference between two computed moments of the same start, milliseconds: it is computed from the agent's
 * clock and the arrival of its answer, and varies a little.
 */
const SAME_MS = 3_000;
/** Period in which sysUpTime itself wraps, milliseconds: hundredths of a second in 32 bits, 497 days. */
const ROUND_MS = 2 ** 32 * 10;

/** Deletes what is known of series that are no counters. */
const FORGET = new Statement('counters_end', 'DELETE FROM counters WHERE series = ANY($1::bigint[])');

/** Notes when counters began, where that is news. */
const WRITE = new Statement(
  'counters_write',
  `INSERT INTO counters AS c (series, service_id, begins)
   SELECT u.series, s.id, CASE WHEN u.since IS NULL THEN '{}' ELSE ARRAY[u.since] END
   FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[]) AS u (series, service_id, since)
     JOIN services s ON s.id = u.service_id
   ON CONFLICT (series) DO UPDATE
     SET begins = (c.begins || excluded.begins)[greatest(1, cardinality(c.begins) + 2 - ${MAX_BEGINS}):]
     WHERE excluded.begins <> '{}' AND NOT EXISTS (
       SELECT FROM unnest(c.begins) AS b (at)
       WHERE abs(extract(epoch FROM b.at - excluded.begins[1])) * 1000 <= ${SAME_MS})`,
);

/**
 * Record of which series are Counter32, and when they restarted, so that a rate can tell a wrapped counter from a
 * restarted one. Written only when something is new, which is rare.
 */
@Injectable()
export class Counters {
  private readonly logger = new Logger('Counters');
  private readonly known = new Map<number, Known>();
  /** Series with a rate that are no Counter32. */
  private readonly others = new Set<number>();

  constructor(private readonly database: Database) {}

  /**
   * Records readings of Counter32; called for each one. Never throws: what can't be written now is written at the next
   * reading.
   */
  async note(reads: readonly CounterRead[], at: Date): Promise<void> {
    const now = at.getTime();
    const news: CounterRead[] = [];
    for (const read of reads) {
      const known = this.known.get(read.series);
      if (known === undefined || isBeginning(read.since, known)) news.push(read);
      else known.readAt = now;
    }
    if (news.length === 0) return;
    try {
      await this.write(news);
    } catch (error) {
      this.logger.warn(`when counters began can't be written: ${messageOf(error)}`);
      return;
    }
    if (this.known.size + news.length > MAX_KNOWN) this.known.clear();
    for (const { series, since } of news) {
      this.others.delete(series);
      this.known.set(series, { since: since ?? this.known.get(series)?.since, readAt: now });
    }
  }

  /** Removes series with a rate that are no Counter32; their metric may have been one before. */
  async noteOthers(series: readonly number[]): Promise<void> {
    const news = series.filter((one) => !this.others.has(one));
    if (news.length === 0) return;
    try {
      await FORGET.rows(this.database, [news]);
    } catch (error) {
      this.logger.warn(`counters that are none any more can't be forgotten: ${messageOf(error)}`);
      return;
    }
    if (this.others.size + news.length > MAX_KNOWN) this.others.clear();
    for (const one of news) {
      this.known.delete(one);
      this.others.add(one);
    }
  }

  private async write(news: readonly CounterRead[]): Promise<void> {
    const sorted = [...news].sort((a, b) => a.series - b.series);
    await WRITE.rows(this.database, [
      sorted.map(({ series }) => series),
      sorted.map(({ service }) => service),
      sorted.map(({ since }) => (since === undefined ? null : new Date(since))),
    ]);
  }
}

/** Tells whether a counter has restarted since its last reading. */
function isBeginning(since: number | undefined, { since: before, readAt }: Known): boolean {
  if (since === undefined) return false;
  if (before === undefined) return true;
  if (since <= readAt - SAME_MS || since <= before + SAME_MS) return false;
  const beyond = (since - before) % ROUND_MS;
  return Math.min(beyond, ROUND_MS - beyond) > SAME_MS;
}
