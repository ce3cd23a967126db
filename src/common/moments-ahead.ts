import { Logger } from '@nestjs/common';
import { telemetry } from './telemetry';

/**
 * Largest difference between the clocks of two processes, milliseconds. A stored moment further ahead of now, where
 * none may be, was written by a wrong clock.
 */
export const AHEAD_AT_MOST_MS = 2_000;

const logger = new Logger('Clock');
let told = 0;

/** Counts stored moments that were corrected, and logs one line for all of a kind found at the same time. */
export function tellAhead(what: string, said: string, count = 1): void {
  told += count;
  telemetry.momentsAhead.inc({ what }, count);
  logger.warn(`stored moments lay in the future and were set right: ${said}`);
}

/** Returns how many moments this process has corrected so far. */
export const toldAhead = (): number => told;
