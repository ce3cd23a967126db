import { programClock } from '../../common/clock';

const DAY_SECONDS = 86_400;
const SECONDS = /^\s*\d+(?:\.\d+)?\s*$/;
/** Pattern of an HTTP date, in each of its forms (RFC 9110, 5.6.7): it begins with a weekday. */
const DATE = /^\s*(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /i;

/**
 * Returns the seconds a target asks us to wait (`Retry-After`, RFC 9110, 10.2.3), at most a day; undefined when it
 * gives none, or nonsense. A date counts from the answer's own `Date`, as its clock may differ from ours; from our
 * clock where the answer has none.
 *
 * @param headers names in lower case
 */
export function retryAfterSeconds(
  headers: Record<string, string | undefined>,
  now = programClock.now(),
): number | undefined {
  const { 'retry-after': value = '', date = '' } = headers;
  const seconds = SECONDS.test(value) ? Number(value) : secondsUntil(value, date, now);
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), DAY_SECONDS);
}

function secondsUntil(value: string, date: string, now: Date): number {
  if (!DATE.test(value)) return NaN;
  const theirs = Date.parse(date);
  // The oldest form names no zone, and means GMT.
  const until = Date.parse(/GMT|UTC|[+-]\d{4}/.test(value) ? value : `${value} GMT`);
  return (until - (Number.isNaN(theirs) ? now.getTime() : theirs)) / 1000;
}
