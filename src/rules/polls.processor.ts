import { Process, Processor } from '@nestjs/bull';
import { Inject } from '@nestjs/common';
import type { Job } from 'bull';
import { AlertValues } from '../alerts/alert-values';
import { CLOCK, type Clock } from '../common/clock';
import { telemetry } from '../common/telemetry';
import { traced, type OpenSpan } from '../common/tracing';
import { Counters, type CounterRead } from '../history/counters';
import type { Sample } from '../history/sample-rows';
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
   * Services that are being read, and by which job: a target slower than the interval is not asked again before it has
   * answered or timed out.
   */
  private readonly beingRead = new Map<string, PollJob>();

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
    const snapshot = due.filter(({ compiled }) => !this.beingRead.has(compiled.service.id));
    if (snapshot.length < due.length) drop('still_polling', due.length - snapshot.length);
    span?.add({ 'monscale.services.count': snapshot.length });
    const began = this.clock.now();
    for (const { compiled } of snapshot) this.beingRead.set(compiled.service.id, data);
    try {
      await this.read(snapshot, data, leftMs, span?.traceparent);
      await this.unpolled.polled(data, began);
    } finally {
      for (const { compiled } of snapshot) this.letGo(compiled, data);
    }
  }

  private async read(
    snapshot: readonly ServiceSnapshot[],
    data: PollJob,
    leftMs: number,
    trace: string | undefined,
  ): Promise<void> {
    const took = telemetry.pollSeconds.startTimer();
    const previous = await this.observer.previousReadings(snapshot);
    const byService = new Map(snapshot.map((one) => [one.compiled, one]));
    const evaluations: Promise<void>[] = [];
    for await (const wave of this.poller.poll([...byService.keys()], leftMs)) {
      for (const { polled } of wave) this.letGo(polled, data);
      // Not waited for: a count of nodes that takes long in one wave must not hold up the next.
      const evaluation = this.evaluate(wave, data, byService, previous, trace);
      evaluation.catch(() => undefined);
      evaluations.push(evaluation);
    }
    await Promise.all(evaluations);
    took();
  }

  private async evaluate(
    wave: Polling<CompiledService>[],
    data: PollJob,
    byService: Map<CompiledService, ServiceSnapshot>,
    previous: Map<string, number>,
    trace: string | undefined,
  ): Promise<void> {
    const at = momentOf(data, this.clock.now());
    const written = this.writer.write(samplesOf(wave, at));
    const noted = this.noteCounters(wave, at);
    const alertMetrics = wave.flatMap(({ polled }) => polled.alertMetrics);
    const alerts = await this.alertValues.of(alertMetrics, at);
    const observation: ServiceObservation[] = wave.map(({ polled, readings }) =>
      this.observer.observation(
        byService.get(polled)!,
        readings,
        alerts,
        at,
        previous.get(polled.service.id),
      ),
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

  /** Releases a service, unless a later job has it in hand. */
  private letGo({ service }: CompiledService, data: PollJob): void {
    if (this.beingRead.get(service.id) === data) this.beingRead.delete(service.id);
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

function samplesOf(wave: readonly Polling<CompiledService>[], at: Date): Sample[] {
  const samples: Sample[] = [];
  for (const { polled, readings } of wave) {
    const { series } = polled.service;
    for (const metric in readings) {
      const reading = readings[metric]!;
      if ('value' in reading) samples.push({ series: series[metric]!, at, value: reading.value });
    }
  }
  return samples;
}
