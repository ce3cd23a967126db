/** Reader of answers of Prometheus' API (HTTP API v1, instant queries). */
import { messageOf } from '../../common/errors';
import { plainNumber } from '../../common/plain-number';
import { jsonIn } from './json-answer';

/** Most characters of a refusal or a gap that are kept. */
const TEXT_CHARACTERS = 10_000;

/** Content of an answer: no JSON, a refusal, a result (a number, or why it is none), or an answer of something else. */
export type Said =
  { notJson: string } | { refusal: string } | { result: number | string; gap?: string } | { isForeign: true };

/** Envelope of Prometheus' API, with what others that speak it add. */
interface Document {
  status?: unknown;
  data?: unknown;
  error?: unknown;
  warnings?: unknown;
  /** Flag of VictoriaMetrics, set when not all of its storage nodes answered. */
  isPartial?: unknown;
}

interface QueryResult {
  resultType?: unknown;
  result?: unknown;
}

export function saidIn(body: Uint8Array): Said {
  let document: Document;
  try {
    document = Object(jsonIn(body)) as Document;
  } catch (error) {
    return { notJson: messageOf(error) };
  }
  const { status, data, error } = document;
  if (status === 'error' && typeof error === 'string') return { refusal: error.slice(0, TEXT_CHARACTERS) };
  if (status !== 'success') return { isForeign: true };
  const gap = gapIn(document)?.slice(0, TEXT_CHARACTERS);
  try {
    return { gap, result: valueOf(Object(data) as QueryResult) };
  } catch (failure) {
    return { gap, result: messageOf(failure) };
  }
}

/**
 * Returns what a success says it could not look at: a store, a remote read, a storage node. Remarks of PromQL's own
 * about the query and the kinds of its samples (prometheus `util/annotations`) come with a whole answer; `infos` hold
 * nothing else.
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
  if (resultType === 'string' || resultType === 'matrix')
    throw new Error(`the query is a ${resultType}; an instant vector or a scalar is needed`);
  if (resultType !== 'vector' || !Array.isArray(result))
    throw new Error('it answered, but not as Prometheus does');
  if (result.length === 0) throw new Error('the query has no result');
  if (result.length > 1)
    throw new Error(`the query has ${result.length} results, not one; sum() or max() makes one of them`);
  const { value, histogram } = Object(result[0]) as { value?: unknown; histogram?: unknown };
  if (histogram !== undefined)
    throw new Error('the query has a histogram; histogram_quantile() makes a number of it');
  return numberIn(value);
}

/** Reads a sample: its moment, and the number as a text, which may be NaN or +Inf. */
function numberIn(sample: unknown): number {
  const [, text] = Array.isArray(sample) ? (sample as unknown[]) : [];
  if (typeof text !== 'string') throw new Error('it answered, but not as Prometheus does');
  const number = plainNumber(text);
  if (number === undefined)
    throw new Error(/^(NaN|[+-]Inf)$/.test(text) ? `the value is "${text}"` : 'the value is no number');
  return number;
}
