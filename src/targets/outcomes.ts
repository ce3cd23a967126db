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

/** Sent, and no answer came: it may have been done. */
export class Ambiguous extends Error {}
