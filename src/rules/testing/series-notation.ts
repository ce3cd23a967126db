/** A mistake in a series, with its place. */
export class NotationError extends Error {}

const NUMBER = '[-+]?(?:\\d+(?:\\.\\d*)?|\\.\\d+)(?:[eE][-+]?\\d+)?';
const TOKEN = new RegExp(`^(?:(${NUMBER})(?:([-+](?:\\d+(?:\\.\\d*)?|\\.\\d+))?x(\\d+))?|_(?:x(\\d+))?)$`);
const MAX_VALUES = 1_000_000;

/**
 * Values at even distances, written as promtool's tests have them: `0 0 75` are three values, `_` is a failed read,
 * `_x3` three of them, `85x3` is 85 and three more of it, `10+5x3` is 10 15 20 25, `10-5x2` is 10 5 0.
 *
 * @throws NotationError
 */
export function valuesOf(notation: string): (number | null)[] {
  const values: (number | null)[] = [];
  for (const { 0: token, index } of notation.matchAll(/\S+/g)) {
    const match = TOKEN.exec(token);
    const place = `${JSON.stringify(token)} (column ${index + 1})`;
    if (match === null) {
      throw new NotationError(`${place} is no value; write 85, _ for a failed read, 85x3, or 10+5x3`);
    }
    const [, start, step, times, blanks] = match;
    const count = start === undefined ? Number(blanks ?? 1) : Number(times ?? 0) + 1;
    if (values.length + count > MAX_VALUES)
      throw new NotationError(`${place} makes more than ${MAX_VALUES} values`);
    for (let i = 0; i < count; i++)
      values.push(start === undefined ? null : Number(start) + i * Number(step ?? 0));
  }
  return values;
}

const UNITS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** Seconds: a number, or a text like `90s`, `5m`, `1h30m`. Undefined when it is neither. */
export function secondsOf(time: unknown): number | undefined {
  if (typeof time === 'number') return Number.isFinite(time) && time >= 0 ? time : undefined;
  if (typeof time !== 'string' || !/^(?:\d+(?:\.\d+)?[smhd])+$/.test(time)) return undefined;
  return [...time.matchAll(/(\d+(?:\.\d+)?)([smhd])/g)].reduce(
    (total, [, count, unit]) => total + Number(count) * UNITS[unit!]!,
    0,
  );
}
