import { Inject, Injectable } from '@nestjs/common';
import { AlertValues, type AlertValue } from '../alerts/alert-values';
import { CLOCK, type Clock } from '../common/clock';
import { Unavailable } from '../common/errors';
import { AHEAD_AT_MOST_MS } from '../common/moments-ahead';
import type { Sample } from '../history/sample-rows';
import { SampleWriter } from '../history/sample-writer';
import { Samples, type SeriesWindow } from '../history/samples';
import type { Reading } from '../common/reading';
import { asksForGap, rememberedUntil } from '../engine/evaluate';
import { isOfAll, isOfChange, windowed, windowNote } from '../engine/window';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { fedBy, withOpenReason, type ServiceObservation } from './service-observation';
import { own } from '../common/records';

/** Number of intervals after which a reading says nothing about now. */
export const STALE_INTERVALS = 3;
/** Number of days back in which the last reading before a gap is looked for. */
const GAP_DAYS = 7;
const DAY_MS = 86_400_000;

const NOTHING: readonly never[] = [];
// Shared, as nearly all observations have none of either.
const NO_ERRORS: Readonly<Record<string, string>> = Object.freeze({});
const NO_MOMENTS: Readonly<Record<string, Date>> = Object.freeze({});

/** Largest number of readings of a window that alerts feed; the newest are used. */
const MAX_PUSHED = 3_000;

/** A number that was sent for a polled metric, and its time. */
export interface PushedReading {
  value: number;
  at: Date;
}

/** Collects what is known of a service at one moment: readings, current alerts, earlier samples. */
@Injectable()
export class Observer {
  constructor(
    private readonly samples: Samples,
    private readonly writer: SampleWriter,
    private readonly alertValues: AlertValues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Returns the last observation of each service that is pending or in alarm, ms since 1970: a hold must not count time
   * in a gap.
   */
  async previousReadings(snapshot: readonly ServiceSnapshot[]): Promise<Map<string, number>> {
    const asking = snapshot.filter(({ state }) => state !== undefined && asksForGap(state));
    const series = asking.flatMap(({ compiled }) => Object.values(compiled.service.series));
    const now = this.clock.now().getTime();
    // What a clock that was ahead has read, or remembered, was not seen then.
    const latest = now + AHEAD_AT_MOST_MS;
    const since = new Date(now - GAP_DAYS * DAY_MS);
    const lastRead = await this.samples.lastRead(series, since, new Date(latest));
    return new Map(
      asking.map(({ compiled, state }) => {
        const moments = Object.values(compiled.service.series).map((id) => lastRead.get(id)?.getTime() ?? 0);
        const remembered = rememberedUntil(state!);
        return [compiled.service.id, Math.max(remembered > latest ? 0 : remembered, ...moments)];
      }),
    );
  }

  /**
   * Replaces the values of metrics that have a window by a number made of their readings up to `at`. A metric whose
   * last read failed stays missing: earlier readings say nothing about now.
   *
   * @param isWritten the readings at `at` are among the samples; else they are added here
   */
  async throughWindows(
    observation: readonly ServiceObservation[],
    at: Date,
    isWritten = true,
  ): Promise<readonly ServiceObservation[]> {
    const polled = await this.throughPolledWindows(observation, at, isWritten);
    return this.throughAlertWindows(polled, at);
  }

  private async throughPolledWindows(
    observation: readonly ServiceObservation[],
    at: Date,
    isWritten: boolean,
  ): Promise<readonly ServiceObservation[]> {
    if (!observation.some(({ snapshot: { compiled } }) => compiled.windows.length > 0)) return observation;
    const wanted = observation.flatMap(({ snapshot: { compiled }, values }) =>
      polledWindows(compiled)
        .filter(({ metric }) => Object.hasOwn(values, metric))
        .map(({ series, metric, window }) => ({
          series,
          seconds: window.seconds,
          isOfChange: isOfChange(window.function),
          latest: values[metric]!,
        })),
    );
    if (wanted.length === 0) return observation;
    const readings = await this.samples.windows(wanted, at);
    if (!isWritten) {
      for (const { series, latest } of wanted) {
        const now = at.getTime();
        const { values, firstAt, lastAt, counter32 } = readings.get(series) ?? { values: [], firstAt: now };
        // It was only not known whether they are written.
        if (lastAt === now) continue;
        const joined: SeriesWindow = { values: [...values, latest], firstAt, lastAt: now };
        if (counter32) joined.counter32 = { ...counter32, moments: [...counter32.moments, now] };
        readings.set(series, joined);
      }
    }
    return observation.map((one) => {
      const { compiled } = one.snapshot;
      return throughWindows({ service: compiled.service, windows: polledWindows(compiled) }, one, readings);
    });
  }

  /** Replaces the values of metrics that alerts feed and that have a window; the samples must be written before. */
  async throughAlertWindows(
    observation: readonly ServiceObservation[],
    at: Date,
  ): Promise<readonly ServiceObservation[]> {
    const isWindowed = ({ snapshot: { compiled } }: ServiceObservation) => compiled.hasAlertWindows;
    if (!observation.some(isWindowed)) return observation;
    const readings = await this.samples.windows(
      observation.filter(isWindowed).flatMap(({ snapshot: { compiled } }) => alertWindows(compiled)),
      at,
      MAX_PUSHED,
    );
    return observation.map((one) => {
      if (!isWindowed(one)) return one;
      const { compiled } = one.snapshot;
      const values = { ...one.values };
      const readAt = { ...one.readAt };
      // Without a sample there is no more to say than what it is now; but that is no rate, and nothing was counted.
      const windows = alertWindows(compiled).filter(({ metric, series, window }) => {
        const found = readings.get(series);
        if (found !== undefined) readAt[metric] = new Date(found.lastAt);
        else if (isOfAll(window.function) && Object.hasOwn(values, metric)) values[metric] = 0;
        return found !== undefined || (isOfChange(window.function) && own(values, metric) !== 0);
      });
      return {
        ...throughWindows({ service: compiled.service, windows }, { ...one, values }, readings),
        readAt,
      };
    });
  }

  observation(
    snapshot: ServiceSnapshot,
    readings: Readonly<Record<string, Reading>>,
    alerts: ReadonlyMap<string, readonly AlertValue[]>,
    at: Date,
    previousAt?: number,
    readAt: Readonly<Record<string, Date>> = NO_MOMENTS,
  ): ServiceObservation {
    const { compiled } = snapshot;
    const values: Record<string, number> = {};
    let errors: Record<string, string> | undefined;
    for (const metric in readings) {
      const reading = readings[metric]!;
      if ('value' in reading) values[metric] = reading.value;
      else (errors ??= {})[metric] = reading.error;
    }
    const isFed = compiled.alertMetrics.length > 0;
    const observation: ServiceObservation = {
      snapshot,
      at,
      values,
      errors: isFed ? (errors ?? NO_ERRORS) : withOpenReason(compiled, values, errors ?? NO_ERRORS),
      notes: undefined,
      readAt,
      previousAt,
      lifeEndsAt: undefined,
      news: undefined,
      bringers: undefined,
      alerts: NOTHING,
      awaitsAlert: false,
      traces: undefined,
    };
    return isFed ? fedBy(observation, alerts.get(compiled.service.id) ?? NOTHING) : observation;
  }

  /**
   * Returns what is known of services without asking their targets: current alerts, and the latest samples that are not
   * stale.
   *
   * @param pushed readings that were sent for a polled metric, by service; they are written as samples
   */
  async known(
    snapshot: readonly ServiceSnapshot[],
    at: Date,
    pushed = new Map<string, Record<string, PushedReading>>(),
  ): Promise<ServiceObservation[]> {
    const polled = snapshot.filter(({ compiled }) => compiled.service.polled);
    const oldest = Math.max(0, ...polled.map(({ compiled }) => compiled.service.intervalSeconds));
    const since = new Date(at.getTime() - STALE_INTERVALS * oldest * 1000);
    const series = polled.flatMap(({ compiled }) =>
      Object.keys(compiled.reads).map((metric) => compiled.service.series[metric]!),
    );
    const alertMetrics = snapshot.flatMap(({ compiled }) => compiled.alertMetrics);
    const [alerts, latest, previous] = await Promise.all([
      this.alertValues.of(alertMetrics, at),
      this.samples.latest(series, since, new Date(at.getTime() + AHEAD_AT_MOST_MS)),
      this.previousReadings(polled),
    ]);
    const observation = snapshot.map((one) => {
      const { service, reads } = one.compiled;
      const freshFrom = at.getTime() - STALE_INTERVALS * service.intervalSeconds * 1000;
      const told = pushed.get(service.id);
      const readAt: Record<string, Date> = {};
      const readings: Record<string, Reading> = {};
      for (const metric in reads) {
        const sample = latest.get(service.series[metric]!);
        // The last read failed: an older reading does not stand in for it.
        const failure = own(one.state?.errors, metric);
        const sent = own(told, metric);
        if (sent !== undefined) {
          readings[metric] = { value: sent.value };
          readAt[metric] = sent.at;
        } else if (sample === undefined || sample.at.getTime() <= freshFrom || failure !== undefined)
          readings[metric] = { error: failure ?? 'not read lately' };
        else {
          readings[metric] = { value: sample.value };
          readAt[metric] = sample.at;
        }
      }
      return this.observation(one, readings, alerts, at, previous.get(service.id), readAt);
    });
    // After the look at what was seen before: these are not before.
    if (!(await this.writer.write(samplesOf(snapshot, pushed)))) {
      throw new Unavailable('what alerts say of metrics that are polled can not be written now');
    }
    return [...(await this.throughWindows(observation, at))];
  }
}

const polledWindows = ({ windows, hasAlertWindows, reads }: CompiledService) =>
  hasAlertWindows ? windows.filter(({ metric }) => Object.hasOwn(reads, metric)) : windows;

const alertWindows = ({ windows, reads }: CompiledService) =>
  windows
    .filter(({ metric }) => !Object.hasOwn(reads, metric))
    .map((one) => ({ ...one, seconds: one.window.seconds }));

function samplesOf(
  snapshot: readonly ServiceSnapshot[],
  pushed: ReadonlyMap<string, Record<string, PushedReading>>,
): Sample[] {
  return snapshot.flatMap(({ compiled: { service } }) =>
    Object.entries(pushed.get(service.id) ?? {}).map(([metric, { value, at }]) => ({
      series: service.series[metric]!,
      at,
      value,
    })),
  );
}

/** Replaces the latest readings by the values of windows. */
export function throughWindows<S extends Pick<ServiceObservation, 'values' | 'errors' | 'at'>>(
  { service, windows }: Pick<CompiledService, 'service' | 'windows'>,
  observation: S,
  readings: ReadonlyMap<number, SeriesWindow>,
): S & Pick<ServiceObservation, 'notes'> {
  const made = windows.filter(({ metric }) => Object.hasOwn(observation.values, metric));
  if (made.length === 0) return observation;
  const values: Record<string, number> = { ...observation.values };
  const errors: Record<string, string> = { ...observation.errors };
  const notes: Record<string, string> = {};
  for (const { metric, series, window } of made) {
    const intervalMs = service.intervalSeconds * 1000;
    const result = windowed(window, readings.get(series), observation.at.getTime(), intervalMs);
    if ('value' in result) {
      values[metric] = result.value;
      notes[metric] = windowNote(window, result.coveredMs);
    } else {
      delete values[metric];
      errors[metric] = result.error;
    }
  }
  return { ...observation, values, errors, notes };
}
