/**
 * A collector of traces that reads OTLP over HTTP in JSON, strictly: https://opentelemetry.io/docs/specs/otlp/#otlphttp
 * and opentelemetry/proto/trace/v1/trace.proto. What it does not know, it answers with 400 and writes down.
 */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { bodyOf, HttpStandIn } from './http-stand-in';

export type Facts = Record<string, string | number | boolean>;

/** A span as it was told, and by whom. */
export interface ToldSpan {
  traceId: string;
  spanId: string;
  /** Undefined for the first of a trace. */
  parent: string | undefined;
  name: string;
  /** As the protocol counts them: 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startsAt: bigint;
  endsAt: bigint;
  facts: Facts;
  links: { traceId: string; spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  status: { code: number; message: string };
  resource: Facts;
}

type Fields = Record<string, unknown>;

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

export class OtlpCollector extends HttpStandIn {
  readonly spans: ToldSpan[] = [];
  readonly requests: IncomingHttpHeaders[] = [];
  /** What was wrong with requests that were refused. */
  readonly problems: string[] = [];
  /** What it answers instead. */
  status?: number;
  /** Never answers. */
  hangs = false;

  /** The spans of a trace, in the order in which they began. */
  trace(traceId: string): ToldSpan[] {
    const some = this.spans.filter((span) => span.traceId === traceId);
    return some.sort((a, b) => (a.startsAt < b.startsAt ? -1 : a.startsAt > b.startsAt ? 1 : 0));
  }

  named(name: string): ToldSpan[] {
    return this.spans.filter((span) => span.name === name);
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    this.requests.push(request.headers);
    if (this.hangs) return;
    const answer = (status: number, said: object) =>
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(said));
    if (this.status !== undefined) return void answer(this.status, {});
    try {
      const type = request.headers['content-type'];
      if (request.method !== 'POST' || request.url !== '/v1/traces')
        throw new Error(`there is no ${request.method} ${request.url}`);
      if (type !== 'application/json') throw new Error(`its type is ${type}`);
      this.spans.push(...spansIn(JSON.parse(body.toString())));
      answer(200, {});
    } catch (error) {
      this.problems.push((error as Error).message);
      answer(400, { code: 3, message: (error as Error).message });
    }
  }
}

function spansIn(request: unknown): ToldSpan[] {
  const { resourceSpans } = fields(request, 'request', ['resourceSpans']);
  return list(resourceSpans, 'resourceSpans').flatMap((one) => {
    const { resource, scopeSpans } = fields(one, 'resourceSpans', ['resource', 'scopeSpans', 'schemaUrl']);
    const { attributes } = fields(resource, 'resource', ['attributes', 'droppedAttributesCount']);
    const about = factsIn(attributes, 'resource');
    return list(scopeSpans, 'scopeSpans').flatMap((scoped) => {
      const { scope, spans } = fields(scoped, 'scopeSpans', ['scope', 'spans', 'schemaUrl']);
      fields(scope, 'scope', ['name', 'version', 'attributes', 'droppedAttributesCount']);
      return list(spans, 'spans').map((span) => spanOf(span, about));
    });
  });
}

const SPAN = [
  ...['traceId', 'spanId', 'traceState', 'parentSpanId', 'flags', 'name', 'kind', 'startTimeUnixNano'],
  ...['endTimeUnixNano', 'attributes', 'droppedAttributesCount', 'events', 'droppedEventsCount', 'links'],
  ...['droppedLinksCount', 'status'],
];
const LINK = ['traceId', 'spanId', 'traceState', 'attributes', 'droppedAttributesCount', 'flags'];

function spanOf(given: unknown, resource: Facts): ToldSpan {
  const span = fields(given, 'span', SPAN);
  const { parentSpanId: parent, name, kind } = span;
  if (parent !== undefined && parent !== '') matches(parent, SPAN_ID, 'parentSpanId');
  if (typeof name !== 'string' || name === '') throw new Error('a span has no name');
  if (!Number.isInteger(kind) || Number(kind) < 1 || Number(kind) > 5)
    throw new Error(`no kind: ${String(kind)}`);
  const [startsAt, endsAt] = [span.startTimeUnixNano, span.endTimeUnixNano].map((time) =>
    BigInt(matches(time, /^\d{19}$/, 'time')),
  ) as [bigint, bigint];
  if (endsAt < startsAt) throw new Error(`${name} ended before it began`);
  const status = fields(span.status ?? {}, 'status', ['code', 'message']);
  const { code = 0, message = '' } = status;
  if (typeof message !== 'string' || ![0, 1, 2].includes(code as number)) throw new Error('no status');
  return {
    traceId: matches(span.traceId, TRACE_ID, 'traceId'),
    spanId: matches(span.spanId, SPAN_ID, 'spanId'),
    parent: parent === '' ? undefined : (parent as string | undefined),
    name,
    kind: kind as number,
    startsAt,
    endsAt,
    facts: factsIn(span.attributes, name),
    links: list(span.links ?? [], 'links').map((one) => {
      const link = fields(one, 'link', LINK);
      return {
        traceId: matches(link.traceId, TRACE_ID, 'traceId of a link'),
        spanId: matches(link.spanId, SPAN_ID, 'spanId of a link'),
      };
    }),
    status: { code: code as number, message },
    resource,
  };
}

/** Each name once, each value of one type. */
function factsIn(given: unknown, where: string): Facts {
  const facts: Facts = {};
  for (const one of list(given ?? [], `attributes of ${where}`)) {
    const { key, value } = fields(one, 'attribute', ['key', 'value']);
    if (typeof key !== 'string' || key === '' || key in facts)
      throw new Error(`${where} has the name ${JSON.stringify(key)} twice, or none`);
    const [[type, said] = [], ...others] = Object.entries(value as Fields);
    if (others.length > 0) throw new Error(`${key} has two values`);
    if (type === 'intValue' && /^-?\d+$/.test(String(said))) facts[key] = Number(said);
    else if (type === 'doubleValue' && typeof said === 'number') facts[key] = said;
    else if (type === 'boolValue' && typeof said === 'boolean') facts[key] = said;
    else if (type === 'stringValue' && typeof said === 'string') facts[key] = said;
    else throw new Error(`${key} is ${JSON.stringify(value)}`);
  }
  return facts;
}

function fields(given: unknown, what: string, known: readonly string[]): Fields {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error(`${what} is no object: ${JSON.stringify(given)}`);
  const unknown = Object.keys(given).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`${what} has unknown fields: ${unknown.join(', ')}`);
  return given as Fields;
}

function list(given: unknown, what: string): unknown[] {
  if (!Array.isArray(given)) throw new Error(`${what} is no list: ${JSON.stringify(given)}`);
  return given;
}

function matches(given: unknown, form: RegExp, what: string): string {
  if (typeof given !== 'string' || !form.test(given)) throw new Error(`no ${what}: ${JSON.stringify(given)}`);
  return given;
}
