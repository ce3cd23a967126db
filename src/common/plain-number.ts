/** Digits with at most one point, perhaps a sign and an exponent. */
const PLAIN = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/**
 * The number that a text is as a whole, blanks around it not counted; undefined where it is none, or greater than a
 * double holds. A text that only begins with a number is none: of "1,234.5", "85 %" and "1.2 GB" nobody knows the rest.
 */
export function plainNumber(text: string): number | undefined {
  const number = PLAIN.test(text) ? Number(text) : NaN;
  return Number.isFinite(number) ? number : undefined;
}
