/**
 * Returns the promise's outcome, or rejects with the signal's reason as soon as it aborts. The promise itself goes on
 * unobserved: the resources it holds must be released by other means.
 */
export function unlessAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

/**
 * Returns why an aborted read ended, as the end of a sentence.
 *
 * @param timeoutMs the read's own timeout
 */
export function reasonOfAbort({ reason }: Pick<AbortSignal, 'reason'>, timeoutMs: number): string {
  const { name, message } = reason as Error;
  if (name === 'TimeoutError') return `no answer in ${timeoutMs / 1000} s`;
  return name === 'AbortError' ? 'the read was stopped' : message;
}
