/** What an HTTP answer says about an action; see the tables in docs/actions. */
import type { HttpAnswer } from '../targets/http/http-call';
import { retryAfterSeconds } from '../targets/http/retry-after';
import { Ambiguous, Permanent, Retryable } from './action';

/** Longest excerpt of an answer, characters. */
const EXCERPT_CHARACTERS = 200;

/**
 * Returns the error for a failure status, be it the answer's own or one stated in its body.
 *
 * @param answered sentence that says what was answered
 * @param isIdempotent whether the target performs the same request only once
 */
export function failureByStatus(
  status: number,
  answered: string,
  { headers }: Pick<HttpAnswer, 'headers'>,
  isIdempotent: boolean,
): Error {
  const again = { retryAfterSeconds: retryAfterSeconds(headers) };
  if (status === 429 || status === 503) return new Retryable(answered, again);
  if (status >= 500 || status === 408 || status === 425)
    return isIdempotent
      ? new Retryable(answered, again)
      : new Ambiguous(`${answered}; it may have been done`);
  return new Permanent(answered);
}

/** Returns the beginning of a body on one line. */
export const excerptIn = (body: Buffer): string =>
  body
    .toString()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, EXCERPT_CHARACTERS);
