/**
 * Time by the server's clock, which countdowns are about: the browser's may be an hour off. Each answer tells the
 * difference, to the second.
 */
let aheadMs = 0;

/** Milliseconds since 1970 by the server's clock. */
export const now = (): number => Date.now() - aheadMs;

/** Notes the time that an answer bears. @param date its `Date` header */
export function noteServerTime(date: string | null): void {
  const told = date === null ? NaN : Date.parse(date);
  if (Number.isNaN(told)) return;
  // The header is cut to the second: a smaller difference is none.
  const difference = Date.now() - told;
  aheadMs = Math.abs(difference) < 1_500 ? 0 : difference;
}
