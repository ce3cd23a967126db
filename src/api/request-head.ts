/** Heads of HTTP requests of one exact shape. All others are left to Node's parser, which knows the whole of HTTP. */
import type { IncomingHttpHeaders } from 'node:http';
import { charsetOf } from './charset';

/** Head of a request to take something in. */
export interface RequestHead {
  /** Path and query, as they were sent. */
  url: string;
  /** Headers by their names in lower case, as Node gives them. */
  headers: IncomingHttpHeaders;
  /** Length of the body, bytes. */
  length: number;
}

/** Headers that change nothing about how a request is read, or are looked at here. */
const NAMES = new Set([
  'accept',
  'accept-encoding',
  'accept-language',
  'authorization',
  'cache-control',
  'connection',
  'content-length',
  'content-type',
  'forwarded',
  'host',
  'traceparent',
  'tracestate',
  'user-agent',
]);
/** Name of a header that is no standard: of proxies and senders. */
const OWN_NAME = /^x-[a-z0-9-]+$/;

const BEGIN = 'POST ';
const VERSION = ' HTTP/1.1';
const LINE_END = '\r\n';
/** Path and query of what is sent to a server itself. */
const URL_TEXT = /^\/[!"$-~]*$/;
/** Printable ASCII: a tab after a length is an error for Node, elsewhere it is a blank. */
const VALUE = /^[ -~]+$/;
const LENGTH = /^[0-9]{1,7}$/;

/**
 * Reads a head: a POST of HTTP/1.1, on a connection that is kept, with one header of each name, and a body of known length
 * that is UTF-8 and not compressed.
 *
 * @param text the head with the empty line that ends it
 * @returns undefined for each other head, right or wrong
 */
export function requestHeadIn(text: string): RequestHead | undefined {
  const lines = text.split(LINE_END);
  const [first = ''] = lines;
  if (!first.startsWith(BEGIN) || !first.endsWith(VERSION)) return undefined;
  const url = first.slice(BEGIN.length, -VERSION.length);
  if (!URL_TEXT.test(url)) return undefined;
  const headers: Record<string, string> = {};
  for (let at = 1; at < lines.length - 2; at++) {
    const line = lines[at]!;
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    if (!NAMES.has(name) && !OWN_NAME.test(name)) return undefined;
    const value = line.slice(colon + 1);
    if (!VALUE.test(value) || headers[name] !== undefined) return undefined;
    headers[name] = value.trim();
  }
  const length = headers['content-length'];
  if (length === undefined || !LENGTH.test(length) || Number(length) === 0) return undefined;
  if (headers.host === undefined || charsetOf(headers['content-type']) !== undefined) return undefined;
  if (!/^keep-alive$/i.test(headers.connection ?? 'keep-alive')) return undefined;
  return { url, headers, length: Number(length) };
}
