/** What a failure says of the deed that was asked of a target. A question is never ambiguous: it changes nothing. */

/** Trying again can't help: wrong credentials, no such target, a bad parameter. */
export class Permanent extends Error {}

/** Not sent, or surely not done: connection refused, 429, 503. */
export class Retryable extends Error {
  constructor(
    message: string,
    options?: ErrorOptions & {
      /** The target's own `Retry-After`. */
      retryAfterSeconds?: number;
    },
  ) {
    super(message, options);
    this.retryAfterSeconds = options?.retryAfterSeconds;
  }

  readonly retryAfterSeconds?: number;
}

/**
 * Surely not done, and no failure: the target has something under way that ends by itself (a cooldown, another change).
 * It is asked again until then, and that counts as no try.
 */
export class NotYet extends Retryable {
  /** @param withinSeconds after the first such answer it has failed */
  constructor(
    message: string,
    readonly withinSeconds: number = 3_600,
  ) {
    super(message);
  }
}

/** Sent, and no answer came: it may have been done. */
export class Ambiguous extends Error {}

/** Sent, and what was answered can't be read. Asked again it would be answered the same, so it is not, idempotent or not. */
export class Unreadable extends Ambiguous {}
