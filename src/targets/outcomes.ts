/** Errors that say what became of a deed at a target. A question is never ambiguous: it changes nothing. */

/** Failure for which trying again can't help: wrong credentials, no such target, a bad parameter. */
export class Permanent extends Error {}

/** Failure of a deed that was not sent, or surely not done: connection refused, 429, 503. */
export class Retryable extends Error {
  constructor(
    message: string,
    options?: ErrorOptions & {
      /** Seconds to wait, by the target's own `Retry-After`. */
      retryAfterSeconds?: number;
    },
  ) {
    super(message, options);
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }

  readonly retryAfterSeconds?: number;
}

/**
 * Answer of a target that has surely not done it because something is under way that ends by itself (a cooldown,
 * another change). This is no failure: it is asked again until then, and that counts as no try.
 */
export class NotYet extends Retryable {
  /** @param withinSeconds time after the first such answer when it has failed */
  constructor(
    message: string,
    readonly withinSeconds: number = 3_600,
  ) {
    super(message);
  }
}

/** Failure of a deed that was sent and not answered: it may have been done. */
export class Ambiguous extends Error {}

/**
 * Failure of a deed that was sent and whose answer can't be read, or whose end can't be told. Asked again it would be
 * answered the same, so it is not, idempotent or not.
 */
export class Unreadable extends Ambiguous {}
