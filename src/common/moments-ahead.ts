import { Logger } from '@nestjs/common';
import { telemetry } from './telemetry';

/** Two processes know the time this well: a stored moment that is further ahead of now, and may not be, was written by a wrong clock. */
export const AHEAD_AT_MOST_MS = 2_000;

const logger = new Logger('Clock');
let told = 0;

/** One line for all moments of a kind that were found at a time. */
export function tellAhead(what: string, said: string, count = 1): void {
  told += count;
  telemetry.momentsAhead.inc({ what }, count);
  logger.warn(`stored moments lay in the future and were set right: ${said}`);
}

/** How many this process has told of so far. */
export const toldAhead = (): number => told;
