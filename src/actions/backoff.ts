import type { RetryPolicy } from '../queue/claimed-execution';

const JITTER = 0.25;

/**
 * Milliseconds to wait after the given try (1 is the first): doubling, bounded, with up to 25 % jitter so that many
 * failed at once don't come back at once; never less than the target asks for.
 *
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
