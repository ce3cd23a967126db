import { Process, Processor } from '@nestjs/bull';
import { Inject } from '@nestjs/common';
import type { Job } from 'bull';
import { AlertValues } from '../alerts/alert-values';
import { CLOCK, type Clock } from '../common/clock';
import { telemetry } from '../common/telemetry';
import { Samples, type Sample } from '../history/samples';
import { Poller, type Polling } from '../metrics/poller';
import type { PollJob } from '../queue/jobs';
import { Evaluator } from './evaluator';
import { Observer } from './observer';
import { Roster } from './roster';
import type { Prepared, Watched } from './rule-book';
import type { Seen } from './seen';

/** Jobs wait for targets most of their time; a dead target must not hold up other jobs. */
const CONCURRENCY = 32;

/** Polls: reads the services of a range of slots, evaluates them as they come back, commits samples and changes. */
@Processor('polls')
export class PollsProcessor {
  constructor(
    private readonly roster: Roster,
    private readonly poller: Poller,
    private readonly observer: Observer,
    private readonly samples: Samples,
    private readonly alertValues: AlertValues,
    private readonly evaluator: Evaluator,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  @Process({ concurrency: CONCURRENCY })
  async poll({ data }: Job<PollJob>): Promise<void> {
    const watched = await this.roster.due(data.intervalSeconds, data.fromSlot, data.toSlot);
    const lateMs = this.clock.now().getTime() - data.dueAt;
    if (lateMs > data.intervalSeconds * 1000) {
      telemetry.pollsDropped.inc({ reason: 'late' }, watched.length);
      return;
    }
    const took = telemetry.pollSeconds.startTimer();
    const previous = await this.observer.previousReadings(watched);
    const byService = new Map(watched.map((one) => [one.prepared, one]));
    const evaluations: Promise<void>[] = [];
    for await (const wave of this.poller.poll([...byService.keys()])) {
      // Not waited for: a count of nodes that takes long in one wave must not hold up the next.
      const evaluation = this.evaluate(wave, momentOf(data, this.clock.now()), byService, previous);
      evaluation.catch(() => undefined);
      evaluations.push(evaluation);
    }
    await Promise.all(evaluations);
    took();
  }

  private async evaluate(
    wave: Polling<Prepared>[],
    at: Date,
    byService: Map<Prepared, Watched>,
    previous: Map<string, number>,
  ): Promise<void> {
    const samples = wave.flatMap((polling) => samplesOf(polling, at));
    const alertMetrics = wave.flatMap(({ polled }) => polled.alertMetrics);
    const [alerts] = await Promise.all([this.alertValues.of(alertMetrics, at), this.samples.write(samples)]);
    const seen: Seen[] = wave.map(({ polled, readings }) =>
      this.observer.seen(byService.get(polled)!, readings, alerts, at, previous.get(polled.service.id)),
    );
    await this.evaluator.evaluate(await this.observer.throughWindows(seen, at));
    telemetry.pollsDone.inc(wave.length);
  }
}

/**
 * A reading that comes within this time of a tick of its job counts as of the tick, so that readings stand an
 * interval apart and a hold of 60 s is not missed by some milliseconds; and one that is taken twice is kept once.
 */
const TICK_MS = 500;

function momentOf({ dueAt, intervalSeconds }: PollJob, now: Date): Date {
  const intervalMs = intervalSeconds * 1000;
  const tick = dueAt + Math.max(0, Math.floor((now.getTime() - dueAt) / intervalMs)) * intervalMs;
  return Math.abs(now.getTime() - tick) < TICK_MS ? new Date(tick) : now;
}

function samplesOf({ polled, readings }: Polling<Prepared>, at: Date): Sample[] {
  return Object.entries(readings).flatMap(([metric, reading]) =>
    'value' in reading ? [{ series: polled.service.series[metric]!, at, value: reading.value }] : [],
  );
}
