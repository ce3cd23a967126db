/** What an answer over HTTP says of the deed; see the tables in docs/actions. */
import type { HttpAnswer } from '../targets/http/http-call';
import { retryAfterSeconds } from '../targets/http/retry-after';
import { Ambiguous, Permanent, Retryable } from './action';

const EXCERPT_CHARACTERS = 200;

/**
 * The failure that a status stands for, whether it is the answer's own or one that its body tells.
 *
 * @param answered that it was answered so, as a sentence
 * @param isIdempotent the target does the same only once
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

/** What a body says, in short and on one line. */
export const excerptIn = (body: Buffer): string =>
  body
    .toString()
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, EXCERPT_CHARACTERS);
