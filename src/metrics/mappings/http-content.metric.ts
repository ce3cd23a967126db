import { RE2JS } from 're2js';
import type { FieldError } from '../../common/errors';
import { Text } from '../../common/fields';
import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, refuseUnfit } from '../http/http-metric';
import { HttpBodyParams } from '../http/http-params';
import { MetricMapping } from '../metric';

const TESTS = ['equals', 'contains', 'matches'] as const;

export class HttpContentParams extends HttpBodyParams {
  @Text({ description: 'What the body must be, spaces around it not counted', optional: true, example: 'OK' })
  equals?: string;

  @Text({ description: 'What the body must hold', optional: true, minLength: 1, example: '"status":"UP"' })
  contains?: string;

  @Text({
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
  protected numberIn(answer: WholeAnswer, params: HttpContentParams): number {
    refuseUnfit(answer);
    return fits(textIn(answer), params) ? 1 : 0;
  }
}

function fits(text: string, { equals, contains, matches }: HttpContentParams): boolean {
  if (equals !== undefined) return text.trim() === equals.trim();
  if (contains !== undefined) return text.includes(contains);
  return RE2JS.compile(matches!).matcher(text).find();
}

/** Decoded as its header says; a charset that is not known counts as UTF-8. */
function textIn({ headers, body }: WholeAnswer): string {
  const [, charset = 'utf-8'] = /charset="?([\w-]+)/i.exec(headers['content-type'] ?? '') ?? [];
  try {
    return new TextDecoder(charset).decode(body);
  } catch {
    return new TextDecoder().decode(body);
  }
}

function expressionProblem(expression: string): string | undefined {
  try {
    RE2JS.compile(expression);
    return undefined;
  } catch (error) {
    return `is not a valid RE2 expression: ${(error as Error).message}`;
  }
}
