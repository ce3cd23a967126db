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
