import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { statusText } from '../../targets/http/json-call';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem, TlsParams } from '../../targets/http/params';
import type { WholeAnswer } from '../../targets/http/request';
import type { HttpQuestion } from '../http/http-client';
import { HttpMetric, refusePartial, withoutHeaders } from '../http/http-metric';
import { headerProblems, Headers } from '../http/http-params';
import { answerTask, SHORT_BYTES } from '../http/long-answers';
import { saidIn, type Said } from '../http/prometheus-answer';
import { MetricMapping, type ReadContext } from '../metric';

const saidOnThread = answerTask<{ body: Buffer }, Said>('prometheus-answer.thread');

/** Longest query that goes in the URL; longer ones go in a body, as proxies bound the length of a URL. */
const QUERY_IN_URL_CHARACTERS = 2_000;
const EXCERPT_CHARACTERS = 300;

export class PrometheusQueryParams implements SelfChecking {
  @Text({
    directs: 'origin',
    description: 'Where Prometheus answers, with its path prefix where it has one',
    minLength: 1,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: baseProblem,
    example: 'http://prometheus.example.com:9090',
  })
  url: string;

  @Text({
    directs: 'nothing',
    description: 'PromQL that has one value',
    minLength: 1,
    example: 'sum(rate(http_requests_total{job="web"}[5m]))',
  })
  query: string;

  @Headers()
  headers?: Record<string, string>;

  @Nested(() => TlsParams, { description: 'TLS to Prometheus', optional: true })
  tls?: TlsParams;

  problems(): FieldError[] {
    return headerProblems(this.headers);
  }
}

/** Metric that asks an instant query (Prometheus, HTTP API v1). */
@MetricMapping({
  type: 'prometheus_query',
  title: 'Prometheus query',
  description: 'The one value of an instant query in PromQL',
  params: PrometheusQueryParams,
})
export class PrometheusQuery extends HttpMetric<PrometheusQueryParams> {
  protected override questionOf({ url, query, headers, tls }: PrometheusQueryParams): HttpQuestion {
    const path = `${url.replace(/\/+$/, '')}/api/v1/query`;
    const form = new URLSearchParams({ query }).toString();
    if (query.length <= QUERY_IN_URL_CHARACTERS) return { url: `${path}?${form}`, headers, tls };
    const formHeader = { 'Content-Type': 'application/x-www-form-urlencoded' };
    return { url: path, method: 'POST', body: form, headers: { ...headers, ...formHeader }, tls };
  }

  protected async numberIn(
    answer: WholeAnswer,
    params: PrometheusQueryParams,
    context: Pick<ReadContext, 'signal'>,
  ): Promise<number> {
    const { body } = answer;
    const said = body.length <= SHORT_BYTES ? saidIn(body) : await saidOnThread({ body }, context);
    const told = (text: string) => withoutHeaders(text, params).slice(0, EXCERPT_CHARACTERS);
    // Anything but JSON counts by its status.
    if ('notJson' in said && answer.status === 200) throw new Error(said.notJson);
    if ('refusal' in said) throw new Error(`it refused the query: ${told(said.refusal)}`);
    if (answer.status !== 200) throw new Error(`it answered ${statusText(answer.status)}`);
    if (!('result' in said)) throw new Error('it answered, but not as Prometheus does');
    refusePartial(answer);
    if (said.gap !== undefined) throw new Error(`its answer is incomplete: ${told(said.gap)}`);
    if (typeof said.result === 'string') throw new Error(said.result);
    return said.result;
  }
}

function baseProblem(url: string): string | undefined {
  const problem = httpUrlProblem(url);
  if (problem) return problem;
  const { search, hash, pathname } = new URL(url);
  if (search || hash) return 'must end before ? and #';
  return pathname.endsWith('/api/v1/query') ? 'must end before /api/v1/query, which is added' : undefined;
}
