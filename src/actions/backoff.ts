import type { RetryPolicy } from '../queue/claimed-execution';

const JITTER = 0.25;

/**
 * Returns how long to wait after an attempt, milliseconds: doubling up to a maximum, with up to 25 % jitter, so that
 * many that failed together do not retry together; never less than the target asks for.
 *
 * @param tries number of attempts so far, at least 1
 * @param random from 0 to 1
 */
export function backoffMs(
  retry: RetryPolicy,
  tries: number,
  retryAfterSeconds: number | undefined,
  random: number,
): number {
  const doubled = Math.min(retry.backoffSeconds * 2 ** (tries - 1), retry.maxBackoffSeconds);
  const jittered = doubled * (1 + JITTER * random);
  return Math.round(Math.max(jittered, retryAfterSeconds ?? 0) * 1000);
}
