/** Digits with at most one point, perhaps a sign and an exponent; written so that each digit fits in one way alone. */
const PLAIN = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/**
 * The number that a text is as a whole, blanks around it not counted; undefined where it is none, or greater than a
 * double holds. A text that only begins with a number is none: of "1,234.5", "85 %" and "1.2 GB" nobody knows the rest.
 */
export function plainNumber(text: string): number | undefined {
  const trimmed = text.trim();
  const number = PLAIN.test(trimmed) ? Number(trimmed) : NaN;
  return Number.isFinite(number) ? number : undefined;
}
