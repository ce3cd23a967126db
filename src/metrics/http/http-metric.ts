import { Injectable } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { formsOf } from '../../common/ready';
import { maskTexts } from '../../common/secrets';
import { statusText } from '../../targets/http/json-call';
import type { WholeAnswer } from '../../targets/http/request';
import type { Metric, ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { reasonOfAbort } from '../../common/unless-aborted';
import { HttpClient, identityOf, type HttpQuestion } from './http-client';

/** Statuses that refuse us: the body of such an answer says nothing of the target. */
const UNFIT = [401, 403, 407, 429];

/** Longest reason that is told; it is cut when our headers are masked, as half of one could not be. */
const WHY_CHARACTERS = 1_000;

/** Metric that is a number in the answer to one HTTP request. */
@Injectable()
export abstract class HttpMetric<P extends HttpQuestion> implements Metric<P> {
  constructor(private readonly http: HttpClient) {}

  /**
   * Returns the number in an answer.
   *
   * @throws Error saying why there is none, as the end of a sentence
   */
  protected abstract numberIn(
    answer: WholeAnswer,
    params: P,
    context: Pick<ReadContext, 'signal'>,
  ): number | Promise<number>;

  /** Returns the numbers of several params in one answer, or why there are none. */
  protected numbersIn(
    answer: WholeAnswer,
    params: readonly P[],
    context: Pick<ReadContext, 'signal'>,
  ): Promise<(number | Error)[]> {
    return Promise.all(
      params.map(async (one) => {
        try {
          return await this.numberIn(answer, one, context);
        } catch (error) {
          return error as Error;
        }
      }),
    );
  }

  protected questionOf(params: P): HttpQuestion {
    return params;
  }

  target(params: P): string {
    return identityOf(this.questionOf(params));
  }

  async read(params: P, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  async readMany(params: readonly P[], context: ReadContext): Promise<Reading[]> {
    const [first] = params;
    if (first === undefined) return [];
    // A query may hold what is not for everybody.
    const [what] = first.url.split(/[?#]/);
    const failed = (why: string): Reading => ({
      error: `cannot read ${what}: ${withoutHeaders(why, first).slice(0, WHY_CHARACTERS)}`,
    });
    try {
      const answer = await this.http.ask(this.questionOf(first), context);
      const numbers = await this.numbersIn(answer, params, context);
      return numbers.map((one) => (typeof one === 'number' ? { value: one } : failed(messageOf(one))));
    } catch (error) {
      const { signal, timeoutMs } = context;
      const why = signal.aborted ? reasonOfAbort(signal, timeoutMs) : messageOf(error);
      return params.map(() => failed(why));
    }
  }
}

/** Masks the values of our headers in what a target said, also the credentials alone. */
export const withoutHeaders = (text: string, { headers }: Pick<HttpQuestion, 'headers'>): string =>
  headers === undefined ? text : maskTexts(text, formsOf(Object.values(headers).map(String)));

/**
 * Warnings of a cache that could not ask the target: the answer is stale, or was not asked for anew (RFC 7234, 5.5).
 */
const STALE = /(?:^|,)\s*11[0-2]\b/;

/**
 * Refuses an answer of a cache that says that the target itself was not asked. @throws Error
 *
 * @throws Error when the answer is a cache's, and says that the target itself was not asked
 */
export function refuseStale({ headers: { warning = '' } }: WholeAnswer): void {
  if (STALE.test(warning)) throw new Error(`its answer is old: a cache says ${warning.trim()}`);
}

/**
 * Refuses an answer that says itself that it is old, or a part. @throws Error
 *
 * @throws Error when the answer says itself that it is old, or a part
 */
export function refusePartial(answer: WholeAnswer): void {
  const { status } = answer;
  if (status === 206) throw new Error(`it answered ${statusText(status)}: a part of what was asked for`);
  refuseStale(answer);
}

/** Refuses an answer whose body is not what was asked for. @throws Error */
export function refuseUnfit(answer: WholeAnswer): void {
  const { status } = answer;
  refusePartial(answer);
  if (status >= 300 && status < 400)
    throw new Error(
      `it answered ${statusText(status)}; redirects are not followed unless followRedirects says so`,
    );
  if (UNFIT.includes(status)) throw new Error(`it answered ${statusText(status)}`);
}
