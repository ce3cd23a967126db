/**
 * What must still be so at the moment at which a deed is sent to its target: making the connection may have taken long, or
 * the process may have been stopped meanwhile. It belongs to a call, and so to its signal, which all that is sent for the
 * call is given.
 */
const checks = new WeakMap<AbortSignal, () => void>();

/** @param check throws when nothing may be sent for the call any more */
export const checkBeforeSending = (signal: AbortSignal, check: () => void): void =>
  void checks.set(signal, check);

/** @throws what the call's check throws */
export const assertMaySend = (signal: AbortSignal): void => checks.get(signal)?.();
