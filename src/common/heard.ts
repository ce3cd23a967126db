interface Emitter {
  on(event: 'error', listener: () => void): unknown;
}

/**
 * Adds an empty listener of `error` events, which would end the process if nobody listened, and returns the emitter.
 * For emitters whose errors also reach the caller by a promise or a callback.
 */
export function heard<E extends Emitter>(emitter: E): E {
  emitter.on('error', ignore);
  return emitter;
}

const ignore = (): void => undefined;
