/** Reads CloudEvents 1.0 from requests, as events in structured form for `cloudevents.format.ts`. */
import { InvalidInput, PayloadTooLarge } from '../../common/errors';
import { jsonIn, readJsonInTurns, storable } from '../../common/json';
import { ONE_ALERT_BYTES, type Facts } from './alert-format';

type Request = Pick<Facts, 'raw' | 'headers'>;

const PREFIX = 'ce-';
const FAMILY = 'application/cloudevents';
const BATCH = 'application/cloudevents-batch';
/** Media types of JSON: `application/json`, `text/json`, and all that end in `+json`. */
const JSON_TYPE = /^[^/]+\/(?:json|.+\+json)$/;
/** Members of the JSON format that are not read from headers. */
const NO_HEADERS = new Set(['data', 'data_base64', 'datacontenttype']);
const QUOTED = /^"((?:[^"\\]|\\.)*)"$/s;
const PERCENT = /%([0-9a-f]{2})/gi;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/** Returns a media type without parameters, in lower case. */
const mediaType = (given: unknown): string =>
  typeof given === 'string' ? given.split(';', 1)[0]!.trim().toLowerCase() : '';

export const isJsonType = (given: unknown): boolean => JSON_TYPE.test(mediaType(given));

/**
 * Tells whether a request has CloudEvents: by the media type for structured and batched ones (HTTP binding, 3), by
 * `ce-specversion` for binary ones.
 */
export function saysCloudEvents({ headers }: Pick<Facts, 'headers'>): boolean {
  return headers['ce-specversion'] !== undefined || mediaType(headers['content-type']).startsWith(FAMILY);
}

export const saysBatch = ({ headers }: Pick<Facts, 'headers'>): boolean =>
  mediaType(headers['content-type']).startsWith(BATCH);

/**
 * Returns the event of a request, or the list of events.
 *
 * @throws InvalidInput
 * @see https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md
 */
export async function eventsIn(request: Request): Promise<unknown> {
  const type = mediaType(request.headers['content-type']);
  if (!type.startsWith(FAMILY))
    return request.headers['ce-specversion'] === undefined
      ? readJsonInTurns(request.raw)
      : binaryEvent(request);
  if (isJsonType(type)) return readJsonInTurns(request.raw);
  throw new InvalidInput([
    { pointer: '', detail: `is ${storable(type)}, which is not read here; send ${FAMILY}+json` },
  ]);
}

/** Reads an event in binary mode: attributes are headers, and the body is the data. */
function binaryEvent({ raw, headers }: Request): unknown {
  const attributes = Object.entries(headers).flatMap(([name, value]) => {
    const attribute = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
    if (attribute === undefined || NO_HEADERS.has(attribute) || typeof value !== 'string') return [];
    return [[attribute, headerText(name, value)] as const];
  });
  const datacontenttype = headers['content-type'];
  if (raw.length > ONE_ALERT_BYTES)
    throw new PayloadTooLarge(`an event has at most ${ONE_ALERT_BYTES} bytes`);
  return {
    ...Object.fromEntries(attributes),
    datacontenttype,
    ...(raw.length === 0 ? {} : dataIn(raw, datacontenttype, '')),
  };
}

/**
 * Decodes a header (HTTP binding, 3.1.3.2): takes off quotes, then percent-decodes once. A `%` of a sender that encodes
 * nothing stands for itself.
 *
 * @throws InvalidInput when it is no UTF-8
 */
function headerText(name: string, value: string): string {
  const quoted = QUOTED.exec(value)?.[1];
  const plain = quoted === undefined ? value : quoted.replace(/\\(.)/gs, '$1');
  const bytes = plain.replace(PERCENT, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  const text = utf8(Buffer.from(bytes, 'latin1'));
  if (text !== undefined) return storable(text);
  throw new InvalidInput([
    { pointer: `/${name.slice(PREFIX.length)}`, detail: `header ${name} must be percent-encoded UTF-8` },
  ]);
}

/**
 * Decodes the base64 data of an event in JSON format.
 *
 * @throws InvalidInput
 */
export function withPlainData(event: Record<string, unknown>): Record<string, unknown> {
  const { data_base64: encoded, data, datacontenttype } = event;
  if (encoded === undefined || encoded === null) return event;
  const wrong = (detail: string) => new InvalidInput([{ pointer: '/data_base64', detail }]);
  if (data !== undefined && data !== null) throw wrong('must not be there beside data');
  if (typeof encoded === 'string' && encoded.length > ONE_ALERT_BYTES)
    throw wrong(`must have at most ${ONE_ALERT_BYTES} characters`);
  if (typeof encoded !== 'string' || !BASE64.test(encoded)) throw wrong('must be base64');
  return { ...event, ...dataIn(Buffer.from(encoded, 'base64'), datacontenttype, '/data_base64') };
}

/**
 * Reads data: JSON if it is JSON, else text if it is UTF-8, else base64.
 *
 * @throws InvalidInput when its type says JSON and it is none
 */
function dataIn(raw: Buffer, type: unknown, pointer: string): { data?: unknown; data_base64?: string } {
  const json = jsonIn(raw);
  if (json !== undefined) return { data: json };
  if (isJsonType(type))
    throw new InvalidInput([{ pointer, detail: `is no JSON, though its type is ${mediaType(type)}` }]);
  const text = utf8(raw);
  return text === undefined ? { data_base64: raw.toString('base64') } : { data: storable(text) };
}

function utf8(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
