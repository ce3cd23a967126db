import { stackOf } from './stack';
import { telemetry } from './telemetry';

/** Of exceptions in a row no more are told than tell what is going on. */
const TOLD_AT_MOST = 20;

/**
 * From now on an exception that nobody caught, or a rejection that nobody awaited, does not end the process at once: it is
 * counted and told, and `drain` is called, once. What this process is in the middle of may be in any state, so that it
 * should end before long.
 *
 * @param tell text with the stack
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
