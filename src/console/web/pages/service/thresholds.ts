/** Lines of a chart: the numbers that a condition compares a metric with. */
export interface Threshold {
  value: number;
  /** Comparison as it stands in the condition: `cpu > 80`. */
  text: string;
  /** Places of the number in the condition, each time the metric is compared with it. */
  places: readonly (readonly [start: number, end: number])[];
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`;
const AT_MOST = 10;

/** @param condition in CEL; what compares the metric with anything but a number has no line */
export function thresholdsOf(condition: string, metric: string): Threshold[] {
  // What stands in a text is no comparison; what stands after it stays in its place.
  const code = condition.replace(
    /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g,
    (text) => `"${' '.repeat(text.length - 2)}"`,
  );
  const name = metric.replace(/[^\w]/g, '');
  const forms = new RegExp(
    String.raw`(?<![\w.)\]]\s*|[-+*/%]\s*)\b${name}\s*(?:[<>]=?|==|!=)\s*(${NUMBER})(?!\s*[-+*/%.\w])` +
      String.raw`|(?<![\w.])(?<![-+*/%]\s*)(${NUMBER})\s*(?:[<>]=?|==|!=)\s*${name}\b(?!\s*[-+*/%.(])`,
    'dg',
  );
  const found = new Map<number, Threshold>();
  for (const { 0: text, 1: right, 2: left, indices } of code.matchAll(forms)) {
    const value = Number(right ?? left);
    const place = (indices?.[1] ?? indices?.[2])!;
    const before = found.get(value);
    found.set(value, {
      value,
      text: before?.text ?? text.replace(/\s+/g, ' ').trim(),
      places: [...(before?.places ?? []), place],
    });
  }
  return [...found.values()].slice(0, AT_MOST);
}

/** Returns a condition that compares with another number where it compares with the threshold. */
export const withThreshold = (condition: string, { places }: Threshold, value: number): string =>
  [...places]
    .sort(([a], [b]) => b - a)
    .reduce((text, [start, end]) => text.slice(0, start) + String(value) + text.slice(end), condition);

/** Rounds a number that was pointed at to three digits of the range that is shown. */
export function rounded(value: number, range: number): number {
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(range) || 1)));
  return Number(value.toFixed(Math.min(digits, 12)));
}
