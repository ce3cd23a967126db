import { Text } from '../../common/fields';
import { jsonPathProblem, numberFoundAt } from '../../common/json-path';
import { statusText } from '../../targets/http/json-call';
import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, jsonIn, refuseUnfit } from '../http/http-metric';
import { HttpBodyParams } from '../http/http-params';
import { MetricMapping } from '../metric';

export class HttpJsonParams extends HttpBodyParams {
  @Text({
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
  protected numberIn(answer: WholeAnswer, { path }: HttpJsonParams): number {
    refuseUnfit(answer);
    // What an error says in numbers is not what was asked for.
    if (answer.status >= 400) throw new Error(`it answered ${statusText(answer.status)}`);
    return numberFoundAt(path, jsonIn(answer));
  }
}
