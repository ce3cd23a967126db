/** Lines of a chart: the numbers that a condition compares a metric with. */
export interface Threshold {
  value: number;
  /** As it stands in the condition: `cpu > 80`. */
  text: string;
}

const NUMBER = String.raw`-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?`;
const AT_MOST = 10;

/** @param condition in CEL; what compares the metric with anything but a number has no line */
export function thresholdsOf(condition: string, metric: string): Threshold[] {
  // What stands in a text is no comparison.
  const code = condition.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  const name = metric.replace(/[^\w]/g, '');
  const forms = new RegExp(
    String.raw`(?<![\w.)\]]\s*|[-+*/%]\s*)\b${name}\s*(?:[<>]=?|==|!=)\s*(${NUMBER})(?!\s*[-+*/%.\w])` +
      String.raw`|(?<![\w.])(?<![-+*/%]\s*)(${NUMBER})\s*(?:[<>]=?|==|!=)\s*${name}\b(?!\s*[-+*/%.(])`,
    'g',
  );
  const found = [...code.matchAll(forms)].map(([text, right, left]) => ({
    value: Number(right ?? left),
    text: text.replace(/\s+/g, ' ').trim(),
  }));
  return found
    .filter(({ value }, index) => found.findIndex((one) => one.value === value) === index)
    .slice(0, AT_MOST);
}
