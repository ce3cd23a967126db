import type { Moment } from './types';

/** Functions that make one number of the readings in a window. */
export const WINDOW_FUNCTIONS = [
  'avg',
  'min',
  'max',
  'sum',
  'last',
  'count',
  'p50',
  'p90',
  'p95',
  'p99',
  'rate',
  'delta',
] as const;
export type WindowFunction = (typeof WINDOW_FUNCTIONS)[number];

/** A window of a metric: its value is made of the readings after `now - seconds`, up to `now`. */
export interface Window {
  readonly function: WindowFunction;
  readonly seconds: number;
  /** Smallest number of readings for which there is a value. */
  readonly minSamples?: number;
}

/** Largest number of readings of a window that are used: the newest. */
export const MAX_WINDOW_READINGS = 3_000;

/** Readings of a window, oldest first. */
export interface Readings {
  readonly values: readonly number[];
  readonly firstAt: Moment;
  readonly lastAt: Moment;
  /** Present where the readings are of a counter that wraps around at 2^32. */
  readonly counter32?: Counter32Readings;
}

/** Facts that tell a counter that wrapped around from one that was reset. */
export interface Counter32Readings {
  /** Moment of each reading. */
  readonly moments: readonly Moment[];
  /** Moments at which the counter was reset, as far as known. */
  readonly begins: readonly Moment[];
}

/** Value of a window, or why there is none; `coveredMs` is how much of the window has readings. */
export type Windowed = { readonly value: number; readonly coveredMs: number } | { readonly error: string };

/**
 * Returns the value of a window, or why there is none.
 *
 * @param readings undefined when there are none
 * @param intervalMs time for which the newest reading stands
 */
export function windowed(
  window: Window,
  readings: Readings | undefined,
  now: Moment,
  intervalMs: number,
): Windowed {
  const { seconds, minSamples = 1 } = window;
  const needed = Math.max(minSamples, isOfChange(window.function) ? 2 : 1);
  const count = readings?.values.length ?? 0;
  if (readings === undefined || count < needed) {
    return {
      error: `${count} of at least ${needed} readings in ${span(seconds * 1000)} for its ${window.function}`,
    };
  }
  const coveredMs = Math.min(now - readings.firstAt + intervalMs, seconds * 1000);
  return { value: FUNCTIONS[window.function](readings), coveredMs };
}

/** Tells whether the function measures how much a number rises. */
export const isOfChange = (name: WindowFunction): boolean => name === 'rate' || name === 'delta';

/** Tells whether the function is 0 where there is no reading. */
export const isOfAll = (name: WindowFunction): boolean => name === 'count' || name === 'sum';

const FUNCTIONS: Record<WindowFunction, (readings: Readings) => number> = {
  avg: ({ values }) => sum(values) / values.length,
  min: ({ values }) => values.reduce((a, b) => Math.min(a, b)),
  max: ({ values }) => values.reduce((a, b) => Math.max(a, b)),
  sum: ({ values }) => sum(values),
  last: ({ values }) => values.at(-1)!,
  count: ({ values }) => values.length,
  p50: ({ values }) => percentile(values, 0.5),
  p90: ({ values }) => percentile(values, 0.9),
  p95: ({ values }) => percentile(values, 0.95),
  p99: ({ values }) => percentile(values, 0.99),
  // Per second.
  rate: (readings) => (increase(readings) * 1000) / (readings.lastAt - readings.firstAt),
  delta: (readings) =>
    readings.counter32 === undefined ? readings.values.at(-1)! - readings.values[0]! : increase(readings),
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Value at which a Counter32 wraps around. */
const ROUND = 2 ** 32;
/**
 * Tolerance before a reading, milliseconds: a reset is dated by the agent's own clock, which counts in hundredths, and
 * by when its answer came.
 */
const BEGAN_EARLIER_MS = 2_000;
/** Tolerance after a reading, milliseconds: a reading is dated by its tick, which may be before its answer came. */
const BEGAN_LATER_MS = 1_000;

/**
 * Returns how much a counter rose. A counter that falls was reset to 0, so its value is what it rose by; but a
 * Counter32 that falls wrapped around, unless it is known to have been reset since the reading before.
 */
function increase({ values, counter32 }: Readings): number {
  let total = 0;
  for (let i = 1; i < values.length; i++) {
    const [before, value] = [values[i - 1]!, values[i]!];
    if (value >= before) total += value - before;
    else total += wentRound(i, before, counter32) ? value - before + ROUND : value;
  }
  return total;
}

function wentRound(i: number, before: number, counter32: Counter32Readings | undefined): boolean {
  if (counter32 === undefined || before >= ROUND) return false;
  const from = counter32.moments[i - 1]! - BEGAN_EARLIER_MS;
  const to = counter32.moments[i]! + BEGAN_LATER_MS;
  return !counter32.begins.some((begin) => begin > from && begin <= to);
}

/** Interpolates between the two nearest readings, as PostgreSQL's percentile_cont does. */
function percentile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  const place = (sorted.length - 1) * share;
  const [below, above] = [sorted[Math.floor(place)]!, sorted[Math.ceil(place)]!];
  return below + (above - below) * (place - Math.floor(place));
}

/** Describes a window: "avg 5 min"; "avg 5 min, 40 s of it seen" while it fills. */
export function windowNote(window: Window, coveredMs: number): string {
  const whole = `${window.function} ${span(window.seconds * 1000)}`;
  return coveredMs < window.seconds * 1000 ? `${whole}, ${span(coveredMs)} of it seen` : whole;
}

/** Formats a duration as an operator says it: "5 min". */
export function span(ms: number): string {
  const seconds = Number((ms / 1000).toFixed(1));
  if (seconds >= 3600 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  if (seconds >= 60 && seconds % 60 === 0) return `${seconds / 60} min`;
  return `${seconds} s`;
}
