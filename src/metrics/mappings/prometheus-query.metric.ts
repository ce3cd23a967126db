import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { plainNumber } from '../../common/plain-number';
import { maskTexts } from '../../common/secrets';
import { statusText } from '../../targets/http/json-call';
import { HTTP_URL, HTTP_URL_HINT, httpUrlProblem, TlsParams } from '../../targets/http/params';
import type { WholeAnswer } from '../../targets/http/request';
import type { HttpQuestion } from '../http/http-client';
import { HttpMetric, jsonIn, refusePartial } from '../http/http-metric';
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
    const document = documentIn(answer);
    const { status, data, error } = document;
    const told = (text: string) => maskTexts(text, Object.values(headers)).slice(0, EXCERPT_CHARACTERS);
    if (status === 'error' && typeof error === 'string')
      throw new Error(`it refused the query: ${told(error)}`);
    if (answer.status !== 200) throw new Error(`it answered ${statusText(answer.status)}`);
    if (status !== 'success') throw new Error('it answered, but not as Prometheus does');
    refusePartial(answer);
    const gap = gapIn(document);
    if (gap !== undefined) throw new Error(`its answer is incomplete: ${told(gap)}`);
    return valueOf(Object(data) as QueryResult);
  }
}

/** The envelope of Prometheus' API, and what others that speak it add. */
interface Document {
  status?: unknown;
  data?: unknown;
  error?: unknown;
  warnings?: unknown;
  /** Of VictoriaMetrics, when not all of its storage nodes answered. */
  isPartial?: unknown;
}

interface QueryResult {
  resultType?: unknown;
  result?: unknown;
}

/** Anything but JSON counts by its status. */
function documentIn(answer: WholeAnswer): Document {
  try {
    return Object(jsonIn(answer)) as Document;
  } catch (error) {
    if (answer.status !== 200) return {};
    throw error;
  }
}

/**
 * What a success says it could not look at: a store, a remote read, a storage node. Remarks of PromQL's own about the
 * query and the kinds of its samples (prometheus `util/annotations`) come with a whole answer; `infos` hold nothing else.
 */
function gapIn({ warnings, isPartial }: Document): string | undefined {
  const gaps = textsIn(warnings).filter((warning) => !/^PromQL (info|warning)\b/.test(warning));
  if (gaps.length > 0) return gaps.join('; ').replace(/\s+/g, ' ');
  return isPartial === undefined || isPartial === null || isPartial === false
    ? undefined
    : 'isPartial says that a part of its storage did not answer';
}

function textsIn(warnings: unknown): string[] {
  const list = Array.isArray(warnings) ? (warnings as unknown[]) : [warnings ?? []].flat();
  return list.map((warning) => (typeof warning === 'string' ? warning : JSON.stringify(warning)));
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
  const number = plainNumber(text);
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
