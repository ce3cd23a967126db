import { STATUS_CODES } from 'node:http';
import { parseInTurns } from '../../common/json-in-turns';
import { Ambiguous, Permanent, Retryable } from '../outcomes';
import { askWhole, sendOnce } from './request';
import { NoAnswer, NotSent, type HttpAnswer, type HttpTls } from './http-call';

export interface JsonCall {
  method: string;
  url: string;
  headers: Record<string, string>;
  /** Body, sent as JSON. */
  body?: object;
  tls?: HttpTls;
  /** Whether the call changes nothing, so a lost answer loses nothing. By default true for GET. */
  isRead?: boolean;
  /** Whether it is a read whose answer may be long: it comes whole, or not at all. */
  isList?: boolean;
}

export interface JsonAnswer extends HttpAnswer {
  /** Parsed body; undefined when it is no JSON. */
  json: unknown;
}

/**
 * Makes one call of an API that speaks JSON. Every status is an answer.
 *
 * @param deed what is done, as the begin of a sentence
 * @throws Retryable when it was not sent, or a read was not answered; Permanent when it can't be sent;
 * Ambiguous when it was sent and not answered
 */
export async function callJson(call: JsonCall, deed: string, signal: AbortSignal): Promise<JsonAnswer> {
  const { method, url, headers, body, tls, isRead = method === 'GET', isList = false } = call;
  const request = {
    method,
    url,
    headers: {
      'User-Agent': 'monscale',
      Accept: 'application/json',
      ...(body ? { 'Content-Type': 'application/json' } : {}),
      ...headers,
    },
    body: body && Buffer.from(JSON.stringify(body)),
    tls,
    // A list is read rarely, and a kept connection may be cut just then.
    keepAlive: !isList,
  };
  try {
    const answer = isList ? await askWhole(request, signal) : await sendOnce(request, signal);
    return { ...answer, json: await parsed(answer.body) };
  } catch (error) {
    if (error instanceof NotSent) {
      const sentence = `${deed} was not sent: ${error.message}`;
      throw error.canHelp ? new Retryable(sentence) : new Permanent(sentence);
    }
    if (!(error instanceof NoAnswer)) throw error;
    const sentence = `${deed} was sent and not answered: ${error.message}`;
    throw isRead ? new Retryable(sentence) : new Ambiguous(`${sentence}; it may have been done`);
  }
}

/** Returns a status with its name, such as "404 Not Found". */
export const statusText = (status: number): string => `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();

/** Parses a body in turns, as a list may have 32 MB. */
async function parsed(body: Buffer): Promise<unknown> {
  try {
    return await parseInTurns(body.toString(), JSON.parse);
  } catch {
    return undefined;
  }
}
