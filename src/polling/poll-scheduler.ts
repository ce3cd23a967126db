import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { AHEAD_AT_MOST_MS, tellAhead } from '../common/moments-ahead';
import { Recurring } from '../common/periodic';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import type { PollJob } from '../queue/jobs';
import { Queues } from '../queue/queues';
import { dueSlots, parts, type SlotRange } from './poll-schedule';

/** Services that one job reads and evaluates. */
const SERVICES_PER_JOB = 250;

/** Jobs that may wait for a worker: what comes behind so many would come too late, and they end when no worker is there. */
const MAX_WAITING_JOBS = 10_000;
/** A scheduler that has put nothing on the queue for so long, whatever was due, is not ready. */
const LATE_MS = 10_000;
/** As far apart as two schedulers may know the time. */
const AHEAD_AT_MOST_SECONDS = AHEAD_AT_MOST_MS / 1_000;

type NotPut = 'queue_full' | 'redis_away';
const WHY_NOT: Record<NotPut, string> = {
  queue_full: `${MAX_WAITING_JOBS.toLocaleString('en')} jobs wait for a worker that serves the queue polls`,
  redis_away: 'Redis is away',
};

const NOTHING_WAITS = { jobs: 0, oldestDueAt: undefined };

interface Due extends SlotRange {
  intervalSeconds: number;
  services: number;
}

/**
 * Says every second which services are due and puts their polls on the queue. Holds no service in memory; two of them
 * side by side make the same jobs, and Bull keeps one of each.
 */
@Injectable()
export class PollScheduler extends Recurring {
  /** When all that was due by then stood on the queue last, by the monotonic clock. */
  private putAt?: number;
  /** Why it does not now. */
  private whyNot?: NotPut;
  /** At the last look. */
  private waitingJobs = 0;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    super(() => untilNextSecond(clock.now()));
  }

  /** Takes up where the last tick of any scheduler ended, so that a pause loses no poll of a long interval. */
  override async round(): Promise<void> {
    const upTo = Math.floor(this.clock.now().getTime() / 1_000);
    const after = await this.tickedUntil(upTo);
    // Another scheduler has put them there.
    if (upTo <= after) return this.ticked(upTo);
    const due = await this.due(after, upTo);
    const jobs = due.flatMap(({ intervalSeconds, services, ...range }) =>
      parts(range, services, SERVICES_PER_JOB).map((part): PollJob => ({
        intervalSeconds,
        ...part,
        dueAt: upTo * 1_000,
      })),
    );
    const total = due.reduce((sum, { services }) => sum + services, 0);
    telemetry.pollsDue.inc(total);
    this.whyNot = await this.put(jobs);
    if (this.whyNot !== undefined) telemetry.pollsDropped.inc({ reason: this.whyNot }, total);
    await this.database.rows(
      'UPDATE poll_clock SET ticked_until = to_timestamp($1) WHERE ticked_until < to_timestamp($1)',
      [upTo],
      'tick_until',
    );
    if (this.whyNot === undefined) this.ticked(upTo);
    await this.lookAtQueue();
  }

  /** Why no polls are put on the queue; undefined when they are. */
  problem(): string | undefined {
    const lateMs = this.putAt === undefined ? Infinity : performance.now() - this.putAt;
    if (lateMs < LATE_MS) return undefined;
    const last = this.putAt === undefined ? 'yet' : `for ${Math.round(lateMs / 1000)} s`;
    return `it has put no polls on the queue ${last}${this.whyNot === undefined ? '' : `: ${WHY_NOT[this.whyNot]}`}`;
  }

  /** Until when polls were put on the queue, by whichever scheduler; seconds. A moment that is still to come is set right. */
  private async tickedUntil(upTo: number): Promise<number> {
    const [clock] = await this.database.rows<{ after: number | null }>(
      `SELECT CASE WHEN isfinite(ticked_until) THEN extract(epoch FROM ticked_until)::float8 END AS after FROM poll_clock`,
      [],
      'tick_after',
    );
    const after = clock!.after ?? upTo - 1;
    if (after <= upTo + AHEAD_AT_MOST_SECONDS) return after;
    const [set] = await this.database.rows(
      'UPDATE poll_clock SET ticked_until = to_timestamp($1) WHERE ticked_until > to_timestamp($2) RETURNING ticked_until',
      [upTo - 1, upTo + AHEAD_AT_MOST_SECONDS],
    );
    if (set !== undefined)
      tellAhead('tick', `polls were put on the queue up to ${Math.round(after - upTo)} s ahead of now`);
    return upTo - 1;
  }

  /** Answers why they could not be put on the queue. */
  private async put(jobs: PollJob[]): Promise<NotPut | undefined> {
    if (this.waitingJobs + jobs.length > MAX_WAITING_JOBS) return 'queue_full';
    return (await this.queues.addPolls(jobs)) ? undefined : 'redis_away';
  }

  /** After a tick, so that none waits for it. */
  private async lookAtQueue(): Promise<void> {
    // When Redis is away, it is the adding that says so.
    const { jobs, oldestDueAt } = await this.queues.waitingPolls().catch(() => NOTHING_WAITS);
    this.waitingJobs = jobs;
    const oldestMs = oldestDueAt === undefined ? 0 : this.clock.now().getTime() - oldestDueAt;
    telemetry.oldestPoll.set(Math.max(0, oldestMs) / 1_000);
  }

  private ticked(upTo: number): void {
    this.putAt = performance.now();
    this.whyNot = undefined;
    telemetry.lastTick.set(upTo);
  }

  /** Ranges of slots that are due and hold services. Reads the index entries of what is due, nothing else. */
  private async due(after: number, upTo: number): Promise<Due[]> {
    const intervals = await this.intervals();
    const ranges = intervals.flatMap((intervalSeconds) =>
      dueSlots(intervalSeconds, after, upTo).map((range) => ({ intervalSeconds, ...range })),
    );
    if (ranges.length === 0) return [];
    return this.database.rows<Due>(
      `SELECT r.interval AS "intervalSeconds", r.first AS "fromSlot", r.last AS "toSlot", count(*)::int AS services
       FROM unnest($1::int[], $2::int[], $3::int[]) AS r (interval, first, last)
         JOIN services s ON s.interval_seconds = r.interval AND s.slot BETWEEN r.first AND r.last AND s.enabled AND s.polled
       GROUP BY 1, 2, 3`,
      [
        ranges.map(({ intervalSeconds }) => intervalSeconds),
        ranges.map(({ fromSlot }) => fromSlot),
        ranges.map(({ toSlot }) => toSlot),
      ],
      'tick_due',
    );
  }

  /** The intervals in use: one step in the index for each. */
  private async intervals(): Promise<number[]> {
    const rows = await this.database.rows<{ interval: number }>(
      `WITH RECURSIVE used AS (
         (SELECT interval_seconds AS interval FROM services WHERE enabled AND polled ORDER BY 1 LIMIT 1)
         UNION ALL
         SELECT (SELECT interval_seconds FROM services WHERE enabled AND polled AND interval_seconds > used.interval ORDER BY 1 LIMIT 1)
         FROM used WHERE used.interval IS NOT NULL)
       SELECT interval FROM used WHERE interval IS NOT NULL`,
      [],
      'tick_intervals',
    );
    return rows.map(({ interval }) => interval);
  }
}

/** Milliseconds to just after the second that begins next. */
const untilNextSecond = (now: Date): number => 1_000 - (now.getTime() % 1_000) + 1;
