/**
 * Time by the server's clock, which countdowns are about: the browser's may be an hour off. Each answer tells the
 * difference, to the second.
 */
let aheadMs = 0;

/** Milliseconds since 1970 by the server's clock. */
export const now = (): number => Date.now() - aheadMs;

/** Notes the time that an answer bears in its `Date` header, as it comes in; returns the answer. */
export function timed(answer: Response): Response {
  const told = Date.parse(answer.headers.get('Date') ?? '');
  if (Number.isNaN(told)) return answer;
  // The header is cut to the second: a smaller difference is none.
  const difference = Date.now() - told;
  aheadMs = Math.abs(difference) < 1_500 ? 0 : difference;
  return answer;
}
