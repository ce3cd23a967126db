import { isNativeError } from 'node:util/types';
import { transportWords } from './transport-words';

/**
 * Errors of the domain. They carry what an operator needs; `common/problem.filter.ts` alone maps them to HTTP statuses.
 */

/** Wrong field: its place (JSON pointer, RFC 6901), and what would be right. */
export interface FieldError {
  pointer: string;
  detail: string;
}

/** Returns errors as one line. */
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

/** Largest number of errors that an InvalidInput keeps: a body may have millions. */
export const ERRORS_AT_MOST = 100;

export class NotFound extends Error {
  constructor(kind: string, reference: string) {
    super(`No ${kind} found under id or name: ${reference}`);
  }
}

/** Request that the present state of a thing forbids: it is in use, taken, or ended. */
export class Conflict extends Error {
  constructor(
    message: string,
    readonly errors: FieldError[] = [],
  ) {
    super(message);
  }
}

/** Request that did not end within its time limit. */
export class RequestTimeout extends Error {}

/** Request over a rate limit. */
export class TooManyRequests extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds: number,
  ) {
    super(message);
  }
}

/** Resource that was changed since the client read it (`If-Match`). */
export class VersionMismatch extends Error {}

/** PostgreSQL or another server needed for the answer can't be reached now. */
export class Unavailable extends Error {
  constructor(
    message: string,
    readonly retryAfterSeconds = 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Answer of another server, needed for ours, that is nonsense or a refusal. */
export class BadGateway extends Error {}

/**
 * Secret that can't be read now: its file or variable is missing, or it was encrypted under another key. It may be
 * readable later.
 */
export class SecretMissing extends Error {}

/** Request without valid credentials. */
export class Unauthorized extends Error {}

/** Request of a known caller who lacks the permission. */
export class Forbidden extends Error {}

/** Input above a size limit. */
export class PayloadTooLarge extends Error {}

/** Work that was stopped because it took too long or too much memory. A retry would be stopped as well. */
export class TooCostly extends PayloadTooLarge {}

/**
 * Returns a text for people about whatever was thrown, with its causes and without the stack. Failures between this
 * program and a target are worded by `transportWords`.
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
