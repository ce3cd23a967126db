interface Emitter {
  on(event: 'error', listener: () => void): unknown;
}

/**
 * An emitter whose errors are told in another way too, by a promise or a callback: an `error` event that nobody listens to
 * would end the process.
 */
export function heard<E extends Emitter>(emitter: E): E {
  emitter.on('error', ignore);
  return emitter;
}

const ignore = (): void => undefined;
