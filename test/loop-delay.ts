import { readFileSync } from 'node:fs';

/** The event loop may be held up for so long, garbage collection included; what is meant takes seconds. */
export const HELD_UP_MS = 400;

const LOOK_MS = 5;
/**
 * Runs something, and says how long it held up the event loop at most: in time of the processor, as others on the
 * machine are not to blame on it; where that can't be told, in time that went by.
 */
export async function loopDelayMs(work: () => Promise<unknown>): Promise<number> {
  let most = 0;
  let last = workedMs();
  const look = (): void => {
    const now = workedMs();
    most = Math.max(most, now - last);
    last = now;
  };
  const looking = setInterval(look, LOOK_MS);
  try {
    await work();
  } finally {
    clearInterval(looking);
    look();
  }
  return most;
}

/** Of the processor, spent by the main thread: two of them are compared. Where that can't be told, time that went by. */
export function workedMs(pid = process.pid): number {
  try {
    // Where Linux counts for how long a main thread has been on a processor, nanoseconds.
    return parseInt(readFileSync(`/proc/${pid}/schedstat`, 'utf8')) / 1e6;
  } catch {
    return performance.now();
  }
}
