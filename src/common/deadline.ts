import { setMaxListeners } from 'node:events';

/** How long a call that ignores its signal is waited for beyond its timeout. */
const GRACE_MS = 250;

/**
 * Calls with a signal that aborts at the timeout. A call that ignores its signal is left behind, and rejected as late.
 *
 * @param abort whose signal it is, for those who may abort it earlier
 */
export async function withDeadline<T>(
  timeoutMs: number,
  call: (signal: AbortSignal) => Promise<T>,
  abort = new AbortController(),
): Promise<T> {
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
