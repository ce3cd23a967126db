import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, refuseStale } from '../http/http-metric';
import { HttpParams } from '../http/http-params';
import { MetricMapping } from '../metric';

export class HttpStatusParams extends HttpParams {}

@MetricMapping({
  type: 'http_status',
  title: 'HTTP status',
  description: 'The status code that a request is answered with',
  params: HttpStatusParams,
})
export class HttpStatus extends HttpMetric<HttpStatusParams> {
  protected numberIn(answer: WholeAnswer): number {
    refuseStale(answer);
    return answer.status;
  }
}
