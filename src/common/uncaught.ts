import { stackOf } from './stack';
import { telemetry } from './telemetry';

/** Largest number of uncaught exceptions that are logged. */
const TOLD_AT_MOST = 20;

/**
 * Keeps an uncaught exception or unhandled rejection from ending the process at once: it is counted and logged, and the
 * first one calls `drain`. The process should end soon, as its state may be inconsistent.
 *
 * @param tell takes the text, with the stack
 */
export function onUncaught(tell: (text: string) => void, drain: () => void): void {
  let count = 0;
  process.on('uncaughtException', (error: unknown) => {
    telemetry.uncaughtExceptions.inc();
    count += 1;
    if (count <= TOLD_AT_MOST) tell(`an exception that nobody caught: ${stackOf(error)}`);
    if (count === 1) drain();
  });
}
