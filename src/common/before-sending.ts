/**
 * Checks to make right before a request goes out, by the signal of the call it belongs to. A call's permission may have
 * ended while the connection was being made, or while the process was stopped.
 */
const checks = new WeakMap<AbortSignal, () => void>();

/**
 * Registers the check of a call.
 *
 * @param check throws when nothing may be sent for the call any more
 */
export const checkBeforeSending = (signal: AbortSignal, check: () => void): void =>
  void checks.set(signal, check);

/**
 * Runs the check of the call, if it has one.
 *
 * @throws whatever the check throws
 */
export const assertMaySend = (signal: AbortSignal): void => checks.get(signal)?.();
