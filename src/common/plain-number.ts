/** Digits with at most one point, and an optional sign and exponent. Each digit can match in one way only. */
const PLAIN = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * Returns the number that a text is as a whole, ignoring blanks around it. Undefined when it is none, or exceeds a
 * double. A text that only begins with a number ("1,234.5", "85 %", "1.2 GB") is none: what the rest means is unknown.
 */
export function plainNumber(text: string): number | undefined {
  const trimmed = text.trim();
  const number = PLAIN.test(trimmed) ? Number(trimmed) : NaN;
  return Number.isFinite(number) ? number : undefined;
}
