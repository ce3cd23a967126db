import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
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
  lastTick?: Date;
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
    const [clock] = await this.database.rows<{ after: number | null }>(
      `SELECT CASE WHEN isfinite(ticked_until) THEN extract(epoch FROM ticked_until)::float8 END AS after FROM poll_clock`,
      [],
      'tick_after',
    );
    const after = clock!.after ?? upTo - 1;
    if (upTo <= after) return this.ticked();
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
    const whyNot = await this.put(jobs);
    if (whyNot !== undefined) telemetry.pollsDropped.inc({ reason: whyNot }, total);
    await this.database.rows(
      'UPDATE poll_clock SET ticked_until = to_timestamp($1) WHERE ticked_until < to_timestamp($1)',
      [upTo],
      'tick_until',
    );
    this.ticked();
    await this.lookAtQueue();
  }

  /** Answers why they could not be put on the queue. */
  private async put(jobs: PollJob[]): Promise<'queue_full' | 'redis_away' | undefined> {
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

  private ticked(): void {
    this.lastTick = this.clock.now();
    telemetry.lastTick.set(this.lastTick.getTime() / 1_000);
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
