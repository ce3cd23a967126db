import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { AHEAD_AT_MOST_MS, tellAhead } from '../common/moments-ahead';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { PollJob } from '../queue/jobs';
import { Queues } from '../queue/queues';
import { dueSlots, parts, type SlotRange } from './poll-schedule';

/**
 * Most jobs that may wait for a worker: jobs behind so many would come too late, and pile up when no worker is there.
 */
const MAX_WAITING_JOBS = 10_000;
/** Time without a tick after which a scheduler is not ready, milliseconds. */
const LATE_MS = 10_000;
/** Longest pause between two looks at a queue on which nothing is put and nothing waited, milliseconds. */
const LOOK_EVERY_MS = 5_000;
/** Time after which the tick is kept although nothing was due, seconds: each time is a commit. */
const KEPT_EVERY_SECONDS = 5;
/** Longest time by which the clocks of two schedulers may differ, seconds. */
const AHEAD_AT_MOST_SECONDS = AHEAD_AT_MOST_MS / 1_000;

type NotPut = 'queue_full' | 'redis_away';
const WHY_NOT: Record<NotPut, string> = {
  queue_full: `${MAX_WAITING_JOBS.toLocaleString('en')} jobs wait for a worker that serves the queue polls`,
  redis_away: 'Redis is away',
};

interface Due extends SlotRange {
  intervalSeconds: number;
  services: number;
}

/** Moves the tick on. */
const TICK = new Statement(
  'tick_until',
  'UPDATE poll_clock SET ticked_until = to_timestamp($1) WHERE ticked_until < to_timestamp($1)',
);

/** Reads the tick, and the intervals in use, at one step in the index for each. */
const TICKED = new Statement<{ after: number | null; intervals: number[] }>(
  'tick_after',
  `WITH RECURSIVE used AS (
     (SELECT interval_seconds AS interval FROM services WHERE enabled AND polled ORDER BY 1 LIMIT 1)
     UNION ALL
     SELECT (SELECT interval_seconds FROM services WHERE enabled AND polled AND interval_seconds > used.interval ORDER BY 1 LIMIT 1)
     FROM used WHERE used.interval IS NOT NULL)
   SELECT CASE WHEN isfinite(ticked_until) THEN extract(epoch FROM ticked_until)::float8 END AS after,
     ARRAY(SELECT interval FROM used WHERE interval IS NOT NULL) AS intervals
   FROM poll_clock`,
);

/** Counts the services in ranges of slots that are due. */
const DUE = new Statement<Due>(
  'tick_due',
  `SELECT r.interval AS "intervalSeconds", r.first AS "fromSlot", r.last AS "toSlot", count(*)::int AS services
   FROM unnest($1::int[], $2::int[], $3::int[]) AS r (interval, first, last)
     JOIN services s ON s.interval_seconds = r.interval AND s.slot BETWEEN r.first AND r.last AND s.enabled AND s.polled
   GROUP BY 1, 2, 3`,
);

/**
 * Puts the polls of all services that are due on the queue, every second.
 *
 * - The tick in PostgreSQL is the moment up to which polls were put on the queue, or dropped; it never goes back,
 *   except when it lies too far ahead of now.
 * - No service is held in memory; two schedulers side by side make the same jobs, and Bull keeps one of each.
 * - Polls that find the queue full or Redis away are dropped, and counted.
 */
@Injectable()
export class PollScheduler extends Recurring {
  /** Moment at which all that was due stood on the queue last, by the monotonic clock. */
  private putAt?: number;
  /** Reason why it does not stand there now. */
  private whyNot?: NotPut;
  /** Number of jobs that waited at the last look, and the moment of that, by the monotonic clock. */
  private waitingJobs = 0;
  private lookedAt = -Infinity;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(() => untilNextSecond(clock.now()));
  }

  /**
   * Puts on the queue what came due since the last tick of any scheduler, so that a pause loses no poll of a long
   * interval.
   */
  override async round(): Promise<void> {
    const upTo = Math.floor(this.clock.now().getTime() / 1_000);
    const { after, intervals } = await this.tickedUntil(upTo);
    // Another scheduler has put them there.
    if (upTo <= after) return this.ticked(upTo);
    const due = await this.due(intervals, after, upTo);
    const jobs = due.flatMap(({ intervalSeconds, services, ...range }) =>
      parts(range, services).map((part): PollJob => ({
        intervalSeconds,
        ...part,
        dueAt: upTo * 1_000,
      })),
    );
    const total = due.reduce((sum, { services }) => sum + services, 0);
    telemetry.pollsDue.inc(total);
    this.whyNot = await this.put(jobs);
    if (this.whyNot !== undefined) telemetry.pollsDropped.inc({ reason: this.whyNot }, total);
    // Of seconds in which nothing was due, a few may be looked at again.
    if (total > 0 || upTo - after >= KEPT_EVERY_SECONDS) await TICK.rows(this.database, [upTo]);
    if (this.whyNot === undefined) this.ticked(upTo);
    const isOld = performance.now() - this.lookedAt >= LOOK_EVERY_MS;
    if (jobs.length > 0 || this.waitingJobs > 0 || isOld) await this.lookAtQueue();
  }

  /** Returns why no polls are put on the queue; undefined when they are. */
  problem(): string | undefined {
    const lateMs = this.putAt === undefined ? Infinity : performance.now() - this.putAt;
    if (lateMs < LATE_MS) return undefined;
    const last = this.putAt === undefined ? 'yet' : `for ${Math.round(lateMs / 1000)} s`;
    return `it has put no polls on the queue ${last}${this.whyNot === undefined ? '' : `: ${WHY_NOT[this.whyNot]}`}`;
  }

  /**
   * Returns the second until which any scheduler has put polls on the queue, and the intervals in use. A moment too far
   * in the future is corrected.
   */
  private async tickedUntil(upTo: number): Promise<{ after: number; intervals: number[] }> {
    const [clock] = await TICKED.rows(this.database);
    const { intervals } = clock!;
    const after = clock!.after ?? upTo - 1;
    if (after <= upTo + AHEAD_AT_MOST_SECONDS) return { after, intervals };
    const [set] = await this.database.rows(
      'UPDATE poll_clock SET ticked_until = to_timestamp($1) WHERE ticked_until > to_timestamp($2) RETURNING ticked_until',
      [upTo - 1, upTo + AHEAD_AT_MOST_SECONDS],
    );
    if (set !== undefined)
      tellAhead('tick', `polls were put on the queue up to ${Math.round(after - upTo)} s ahead of now`);
    return { after: upTo - 1, intervals };
  }

  /** Puts jobs on the queue, or returns why they could not be put there. */
  private async put(jobs: PollJob[]): Promise<NotPut | undefined> {
    if (this.waitingJobs + jobs.length > MAX_WAITING_JOBS) return 'queue_full';
    return (await this.queues.addPolls(jobs)) ? undefined : 'redis_away';
  }

  /** Measures the queue, after a tick, so that no tick waits for it. */
  private async lookAtQueue(): Promise<void> {
    // When Redis is away, it is the adding that says so; how long polls wait is not known then.
    this.lookedAt = performance.now();
    const waiting = await this.queues.waitingPolls().catch(() => undefined);
    this.waitingJobs = waiting?.jobs ?? 0;
    if (waiting === undefined) return telemetry.oldestPoll.remove();
    const { oldestDueAt } = waiting;
    const oldestMs = oldestDueAt === undefined ? 0 : this.clock.now().getTime() - oldestDueAt;
    telemetry.oldestPoll.set(Math.max(0, oldestMs) / 1_000);
  }

  private ticked(upTo: number): void {
    this.putAt = performance.now();
    this.whyNot = undefined;
    telemetry.lastTick.set(upTo);
  }

  /** Returns ranges of slots that are due and hold services. Reads the index entries of what is due, nothing else. */
  private async due(intervals: readonly number[], after: number, upTo: number): Promise<Due[]> {
    const ranges = intervals.flatMap((intervalSeconds) =>
      dueSlots(intervalSeconds, after, upTo).map((range) => ({ intervalSeconds, ...range })),
    );
    if (ranges.length === 0) return [];
    return DUE.rows(this.database, [
      ranges.map(({ intervalSeconds }) => intervalSeconds),
      ranges.map(({ fromSlot }) => fromSlot),
      ranges.map(({ toSlot }) => toSlot),
    ]);
  }
}

/** Returns the milliseconds to just after the second that begins next. */
const untilNextSecond = (now: Date): number => 1_000 - (now.getTime() % 1_000) + 1;
