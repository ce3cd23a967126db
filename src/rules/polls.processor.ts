import { Process, Processor } from '@nestjs/bull';
import { Inject } from '@nestjs/common';
import type { Job } from 'bull';
import { AlertValues } from '../alerts/alert-values';
import { CLOCK, type Clock } from '../common/clock';
import { telemetry } from '../common/telemetry';
import { traced, type OpenSpan } from '../common/tracing';
import { Counters, type CounterRead } from '../history/counters';
import { GrowingRows } from '../history/sample-rows';
import { SampleWriter } from '../history/sample-writer';
import { Poller } from '../polling/poller';
import type { Polling } from '../polling/polled';
import type { PollJob } from '../queue/jobs';
import { isOfChange } from '../engine/window';
import { Evaluator } from './evaluator';
import { Observer } from './observer';
import { PolledServiceCache } from './polled-service-cache';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import type { ServiceObservation } from './service-observation';
import { Unpolled } from './unpolled';
import { own } from '../common/records';

/** Number of jobs at a time. Jobs mostly wait for targets, and a dead target must not hold up other jobs. */
const CONCURRENCY = 32;

/**
 * Least time before the next poll with which a job still begins, as a share of the interval and in milliseconds: what
 * begins later would have the services in hand when the next poll comes, and cost that one, too.
 */
const LEAST_LEFT = 0.2;
const LEAST_LEFT_MS = 2_000;

/**
 * Services that a job has in hand: taken when it begins, as far as no other job has them, and each released once.
 * While a service is in `beingRead`, a job has it.
 */
class Hand {
  readonly services: readonly ServiceSnapshot[];
  private readonly isReleased: Uint8Array;
  private left: number;

  constructor(
    due: readonly ServiceSnapshot[],
    private readonly beingRead: Set<string>,
  ) {
    this.services = due.filter(({ compiled }) => isAdded(beingRead, compiled.service.id));
    this.left = this.services.length;
    this.isReleased = new Uint8Array(this.left);
  }

  /** @param index of the service in `services` */
  release(index: number): void {
    if (this.isReleased[index] === 1) return;
    this.isReleased[index] = 1;
    this.left -= 1;
    this.beingRead.delete(this.services[index]!.compiled.service.id);
  }

  releaseAll(): void {
    for (let index = 0; index < this.services.length && this.left > 0; index++) this.release(index);
  }
}

/** Adds to a set; returns whether it was not there. */
function isAdded<T>(set: Set<T>, item: T): boolean {
  const { size } = set;
  return set.add(item).size > size;
}

/**
 * Worker of the `polls` queue: reads the services of a range of slots, evaluates them as readings come, and commits
 * samples and changes.
 *
 * Up to `CONCURRENCY` jobs run at once. A service is read by one job at a time: while it is in `beingRead`, other jobs
 * leave it out and count it as dropped. It is released when its readings are there, or at the end of its job. A job
 * that begins when the next one is near, or later, is dropped as a whole.
 */
@Processor('polls')
export class PollsProcessor {
  /**
   * Ids of services that are being read: a target slower than the interval is not asked again before it has answered or
   * timed out.
   */
  private readonly beingRead = new Set<string>();

  constructor(
    private readonly polledServices: PolledServiceCache,
    private readonly poller: Poller,
    private readonly observer: Observer,
    private readonly writer: SampleWriter,
    private readonly counters: Counters,
    private readonly alertValues: AlertValues,
    private readonly evaluator: Evaluator,
    private readonly unpolled: Unpolled,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Process({ concurrency: CONCURRENCY })
  async poll(job: Job<PollJob>): Promise<void> {
    try {
      await this.traced(job.data);
    } catch (error) {
      // What this worker stops amid is given back to the queue: another may still read it in time.
      if (!this.poller.isStopping) await job.discard();
      throw error;
    }
  }

  private traced(data: PollJob): Promise<void> {
    const options = () => ({
      kind: 'consumer' as const,
      facts: {
        'monscale.poll.interval_seconds': data.intervalSeconds,
        'monscale.poll.late_ms': this.clock.now().getTime() - data.dueAt,
      },
    });
    return traced('poll', options, (span) => this.pollServices(data, span));
  }

  private async pollServices(data: PollJob, span: OpenSpan | undefined): Promise<void> {
    // Before they are seen again, or nobody would know that they were not.
    await this.unpolled.tellWithin(data);
    const due = await this.polledServices.due(data.intervalSeconds, data.fromSlot, data.toSlot);
    const intervalMs = data.intervalSeconds * 1000;
    // A tick of a clock that was ahead gives no more time than another.
    const leftMs = Math.min(data.dueAt + intervalMs - this.clock.now().getTime(), intervalMs);
    if (leftMs < Math.min(LEAST_LEFT * intervalMs, LEAST_LEFT_MS)) {
      span?.fail('late');
      return drop('late', due.length);
    }
    const hand = new Hand(due, this.beingRead);
    const count = hand.services.length;
    if (count < due.length) drop('still_polling', due.length - count);
    span?.add({ 'monscale.services.count': count });
    const began = this.clock.now();
    try {
      await this.read(hand, data, leftMs, span?.traceparent);
      await this.unpolled.polled(data, began);
    } finally {
      hand.releaseAll();
    }
  }

  private async read(hand: Hand, data: PollJob, leftMs: number, trace: string | undefined): Promise<void> {
    const took = telemetry.pollSeconds.startTimer();
    const { services } = hand;
    const previous = await this.observer.previousReadings(services);
    const evaluations: Promise<void>[] = [];
    const polled = services.map(({ compiled }) => compiled);
    for await (const wave of this.poller.poll(polled, leftMs)) {
      for (const { index } of wave) hand.release(index);
      // Not waited for: a count of nodes that takes long in one wave must not hold up the next.
      const evaluation = this.evaluate(wave, data, services, previous, trace);
      evaluation.catch(() => undefined);
      evaluations.push(evaluation);
    }
    await Promise.all(evaluations);
    took();
  }

  private async evaluate(
    wave: readonly Polling<CompiledService>[],
    data: PollJob,
    snapshot: readonly ServiceSnapshot[],
    previous: ReadonlyMap<string, number>,
    trace: string | undefined,
  ): Promise<void> {
    const at = momentOf(data, this.clock.now());
    const written = this.writer.writeRows(rowsOf(wave, at));
    const noted = this.noteCounters(wave, at);
    const alertMetrics = wave.flatMap(({ polled }) => polled.alertMetrics);
    const alerts = await this.alertValues.of(alertMetrics, at);
    const observation: ServiceObservation[] = wave.map(({ polled, index, readings }) =>
      this.observer.observation(snapshot[index]!, readings, alerts, at, previous.get(polled.service.id)),
    );
    if (trace !== undefined) for (const one of observation) one.traces = [trace];
    // Only windows look at what is written.
    const isWritten = wave.some(({ polled }) => polled.windows.length > 0) && (await written);
    await noted;
    await this.evaluator.evaluate(await this.observer.throughWindows(observation, at, isWritten));
    telemetry.pollsDone.inc(wave.length);
  }

  /** Records which metrics are Counter32, before a window needs to know how much one rose. */
  private async noteCounters(wave: readonly Polling<CompiledService>[], at: Date): Promise<void> {
    const reads: CounterRead[] = [];
    const others: number[] = [];
    for (const { polled, readings } of wave) {
      const { id, series } = polled.service;
      for (const metric in readings) {
        const reading = readings[metric]!;
        if (!('value' in reading) || reading.counter32 === undefined) continue;
        reads.push({ series: series[metric]!, service: id, since: reading.counter32.since });
      }
      for (const { metric, window, series: windowed } of polled.windows) {
        const reading = own(readings, metric);
        if (isOfChange(window.function) && reading && 'value' in reading && !reading.counter32)
          others.push(windowed);
      }
    }
    if (reads.length > 0) await this.counters.note(reads, at);
    if (others.length > 0) await this.counters.noteOthers(others);
  }
}

const drop = (reason: string, services: number): void => telemetry.pollsDropped.inc({ reason }, services);

/**
 * Time around a tick of a job within which a reading is dated by the tick, milliseconds. So readings stand an interval
 * apart, a hold of 60 s is not missed by some milliseconds, and a reading taken twice is kept once.
 */
const TICK_MS = 500;

function momentOf({ dueAt, intervalSeconds }: PollJob, now: Date): Date {
  const intervalMs = intervalSeconds * 1000;
  const tick = dueAt + Math.max(0, Math.floor((now.getTime() - dueAt) / intervalMs)) * intervalMs;
  return Math.abs(now.getTime() - tick) < TICK_MS ? new Date(tick) : now;
}

function rowsOf(wave: readonly Polling<CompiledService>[], at: Date): GrowingRows {
  const rows = new GrowingRows();
  const moment = at.getTime();
  for (const { polled, readings } of wave) {
    const { series } = polled.service;
    for (const metric in readings) {
      const reading = readings[metric]!;
      if ('value' in reading) rows.add(series[metric]!, moment, reading.value);
    }
  }
  return rows;
}
