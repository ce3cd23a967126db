import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { QUEUES, type QueueName } from '../config/config';
import { Database } from '../database/database';
import { MAY_ACT } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';

/** Work of a queue that a worker could begin now. */
export interface Waiting {
  /** Number of things that wait, up to `COUNTED_AT_MOST`; of polls, of jobs. */
  waiting: number;
  /** Time for which the oldest of them has waited, seconds; 0 when none waits. */
  oldestSeconds: number;
}

/** Largest number of things of one kind that are counted: no autoscaler needs to know how many more there are. */
export const COUNTED_AT_MOST = 10_000;
/** Time without a tick after which it is not known which polls are due, seconds. */
const TICK_LATE_SECONDS = 30;

/** Returns SQL of the moments since when things have waited, of those that come first by an order. */
const waits = (moment: string, from: string, where: string, order = moment): string =>
  `(SELECT ${moment} AS since FROM ${from} WHERE ${where} ORDER BY ${order} LIMIT ${COUNTED_AT_MOST})`;

/** Alerts that no rule has seen, services whose moment has come, and services that were changed. */
const ALERTS = [
  waits(
    // One that changes after its first receipt waits since it was seen last.
    'CASE WHEN revision = 1 THEN received_at ELSE last_seen_at END',
    'alerts',
    'processed < revision',
    'received_at',
  ),
  waits('next_moment', 'service_states', 'next_moment <= now()'),
  waits('changed_at', 'changed_services', 'changed_at <= now()'),
].join(' UNION ALL ');

/** Executions that are due, and executions whose target is to be asked. More workers help none that a limit holds. */
const ACTIONS = [`status = 'queued' AND held IS NULL AND ${MAY_ACT}`, `status = 'waiting'`]
  .map((which) => waits('next_attempt_at', 'executions', `${which} AND next_attempt_at <= now()`))
  .join(' UNION ALL ');

const waitingIn = (rows: string): string =>
  `SELECT count(*)::int AS waiting, greatest(0, coalesce(extract(epoch FROM now() - min(since)), 0))::float8 AS "oldestSeconds"
   FROM (${rows}) AS waits`;

/**
 * How long the tick is late by which a scheduler puts polls on the queue, seconds; null when nothing is polled, or all
 * that is due stands there.
 */
const TICK = `SELECT extract(epoch FROM now() - nullif(ticked_until, '-infinity'))::float8 AS "lateSeconds"
  FROM poll_clock WHERE ticked_until < now() - interval '${TICK_LATE_SECONDS} seconds'
    AND EXISTS (SELECT FROM services WHERE enabled AND polled)`;

/** Tells how much work waits for workers, for what scales monscale itself. What can't be read is an error, never 0. */
@Injectable()
export class Scaling {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Returns what waits on queues, by name.
   *
   * @throws Unavailable when it can't be known of one of them
   */
  async waiting(names: readonly QueueName[] = QUEUES): Promise<Partial<Record<QueueName, Waiting>>> {
    const found = await Promise.all(names.map((name) => this.on(name)));
    return Object.fromEntries(names.map((name, index) => [name, found[index]!]));
  }

  private async on(name: QueueName): Promise<Waiting> {
    if (name === 'polls') return this.polls();
    const [row] = await this.database.rows<Waiting & object>(waitingIn(name === 'alerts' ? ALERTS : ACTIONS));
    return row!;
  }

  private async polls(): Promise<Waiting> {
    const [[tick], { jobs, oldestDueAt }] = await Promise.all([
      this.database.rows<{ lateSeconds: number | null }>(TICK),
      this.queues.waitingPolls().catch((error: unknown) => {
        throw new Unavailable(`Redis can't be asked how many polls wait: ${messageOf(error)}`);
      }),
    ]);
    if (tick !== undefined) throw new Unavailable(lateTick(tick.lateSeconds));
    const oldestMs = oldestDueAt === undefined ? 0 : this.clock.now().getTime() - oldestDueAt;
    return { waiting: jobs, oldestSeconds: Math.max(0, oldestMs) / 1_000 };
  }
}

const lateTick = (seconds: number | null): string =>
  `which polls are due is not known: no scheduler has put any on the queue ${seconds === null ? 'yet' : `for ${Math.round(seconds)} s`}`;
