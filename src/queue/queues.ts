import { InjectQueue } from '@nestjs/bull';
import {
  Inject,
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { Job, JobOptions, Queue } from 'bull';
import { chunks } from '../common/chunks';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf } from '../common/errors';
import { begin } from '../common/event-loop';
import { telemetry } from '../common/telemetry';
import { QUEUES, type QueueName } from '../config/config';
import { delayByClock, hastenDelayed } from './delayed-jobs';
import { LocalDispatch } from './local-dispatch';
import { SYNC_JOB, type ActionJob, type AlertsJob, type PollJob, type SyncJob } from './jobs';

/** Longest wait for Redis, milliseconds; Bull's own `add` waits for ever while Redis is away. */
const ADD_TIMEOUT_MS = 3_000;
const CLOSE_TIMEOUT_MS = 20_000;
/** Life of a key that is written to test Redis, milliseconds. */
const ABLE_MS = 60_000;
/** Bull's name for jobs without one. */
const UNNAMED = '__default__';

/**
 * Time for which the id of a finished poll is remembered, seconds, so that a second scheduler's copy of it is dropped.
 */
const POLL_ID_SECONDS = 60;

/** Longest delay of a service's job on the queue, milliseconds. */
export const NEAR_MS = 10_000;
/**
 * Longest delay of any job on a queue, milliseconds: later moments may change, and the scheduler queues them when they
 * are near.
 */
export const FARTHEST_MS = 60_000;
/** Largest error of the clocks of processes that queue jobs, milliseconds. */
const TIME_KNOWN_MS = 2_000;

/**
 * Largest number of executions in a job: a job costs as much as an execution, and a slow execution delays no more than
 * these.
 */
const EXECUTIONS_IN_A_JOB = 16;

/**
 * Queues of work. A job that can't be queued is logged and counted, never an error: what must not be lost is in
 * PostgreSQL, and the scheduler's sweeps queue it again.
 */
@Injectable()
export class Queues implements OnModuleInit, BeforeApplicationShutdown {
  private readonly logger = new Logger('Queues');
  private readonly queues: Record<QueueName, Queue>;
  /** Last error of Redis or of the connection, while it is away. */
  private lastError = '';

  constructor(
    @InjectQueue('polls') polls: Queue<PollJob>,
    @InjectQueue('alerts') alerts: Queue<AlertsJob>,
    @InjectQueue('actions') actions: Queue<ActionJob | SyncJob>,
    private readonly dispatch: LocalDispatch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.queues = { polls, alerts, actions };
    for (const queue of [polls, alerts, actions]) delayByClock(queue, clock);
  }

  onModuleInit(): void {
    let away = false;
    const client = this.queues.polls.client;
    client.on('ready', () => {
      if (away) this.logger.log('Redis is back');
      away = false;
      this.lastError = '';
    });
    for (const name of QUEUES) {
      this.queues[name].on('error', (error: Error) => {
        this.lastError = messageOf(error);
        if (!away) this.logger.warn(`Redis is away: ${this.lastError}`);
        away = true;
      });
      noteJobs(this.queues[name], name);
      this.queues[name].on('failed', (job: Job, error: Error) => {
        this.logger.warn(`job ${job.id} on ${name} failed: ${messageOf(error)}`);
      });
    }
  }

  /** Stops taking jobs, and waits for those that run. */
  async beforeApplicationShutdown(): Promise<void> {
    const every = (work: (queue: Queue) => Promise<void>) =>
      Promise.all(QUEUES.map((name) => work(this.queues[name])));
    try {
      // All of them are idle before the first closes: they share connections.
      await within<unknown>(
        CLOSE_TIMEOUT_MS,
        Promise.all([every((queue) => queue.pause(true)), this.dispatch.close()]),
      );
    } catch (error) {
      this.logger.warn(`jobs may still run: ${messageOf(error)}`);
    }
    await within(
      ADD_TIMEOUT_MS,
      every((queue) => queue.close(true)),
    ).catch(() => undefined);
  }

  /**
   * Queues polls. Two schedulers make the same ids, so that a poll is queued once.
   *
   * @returns false when they could not be queued
   */
  addPolls(jobs: PollJob[]): Promise<boolean> {
    return this.add(
      'polls',
      jobs.map((data) => ({
        data,
        opts: {
          // Of a worker that stops, and fails it.
          attempts: 2,
          jobId: `${data.intervalSeconds}:${data.dueAt}:${data.fromSlot}-${data.toSlot}`,
          removeOnComplete: { age: POLL_ID_SECONDS },
          removeOnFail: { age: POLL_ID_SECONDS },
        },
      })),
    );
  }

  /**
   * Returns how many polls wait for a worker, and since when the oldest has been due.
   *
   * @throws Error when Redis is away
   */
  async waitingPolls(): Promise<{ jobs: number; oldestDueAt?: number }> {
    const jobs = await this.waiting('polls');
    if (jobs === 0) return { jobs };
    const [oldest] = await within(ADD_TIMEOUT_MS, this.queues.polls.getWaiting(0, 0));
    return { jobs, oldestDueAt: (oldest?.data as PollJob | undefined)?.dueAt };
  }

  /** @param traces `traceparent` of the span that took each of them in, where that is traced */
  addAlerts(ids: readonly string[], traces?: ReadonlyMap<string, string>): Promise<boolean> {
    return this.add(
      'alerts',
      chunks(ids, 200).map((alerts) => ({ data: { alerts, traces: tracesOf(alerts, traces) } })),
    );
  }

  /**
   * Queues services for evaluation, at a moment if one is given. Moments further ahead than `NEAR_MS` are left out,
   * since they may change: the scheduler queues them when they are near.
   */
  addServices(services: readonly { id: string; at?: Date }[], now: Date): Promise<boolean> {
    const soon = services.filter(({ at }) => at === undefined);
    const later = services.filter(({ at }) => at !== undefined && at.getTime() - now.getTime() <= NEAR_MS);
    return this.add('alerts', [
      ...chunks(soon, 200).map((some) => ({ data: { services: some.map(({ id }) => id) } })),
      ...later.map(({ id, at }) => ({
        data: { services: [id] },
        opts: { delay: Math.max(0, at!.getTime() - now.getTime()), jobId: `moment:${id}:${at!.getTime()}` },
      })),
    ]);
  }

  /**
   * Queues executions, each for its moment; due ones are grouped into jobs. The same attempt has the same job id, and
   * is queued once.
   */
  addExecutions(
    executions: readonly { id: string; tries: number; at?: Date }[],
    now: Date,
  ): Promise<boolean> {
    const due = executions.filter(({ at }) => at === undefined || at <= now);
    const later = executions.filter(
      ({ at }) => at !== undefined && at > now && at.getTime() - now.getTime() <= FARTHEST_MS,
    );
    return this.add('actions', [
      ...chunks(due, EXECUTIONS_IN_A_JOB).map((some) => ({
        data: { executions: some.map(({ id }) => id) },
        opts: { jobId: `${some[0]!.id}:${some[0]!.tries}+${some.length - 1}` },
      })),
      ...later.map(({ id, tries, at }) => ({
        data: { executions: [id] },
        opts: { jobId: `${id}:${tries}`, delay: at!.getTime() - now.getTime() },
      })),
    ]);
  }

  /** Queues executions whose target is to be asked at a moment; the same question has the same job id. */
  addWaiting(executions: readonly { id: string; asked: number; at?: Date }[], now: Date): Promise<boolean> {
    return this.add(
      'actions',
      executions.map(({ id, asked, at }) => ({
        data: { executions: [id], waiting: true },
        opts: { jobId: `${id}:asked:${asked}`, delay: at ? Math.max(0, at.getTime() - now.getTime()) : 0 },
      })),
    );
  }

  /** Queues executions whose worker is gone. */
  addLostExecutions(executions: readonly { id: string; tries: number }[]): Promise<boolean> {
    return this.add(
      'actions',
      executions.map(({ id, tries }) => ({
        data: { executions: [id] },
        opts: { jobId: `${id}:${tries}:lost` },
      })),
    );
  }

  /** Queues load balancers that are due; two schedulers make the same ids. */
  addSyncs(infrastructures: readonly { id: string; at: Date }[]): Promise<boolean> {
    return this.add(
      'actions',
      infrastructures.map(({ id, at }) => ({
        name: SYNC_JOB,
        data: { infrastructure: id },
        opts: { jobId: `sync:${id}:${at.getTime()}` },
      })),
    );
  }

  /**
   * Makes jobs due that are delayed longer than any may be, because a clock was ahead.
   *
   * @returns number of such jobs
   */
  async hastenAhead(): Promise<number> {
    if (this.queues.polls.client.status !== 'ready') return 0;
    const latest = this.clock.now().getTime() + FARTHEST_MS + TIME_KNOWN_MS;
    const counts = await within(
      ADD_TIMEOUT_MS,
      Promise.all(QUEUES.map((name) => hastenDelayed(this.queues[name], latest))),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Checks that Redis answers.
   *
   * @throws Error saying why it does not
   */
  async ping(): Promise<void> {
    await within(ADD_TIMEOUT_MS, this.connected().ping());
  }

  /**
   * Writes a key next to those of each queue, as all work with them does.
   *
   * @throws Error saying why it can't
   */
  async able(): Promise<void> {
    const client = this.connected();
    const write = (name: QueueName) => client.set(`{monscale:${name}}:able`, 1, 'PX', ABLE_MS);
    await within(ADD_TIMEOUT_MS, Promise.all(QUEUES.map(write)));
  }

  /**
   * Returns the client.
   *
   * @throws Error when there is no connection
   */
  private connected(): Queue['client'] {
    const { client } = this.queues.polls;
    if (client.status === 'ready') return client;
    throw new Error(`no connection (${client.status})${this.lastError && `: ${this.lastError}`}`);
  }

  /** Returns an upper bound of the number of executions that wait for a worker. */
  async waitingExecutions(): Promise<number> {
    return EXECUTIONS_IN_A_JOB * (await this.waiting('actions'));
  }

  /** Returns the number of jobs that wait for a worker. */
  async waiting(name: QueueName): Promise<number> {
    await this.ping();
    return within(ADD_TIMEOUT_MS, this.queues[name].getWaitingCount());
  }

  async counts(): Promise<{ queue: QueueName; waiting: number; active: number; delayed: number }[]> {
    await this.ping();
    return Promise.all(
      QUEUES.map(async (queue) => {
        const { waiting, active, delayed } = await within(ADD_TIMEOUT_MS, this.queues[queue].getJobCounts());
        return { queue, waiting, active, delayed };
      }),
    );
  }

  private async add(
    name: QueueName,
    jobs: { name?: string; data: object; opts?: JobOptions & { timestamp?: number } }[],
  ): Promise<boolean> {
    if (jobs.length === 0) return true;
    const queue = this.queues[name];
    const timestamp = this.clock.now().getTime();
    for (const job of jobs) job.opts = { timestamp, ...job.opts };
    try {
      if (queue.client.status !== 'ready') throw new Error(`no connection to Redis (${queue.client.status})`);
      await within<unknown>(
        ADD_TIMEOUT_MS,
        jobs.length === 1
          ? queue.add(jobs[0]!.name ?? UNNAMED, jobs[0]!.data, jobs[0]!.opts)
          : queue.addBulk(jobs),
      );
      return true;
    } catch (error) {
      telemetry.queueFailures.inc({ queue: name }, jobs.length);
      this.logger.warn(
        `${jobs.length} jobs could not be put on ${name}, the sweep will: ${messageOf(error)}`,
      );
      return false;
    }
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer!: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer from Redis in ${ms / 1000} s`)), ms);
  });
  // Whatever comes after the race is nobody's business any more.
  work.catch(() => undefined);
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function tracesOf(
  ids: readonly string[],
  traces: ReadonlyMap<string, string> | undefined,
): AlertsJob['traces'] {
  if (traces === undefined) return undefined;
  return Object.fromEntries(ids.flatMap((id) => (traces.has(id) ? [[id, traces.get(id)!] as const] : [])));
}

/** Records jobs while they run, so that one that blocks the event loop can be named. */
function noteJobs(queue: Queue, name: QueueName): void {
  const ends = new Map<unknown, () => void>();
  const end = ({ id }: Job) => {
    ends.get(id)?.();
    ends.delete(id);
  };
  queue.on('active', (job: Job) => ends.set(job.id, begin(`a job of ${name}`)));
  queue.on('completed', end);
  queue.on('failed', end);
}
