import { setMaxListeners } from 'node:events';

/** Time that a call which ignores its signal gets beyond its timeout, milliseconds. */
export const GRACE_MS = 250;

/**
 * Returns what a call that is late is rejected with. Made when it is needed: an error looks for its place in the program.
 */
export const tooLate = (timeoutMs: number): Error => new Error(`no answer in ${timeoutMs / 1000} s`);

/**
 * Calls a function with a signal that aborts at the timeout. A call that ignores the signal is abandoned, and rejected
 * as late.
 *
 * @throws Error `no answer in … s`
 */
export async function withDeadline<T>(
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  // Several hundred questions may listen to it at once, and Node warns of more than ten.
  setMaxListeners(0, abort.signal);
  let giveUp!: (why: Error) => void;
  const hung = new Promise<never>((_, reject) => (giveUp = reject));
  let timer = setTimeout(() => {
    abort.abort(tooLate(timeoutMs));
    timer = setTimeout(() => giveUp(tooLate(timeoutMs)), GRACE_MS);
  }, timeoutMs);
  try {
    return await Promise.race([call(abort.signal), hung]);
  } finally {
    clearTimeout(timer);
  }
}
