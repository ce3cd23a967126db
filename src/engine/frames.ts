import type { Readings } from './simulate';

/** One moment of a scenario, ms since 1970 or since its start, and what was read then. */
export interface Frame {
  at: number;
  readings: Readings;
  /** True before the scenario begins: windows get these readings, the rule is not evaluated. */
  isPrologue?: boolean;
  /** True where an alert that fires is new or changed. */
  news?: boolean;
}

/** Points in time: milliseconds, and a number or null for a failed read. A point stands until the next one. */
export type Points = readonly (readonly [at: number, value: number | null])[];

export interface MetricRoles {
  /** Points by metric; a metric without points can never be read. */
  points: ReadonlyMap<string, Points>;
  polledMetrics: readonly string[];
  alertMetrics: readonly string[];
}

export interface Span {
  from: number;
  to: number;
  /** Interval between evaluations, milliseconds; undefined: one whenever a point comes. */
  everyMs?: number;
}

/** Yields the frames of given points: one at every tick, and one whenever an alert comes. */
export function* framesOfPoints(
  { points, polledMetrics, alertMetrics }: MetricRoles,
  { from, to, everyMs }: Span,
): Generator<Frame> {
  const cursors = new Map([...points].map(([metric, given]) => [metric, new Cursor(given)]));
  const heralds =
    everyMs === undefined ? [...cursors.values()] : alertMetrics.flatMap((name) => cursors.get(name) ?? []);
  const metrics = [...polledMetrics, ...alertMetrics];
  const isPushed = new Set(alertMetrics);
  let tick = everyMs === undefined ? Infinity : from;
  for (const cursor of heralds) cursor.moveTo(from - 1);
  for (;;) {
    const at = Math.min(tick, ...heralds.map((cursor) => cursor.nextAt));
    if (at > to) return;
    const news = alertMetrics.some((name) => (cursors.get(name)?.nextAt ?? Infinity) <= at);
    for (const cursor of cursors.values()) cursor.moveTo(at);
    const readings: Record<string, Readings[string]> = {};
    for (const metric of metrics) readings[metric] = readingOf(cursors.get(metric), isPushed.has(metric));
    yield { at, readings, news };
    if (tick <= at) tick += everyMs!;
  }
}

function readingOf(cursor: Cursor | undefined, isAlert: boolean): Readings[string] {
  const value = cursor?.value;
  if (typeof value === 'number') return value;
  // Of an alert: one came that has no number where the metric looks for it.
  if (value === null) return { error: 'the read failed' };
  return isAlert ? 0 : { error: 'not read' };
}

/** Walks along points; its value is that of the last point passed. */
class Cursor {
  private passed = 0;

  constructor(private readonly points: Points) {}

  get value(): number | null | undefined {
    return this.points[this.passed - 1]?.[1];
  }

  get nextAt(): number {
    return this.points[this.passed]?.[0] ?? Infinity;
  }

  moveTo(at: number): void {
    while (this.nextAt <= at) this.passed++;
  }
}

/** A recorded reading of one metric. */
export interface Recorded {
  metric: string;
  at: number;
  value: number;
}

/**
 * Yields the frames of recorded samples: one for each moment at which something was read, and one for each tick without
 * a sample, when every read failed. Frames of alerts come in between.
 *
 * @param batches in the order of time
 */
export async function* framesOfRecords(
  batches: AsyncIterable<readonly Recorded[]>,
  { polledMetrics, alertMetrics, points }: MetricRoles,
  { from, to, everyMs }: Span,
): AsyncGenerator<Frame> {
  const alerts = framesOfPoints({ points, polledMetrics: [], alertMetrics }, { from, to });
  let alert = alerts.next();
  let readings: Record<string, Readings[string]> = Object.fromEntries(alertMetrics.map((name) => [name, 0]));
  /** Moment of the last tick, with readings or without. */
  let tick: number | undefined;
  const blind = Object.fromEntries(polledMetrics.map((name) => [name, { error: 'not read' }]));

  /** Yields what happens before the next reading: ticks without one, and alerts. */
  function* until(next: number): Generator<Frame> {
    for (;;) {
      const following = everyMs === undefined || tick === undefined ? Infinity : tick + everyMs;
      const isMissed = everyMs !== undefined && following + everyMs <= next;
      const alertAt = alert.done ? Infinity : alert.value.at;
      if (!isMissed && alertAt > next) return;
      if (alertAt <= following || !isMissed) {
        if (alert.done) return;
        readings = { ...readings, ...alert.value.readings };
        yield { at: alertAt, readings, news: true };
        alert = alerts.next();
      } else {
        tick = following;
        readings = { ...readings, ...blind };
        yield { at: tick, readings };
      }
    }
  }

  for await (const moments of byMoment(batches)) {
    const at = moments[0]!.at;
    const read = Object.fromEntries(moments.map(({ metric, value }) => [metric, value]));
    if (at < from) {
      yield { at, readings: read, isPrologue: true };
      continue;
    }
    yield* until(at);
    readings = { ...readings, ...blind, ...read };
    // A reading that came late is one of its tick.
    tick = tick === undefined || everyMs === undefined ? at : at - ((at - tick) % everyMs);
    yield { at, readings };
  }
  yield* until(to);
}

/** Groups readings by their moment, also across batches. */
async function* byMoment(batches: AsyncIterable<readonly Recorded[]>): AsyncGenerator<Recorded[]> {
  let together: Recorded[] = [];
  for await (const batch of batches) {
    for (const one of batch) {
      if (together.length > 0 && together[0]!.at !== one.at) {
        yield together;
        together = [];
      }
      together.push(one);
    }
  }
  if (together.length > 0) yield together;
}
