import { monitorEventLoopDelay } from 'node:perf_hooks';

/** The event loop may be held up for so long on a busy machine, garbage collection included; what is meant takes seconds. */
export const HELD_UP_MS = 400;

/** Runs something, and says how long the event loop was held up meanwhile at most. */
export async function loopDelayMs(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  try {
    await work();
  } finally {
    // A turn that has just ended is seen by the next.
    await new Promise((resolve) => setTimeout(resolve, 20));
    delay.disable();
  }
  return delay.max / 1e6;
}
