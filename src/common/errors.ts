import { isNativeError } from 'node:util/types';
import { transportWords } from './transport-words';

/**
 * Errors of the domain. They carry what an operator needs; which HTTP status they become is decided in one
 * place, `common/problem.filter.ts`.
 */

/** One wrong field: where it is (JSON pointer, RFC 6901) and what is right. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** Mistakes in one line. */
export const problemText = (errors: readonly FieldError[]): string =>
  errors.map((error) => `${error.pointer || '(body)'}: ${error.detail}`).join('; ');

export class InvalidInput extends Error {
  readonly errors: FieldError[];

  constructor(errors: FieldError[]) {
    const told = errors.slice(0, ERRORS_AT_MOST);
    super(problemText(told));
    this.errors = told;
  }
}

/** Nobody reads more of them, and a body may hold millions. */
export const ERRORS_AT_MOST = 100;

export class NotFound extends Error {
  constructor(kind: string, reference: string) {
    super(`No ${kind} found under id or name: ${reference}`);
  }
}

/** The thing is as it is for a reason: in use, taken, ended. */
export class Conflict extends Error {
  constructor(
    message: string,
    readonly errors: FieldError[] = [],
  ) {
    super(message);
  }
}

/** What was begun is not done in the time there is for it. */
export class RequestTimeout extends Error {}

/** Asked too often. */
export class TooManyRequests extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** Somebody else changed the resource since it was read (`If-Match`). */
export class VersionMismatch extends Error {}

/** PostgreSQL or another server that is needed to answer is away for now. */
export class Unavailable extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds = 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** A secret can't be had now: a file or variable that is not there, a key that is another. It may be there later. */
export class SecretMissing extends Error {}

/** Nobody is known by what was sent. */
export class Unauthorized extends Error {}

/** Somebody is known, and may not do this. */
export class Forbidden extends Error {}

/** More at once than is taken. */
export class PayloadTooLarge extends Error {}

/** What was given up, as it took too long or too much memory. The same again would be given up again. */
export class TooCostly extends PayloadTooLarge {}

/**
 * A text for people of whatever was thrown; causes included, stack left out. What failed between us and a target is
 * told as `transportWords` tells it.
 */
export function messageOf(error: unknown): string {
  const words = transportWords(error);
  if (words !== undefined) return words;
  if (error instanceof AggregateError && error.message === '') {
    return error.errors.map(messageOf).join('; ');
  }
  // Not `instanceof`: an error may come from another realm.
  if (isNativeError(error)) {
    const cause = error.cause === undefined ? '' : messageOf(error.cause);
    return cause && !error.message.includes(cause) ? `${error.message}: ${cause}` : error.message;
  }
  return String(error);
}
