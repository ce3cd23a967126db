import type { FieldError } from '../../common/errors';
import { expressionProblem } from '../../common/expressions';
import { Text } from '../../common/fields';
import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, refuseUnfit } from '../http/http-metric';
import { fitsIn, textIn } from '../http/content-answer';
import { HttpBodyParams } from '../http/http-params';
import { answerTask } from '../http/long-answers';
import { MetricMapping, type ReadContext } from '../metric';

/** Longest body that is matched in the main thread: the time of a match grows with body and expression. */
const SHORT_MATCHED_BYTES = 4 * 1024;

const fitsOnThread = answerTask<{ body: Buffer; charset: string; matches: string }, boolean>(
  'content-answer.thread',
);

const TESTS = ['equals', 'contains', 'matches'] as const;

export class HttpContentParams extends HttpBodyParams {
  @Text({
    directs: 'nothing',
    description: 'What the body must be, spaces around it not counted',
    optional: true,
    example: 'OK',
  })
  equals?: string;

  @Text({
    directs: 'nothing',
    description: 'What the body must hold',
    optional: true,
    minLength: 1,
    example: '"status":"UP"',
  })
  contains?: string;

  @Text({
    directs: 'nothing',
    description: 'Expression (RE2) that must fit somewhere in the body',
    optional: true,
    minLength: 1,
    maxLength: 1_000,
    check: expressionProblem,
    example: 'status: (ok|ready)',
  })
  matches?: string;

  override problems(): FieldError[] {
    const given = TESTS.filter((test) => this[test] !== undefined);
    const detail = 'must have one of equals, contains and matches';
    return [
      ...(given.length === 1 ? [] : [{ pointer: `/${given[1] ?? 'equals'}`, detail }]),
      ...super.problems(),
    ];
  }
}

@MetricMapping({
  type: 'http_content',
  title: 'HTTP content',
  description: 'Whether the answer to a request is, holds or matches a text: 1 or 0',
  params: HttpContentParams,
})
export class HttpContent extends HttpMetric<HttpContentParams> {
  protected async numberIn(
    answer: WholeAnswer,
    { equals, contains, matches }: HttpContentParams,
    context: Pick<ReadContext, 'signal'>,
  ): Promise<number> {
    refuseUnfit(answer);
    const { body } = answer;
    const charset = charsetOf(answer);
    if (matches === undefined) {
      const text = textIn(body, charset);
      return (equals === undefined ? text.includes(contains!) : text.trim() === equals.trim()) ? 1 : 0;
    }
    const question = { body, charset, matches };
    const isShort = body.length <= SHORT_MATCHED_BYTES;
    return (isShort ? fitsIn(question) : await fitsOnThread(question, context)) ? 1 : 0;
  }
}

const charsetOf = ({ headers }: WholeAnswer): string =>
  /charset="?([\w-]+)/i.exec(headers['content-type'] ?? '')?.[1] ?? 'utf-8';
