const DAY_SECONDS = 86_400;

/**
 * Returns the seconds a target asks us to wait (`Retry-After`, RFC 9110, 10.2.3), at most a day; undefined when it
 * gives none, or nonsense. A date counts from the answer's own `Date`: its clock may differ from ours.
 *
 * @param headers names in lower case
 */
export function retryAfterSeconds(headers: Record<string, string | undefined>): number | undefined {
  const { 'retry-after': value = '', date = '' } = headers;
  const seconds = /^\s*\d+\s*$/.test(value) ? Number(value) : (Date.parse(value) - Date.parse(date)) / 1000;
  return Number.isNaN(seconds) ? undefined : Math.min(Math.max(seconds, 0), DAY_SECONDS);
}
