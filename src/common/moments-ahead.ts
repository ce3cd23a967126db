import { Logger } from '@nestjs/common';
import { telemetry } from './telemetry';

/** Two processes know the time this well: a stored moment that is further ahead of now, and may not be, was written by a wrong clock. */
export const AHEAD_AT_MOST_MS = 2_000;

const logger = new Logger('Clock');

/** One line for each kind of moment in a round, however many there were. */
export function tellAhead(what: string, said: string, count = 1): void {
  telemetry.momentsAhead.inc({ what }, count);
  logger.warn(`a stored moment lay in the future and was set right: ${said}`);
}
