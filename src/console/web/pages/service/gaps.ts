/** Readings as a chart takes them: times in seconds, and null where there was no reading for longer than there should be. */
export type Series = [times: number[], values: (number | null)[]];

/** Intervals without a reading after which a line is broken. */
const MISSED = 2.5;

export function withGaps(
  points: readonly (readonly [at: string | number, value: number])[],
  everySeconds: number,
): Series {
  const times: number[] = [];
  const values: (number | null)[] = [];
  for (const [at, value] of points) {
    const time = (typeof at === 'number' ? at : Date.parse(at)) / 1_000;
    const last = times.at(-1);
    if (last !== undefined && time - last > everySeconds * MISSED) {
      times.push(last + everySeconds);
      values.push(null);
    }
    times.push(time);
    values.push(value);
  }
  return [times, values];
}

/**
 * Returns where a chart of a range begins: a little before the first reading, where there was none in three quarters of
 * the range before it, as of a service that is new; else where the range does.
 */
export function beginningOf([times, values]: Series, from: number, to: number): number {
  const first = times.find((_, index) => values[index] !== null);
  if (first === undefined || first - from < (to - from) * 0.75) return from;
  return Math.max(from, Math.min(first, to - 60) - (to - first) * 0.05);
}
