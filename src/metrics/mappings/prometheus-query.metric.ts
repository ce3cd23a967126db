import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { numberOf } from '../../common/json-path';
import { maskTexts } from '../../common/secrets';
import { statusText } from '../../targets/http/json-call';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem, TlsParams } from '../../targets/http/params';
import type { WholeAnswer } from '../../targets/http/request';
import type { HttpQuestion } from '../http/http-client';
import { HttpMetric, jsonIn } from '../http/http-metric';
import { headerProblems, Headers } from '../http/http-params';
import { MetricMapping } from '../metric';

/** Longer ones go in a body: proxies bound the length of a URL. */
const QUERY_IN_URL_CHARACTERS = 2_000;
const EXCERPT_CHARACTERS = 300;

export class PrometheusQueryParams implements SelfChecking {
  @Text({
    description: 'Where Prometheus answers, with its path prefix where it has one',
    minLength: 1,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: baseProblem,
    example: 'http://prometheus.example.com:9090',
  })
  url: string;

  @Text({
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

/** Asks for an instant query (Prometheus, HTTP API v1). */
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

  protected numberIn(answer: WholeAnswer, { headers = {} }: PrometheusQueryParams): number {
    const { status, data, error } = documentIn(answer);
    if (status === 'error' && typeof error === 'string')
      throw new Error(
        `it refused the query: ${maskTexts(error, Object.values(headers)).slice(0, EXCERPT_CHARACTERS)}`,
      );
    if (answer.status !== 200) throw new Error(`it answered ${statusText(answer.status)}`);
    if (status !== 'success') throw new Error('it answered, but not as Prometheus does');
    return valueOf(Object(data) as QueryResult);
  }
}

interface QueryResult {
  resultType?: unknown;
  result?: unknown;
}

/** Anything but JSON counts by its status. */
function documentIn(answer: WholeAnswer): { status?: unknown; data?: unknown; error?: unknown } {
  try {
    return Object(jsonIn(answer)) as object;
  } catch (error) {
    if (answer.status !== 200) return {};
    throw error;
  }
}

function valueOf({ resultType, result }: QueryResult): number {
  if (resultType === 'scalar') return numberIn(result);
  if (resultType !== 'vector' || !Array.isArray(result))
    throw new Error(`the query is a ${String(resultType)}; an instant vector or a scalar is needed`);
  if (result.length === 0) throw new Error('the query has no result');
  if (result.length > 1)
    throw new Error(`the query has ${result.length} results, not one; sum() or max() makes one of them`);
  const { value, histogram } = Object(result[0]) as { value?: unknown; histogram?: unknown };
  if (histogram !== undefined)
    throw new Error('the query has a histogram; histogram_quantile() makes a number of it');
  return numberIn(value);
}

/** Of a sample: its moment, and the number as a text, which may be NaN or +Inf. */
function numberIn(sample: unknown): number {
  const [, text] = Array.isArray(sample) ? (sample as unknown[]) : [];
  if (typeof text !== 'string') throw new Error('it answered, but not as Prometheus does');
  const number = numberOf(text);
  if (number === undefined) throw new Error(`the value is ${JSON.stringify(text.slice(0, 20))}`);
  return number;
}

function baseProblem(url: string): string | undefined {
  const problem = httpUrlProblem(url);
  if (problem) return problem;
  const { search, hash, pathname } = new URL(url);
  if (search || hash) return 'must end before ? and #';
  return pathname.endsWith('/api/v1/query') ? 'must end before /api/v1/query, which is added' : undefined;
}
