import { Text } from '../../common/fields';
import { isStraight, jsonPathProblem } from '../../common/json-path';
import { statusText } from '../../targets/http/json-call';
import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, refuseUnfit } from '../http/http-metric';
import { HttpBodyParams } from '../http/http-params';
import { numbersAt, type Found } from '../http/json-answer';
import { answerTask, SHORT_BYTES } from '../http/long-answers';
import { MetricMapping, type ReadContext } from '../metric';

/**
 * Longest body that is searched in the main thread. A path that searches a document takes longer than one that goes
 * straight to its value.
 */
const SHORT_SEARCHED_BYTES = 4 * 1024;

const numbersOnThread = answerTask<{ body: Buffer; paths: string[] }, Found[]>('json-answer.thread');

export class HttpJsonParams extends HttpBodyParams {
  @Text({
    directs: 'nothing',
    description: 'Where the number is: JSONPath (RFC 9535) that finds one value',
    minLength: 1,
    check: jsonPathProblem,
    example: '$.queue.depth',
  })
  path: string;
}

@MetricMapping({
  type: 'http_json',
  title: 'Number in JSON over HTTP',
  description: 'A number in the JSON that a request is answered with',
  params: HttpJsonParams,
})
export class HttpJson extends HttpMetric<HttpJsonParams> {
  protected async numberIn(
    answer: WholeAnswer,
    params: HttpJsonParams,
    context: Pick<ReadContext, 'signal'>,
  ): Promise<number> {
    const [number] = await this.numbersIn(answer, [params], context);
    if (typeof number === 'number') return number;
    throw number!;
  }

  protected override async numbersIn(
    answer: WholeAnswer,
    params: readonly HttpJsonParams[],
    context: Pick<ReadContext, 'signal'>,
  ): Promise<(number | Error)[]> {
    refuseUnfit(answer);
    // What an error says in numbers is not what was asked for.
    if (answer.status >= 400) throw new Error(`it answered ${statusText(answer.status)}`);
    const { body } = answer;
    const paths = [...new Set(params.map(({ path }) => path))];
    const straight = paths.filter(isStraight);
    const searched = paths.filter((path) => !isStraight(path));
    const found = new Map<string, number | Error>();
    const look = async (some: string[], shortBytes: number): Promise<void> => {
      if (some.length === 0) return;
      try {
        const isShort = body.length <= shortBytes;
        const all = isShort ? numbersAt(some, body) : await numbersOnThread({ body, paths: some }, context);
        some.forEach((path, index) => found.set(path, numberOrError(all[index]!)));
      } catch (error) {
        for (const path of some) found.set(path, error as Error);
      }
    };
    // One that takes too long must not cost the others.
    await Promise.all([
      look(straight, SHORT_BYTES),
      ...searched.map((path) => look([path], SHORT_SEARCHED_BYTES)),
    ]);
    return params.map(({ path }) => found.get(path)!);
  }
}

const numberOrError = (found: Found): number | Error =>
  'number' in found ? found.number : new Error(found.problem);
