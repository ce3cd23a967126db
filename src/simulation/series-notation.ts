/** A mistake in a series, with its place. */
export class NotationError extends Error {}

const DIGITS = '(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][-+]?\\d+)?';
const ITEM = new RegExp(`^(?:([-+]?${DIGITS}|stale)(?:([-+]${DIGITS})?x(\\d+))?|_(?:x(\\d+))?)$`);
/** Largest number of values, of one series and of all series of a test together. */
export const MAX_VALUES = 1_000_000;

/**
 * Reads values at even distances, in the grammar of promtool's tests: `0 0 75` are three values, `_` is a failed read,
 * `_x3` three of them, `85x3` is 85 and three more of it, `10+5x3` is 10 15 20 25, `10-5x2` is 10 5 0. `stale` is a
 * failed read. NaN, infinity and histograms, which promtool has, are refused: a rule has no such numbers.
 *
 * @throws NotationError
 * @see https://prometheus.io/docs/prometheus/latest/configuration/unit_testing_rules/#series
 */
export function valuesOf(notation: string): (number | null)[] {
  const values: (number | null)[] = [];
  for (const { 0: item, index } of notation.matchAll(/[^ \t\r\n]+/g)) {
    const refused = (why: string) =>
      new NotationError(`${JSON.stringify(item)} (column ${index + 1}) ${why}`);
    const match = ITEM.exec(item);
    if (match === null) throw refused(problemOf(item));
    const [, start, step = '0', times, blanks] = match;
    if (start === 'stale' && times !== undefined) throw refused('is no value; write stale alone, or _x3');
    const octal = [start, step].find((number) => number !== undefined && isOctal(number));
    if (octal !== undefined)
      throw refused(`has a number that promtool reads as octal: write ${Number(octal)}`);
    const isMissing = start === undefined || start === 'stale';
    const count = start === undefined ? Number(blanks ?? 1) : Number(times ?? 0) + 1;
    if (values.length + count > MAX_VALUES) throw refused(`makes more than ${MAX_VALUES} values`);
    for (let i = 0; i < count; i++) {
      const value = isMissing ? null : Number(start) + i * Number(step);
      if (value !== null && !Number.isFinite(value)) throw refused('makes a number that is too great');
      values.push(value);
    }
  }
  return values;
}

/** Tells whether promtool reads a whole number as octal, and so as another number, because it begins with 0. */
const isOctal = (number: string): boolean =>
  /^[-+]?0[0-7]+$/.test(number) && Number(number) !== parseInt(number, 8);

function problemOf(item: string): string {
  if (/^[-+]?(?:nan|inf)/i.test(item)) return 'is no number; write _ for a failed read';
  if (item.startsWith('{{')) return 'is a histogram, and a rule has numbers';
  return 'is no value; write 85, _ for a failed read, 85x3, or 10+5x3';
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Returns a time in seconds, from a number or a text like `90s`, `5m`, `1h30m`; undefined when it is neither. */
export function secondsOf(time: unknown): number | undefined {
  if (typeof time === 'number') return Number.isFinite(time) && time >= 0 ? time : undefined;
  if (typeof time !== 'string' || !/^(?:\d+(?:\.\d+)?[smhd])+$/.test(time)) return undefined;
  return [...time.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)].reduce(
    (total, [, count, unit]) => total + Number(count) * UNITS[unit!]!,
    0,
  );
}
