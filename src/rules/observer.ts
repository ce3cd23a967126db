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
import type { Prepared, Watched } from './rule-book';
import { fedBy, withOpenReason, type Seen } from './seen';
import { own } from '../common/records';

/** A reading this many intervals old says nothing about now. */
export const STALE_INTERVALS = 3;
/** How far back the last reading before a gap is looked for. */
const GAP_DAYS = 7;
const DAY_MS = 86_400_000;

const NOTHING: readonly never[] = [];

/** Readings of a window that senders fill: the newest so many. */
const MAX_PUSHED = 3_000;

/** A number that was sent for a polled metric, and its time. */
export interface PushedReading {
  value: number;
  at: Date;
}

/** Puts together what is known of a service at one moment: readings, alerts that live, earlier samples. */
@Injectable()
export class Observer {
  constructor(
    private readonly samples: Samples,
    private readonly writer: SampleWriter,
    private readonly alertValues: AlertValues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** When the services that are pending or in alarm were last seen: what lies in a gap is not to be assumed. */
  async previousReadings(watched: readonly Watched[]): Promise<Map<string, number>> {
    const asking = watched.filter(({ state }) => state !== undefined && asksForGap(state));
    const series = asking.flatMap(({ prepared }) => Object.values(prepared.service.series));
    const now = this.clock.now().getTime();
    // What a clock that was ahead has read, or remembered, was not seen then.
    const latest = now + AHEAD_AT_MOST_MS;
    const since = new Date(now - GAP_DAYS * DAY_MS);
    const lastRead = await this.samples.lastRead(series, since, new Date(latest));
    return new Map(
      asking.map(({ prepared, state }) => {
        const moments = Object.values(prepared.service.series).map((id) => lastRead.get(id)?.getTime() ?? 0);
        const remembered = rememberedUntil(state!);
        return [prepared.service.id, Math.max(remembered > latest ? 0 : remembered, ...moments)];
      }),
    );
  }

  /**
   * Numbers of metrics with a window, made of their readings up to `at`. A metric whose last read failed stays
   * missing: what was read before says nothing about now.
   *
   * @param isWritten the readings at `at` are among the samples; else they join them here
   */
  async throughWindows(seen: readonly Seen[], at: Date, isWritten = true): Promise<Seen[]> {
    const polled = await this.throughPolledWindows(seen, at, isWritten);
    return this.throughAlertWindows(polled, at);
  }

  private async throughPolledWindows(seen: readonly Seen[], at: Date, isWritten: boolean): Promise<Seen[]> {
    const wanted = seen.flatMap(({ watched: { prepared }, values }) =>
      polledWindows(prepared)
        .filter(({ metric }) => Object.hasOwn(values, metric))
        .map(({ series, metric, window }) => ({
          series,
          seconds: window.seconds,
          isOfChange: isOfChange(window.function),
          latest: values[metric]!,
        })),
    );
    if (wanted.length === 0) return [...seen];
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
    return seen.map((one) => {
      const { prepared } = one.watched;
      return throughWindows({ service: prepared.service, windows: polledWindows(prepared) }, one, readings);
    });
  }

  /** What alerts feed through its windows: their samples are written before they are evaluated. */
  async throughAlertWindows(seen: readonly Seen[], at: Date): Promise<Seen[]> {
    const isWindowed = ({ watched: { prepared } }: Seen) => prepared.hasAlertWindows;
    if (!seen.some(isWindowed)) return [...seen];
    const readings = await this.samples.windows(
      seen.filter(isWindowed).flatMap(({ watched: { prepared } }) => alertWindows(prepared)),
      at,
      MAX_PUSHED,
    );
    return seen.map((one) => {
      if (!isWindowed(one)) return one;
      const { prepared } = one.watched;
      const values = { ...one.values };
      const readAt = { ...one.readAt };
      // Without a sample there is no more to say than what it is now; but that is no rate, and nothing was counted.
      const windows = alertWindows(prepared).filter(({ metric, series, window }) => {
        const found = readings.get(series);
        if (found !== undefined) readAt[metric] = new Date(found.lastAt);
        else if (isOfAll(window.function) && Object.hasOwn(values, metric)) values[metric] = 0;
        return found !== undefined || (isOfChange(window.function) && own(values, metric) !== 0);
      });
      return {
        ...throughWindows({ service: prepared.service, windows }, { ...one, values }, readings),
        readAt,
      };
    });
  }

  seen(
    watched: Watched,
    readings: Readonly<Record<string, Reading>>,
    alerts: ReadonlyMap<string, readonly AlertValue[]>,
    at: Date,
    previousAt?: number,
    readAt: Record<string, Date> = {},
  ): Seen {
    const { prepared } = watched;
    const values: Record<string, number> = {};
    const errors: Record<string, string> = {};
    for (const metric in readings) {
      const reading = readings[metric]!;
      if ('value' in reading) values[metric] = reading.value;
      else errors[metric] = reading.error;
    }
    const isFed = prepared.alertMetrics.length > 0;
    const seen: Seen = {
      watched,
      at,
      values,
      errors: isFed ? errors : withOpenReason(prepared, values, errors),
      notes: undefined,
      readAt,
      previousAt,
      lifeEndsAt: undefined,
      news: undefined,
      bringers: undefined,
      alerts: NOTHING,
      awaitsAlert: false,
    };
    return isFed ? fedBy(seen, alerts.get(prepared.service.id) ?? NOTHING) : seen;
  }

  /**
   * What is known of services now without asking their targets: alerts that live, and the latest samples where they
   * are not stale.
   *
   * @param pushed readings that were sent for a polled metric, by service; they are written as samples
   */
  async known(
    watched: readonly Watched[],
    at: Date,
    pushed = new Map<string, Record<string, PushedReading>>(),
  ): Promise<Seen[]> {
    const polled = watched.filter(({ prepared }) => prepared.service.polled);
    const oldest = Math.max(0, ...polled.map(({ prepared }) => prepared.service.intervalSeconds));
    const since = new Date(at.getTime() - STALE_INTERVALS * oldest * 1000);
    const series = polled.flatMap(({ prepared }) =>
      Object.keys(prepared.reads).map((metric) => prepared.service.series[metric]!),
    );
    const alertMetrics = watched.flatMap(({ prepared }) => prepared.alertMetrics);
    const [alerts, latest, previous] = await Promise.all([
      this.alertValues.of(alertMetrics, at),
      this.samples.latest(series, since, new Date(at.getTime() + AHEAD_AT_MOST_MS)),
      this.previousReadings(polled),
    ]);
    const seen = watched.map((one) => {
      const { service, reads } = one.prepared;
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
      return this.seen(one, readings, alerts, at, previous.get(service.id), readAt);
    });
    // After the look at what was seen before: these are not before.
    if (!(await this.writer.write(samplesOf(watched, pushed)))) {
      throw new Unavailable('what alerts say of metrics that are polled can not be written now');
    }
    return this.throughWindows(seen, at);
  }
}

const polledWindows = ({ windows, hasAlertWindows, reads }: Prepared) =>
  hasAlertWindows ? windows.filter(({ metric }) => Object.hasOwn(reads, metric)) : windows;

const alertWindows = ({ windows, reads }: Prepared) =>
  windows
    .filter(({ metric }) => !Object.hasOwn(reads, metric))
    .map((one) => ({ ...one, seconds: one.window.seconds }));

function samplesOf(
  watched: readonly Watched[],
  pushed: ReadonlyMap<string, Record<string, PushedReading>>,
): Sample[] {
  return watched.flatMap(({ prepared: { service } }) =>
    Object.entries(pushed.get(service.id) ?? {}).map(([metric, { value, at }]) => ({
      series: service.series[metric]!,
      at,
      value,
    })),
  );
}

/** Numbers of windows in place of the latest readings. */
export function throughWindows<S extends Pick<Seen, 'values' | 'errors' | 'at'>>(
  { service, windows }: Pick<Prepared, 'service' | 'windows'>,
  seen: S,
  readings: ReadonlyMap<number, SeriesWindow>,
): S & Pick<Seen, 'notes'> {
  const made = windows.filter(({ metric }) => Object.hasOwn(seen.values, metric));
  if (made.length === 0) return seen;
  const values: Record<string, number> = { ...seen.values };
  const errors: Record<string, string> = { ...seen.errors };
  const notes: Record<string, string> = {};
  for (const { metric, series, window } of made) {
    const intervalMs = service.intervalSeconds * 1000;
    const result = windowed(window, readings.get(series), seen.at.getTime(), intervalMs);
    if ('value' in result) {
      values[metric] = result.value;
      notes[metric] = windowNote(window, result.coveredMs);
    } else {
      delete values[metric];
      errors[metric] = result.error;
    }
  }
  return { ...seen, values, errors, notes };
}
