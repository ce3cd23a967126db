import { setMaxListeners } from 'node:events';

/** Time that a call which ignores its signal gets beyond its timeout, milliseconds. */
const GRACE_MS = 250;

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
  // Made when it is needed: an error looks for its place in the program.
  const late = () => new Error(`no answer in ${timeoutMs / 1000} s`);
  let giveUp!: (why: Error) => void;
  const hung = new Promise<never>((_, reject) => (giveUp = reject));
  let timer = setTimeout(() => {
    abort.abort(late());
    timer = setTimeout(() => giveUp(late()), GRACE_MS);
  }, timeoutMs);
  try {
    return await Promise.race([call(abort.signal), hung]);
  } finally {
    clearTimeout(timer);
  }
}
