import type { WholeAnswer } from '../../targets/http/request';
import { HttpMetric, refuseStale } from '../http/http-metric';
import { HttpParams } from '../http/http-params';
import { MetricMapping } from '../metric';

export class HttpResponseTimeParams extends HttpParams {}

@MetricMapping({
  type: 'http_response_time',
  title: 'HTTP response time',
  description: 'Seconds until a request is answered, the answer whole, once a connection is there',
  params: HttpResponseTimeParams,
})
export class HttpResponseTime extends HttpMetric<HttpResponseTimeParams> {
  protected numberIn(answer: WholeAnswer): number {
    refuseStale(answer);
    return answer.seconds;
  }
}
