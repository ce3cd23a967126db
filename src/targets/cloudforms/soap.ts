/**
 * SOAP API of CloudForms 3.0: SOAP 1.1, rpc, encoded.
 *
 * Source: ManageIQ `vmdb/app/apis/vmdbws_api.rb` and the library it stands on, actionwebservice 3.1.0. It corrupts
 * elements without `xsi:type`, answers 500 without the header SOAPAction, and sends its faults with status 200.
 */
import { XMLBuilder } from 'fast-xml-parser';
import { lazily } from '../../common/lazily';
import { answerIn, type SoapAnswer, type SoapNode } from './soap-answer';
import type { HttpAnswer } from '../http/http-call';
import { Permanent, Retryable } from '../outcomes';
import {
  exchange,
  Gone,
  mayBeDone,
  nonsense,
  refusalOf,
  told,
  type Exchange,
  type Purpose,
  type Target,
} from './target';

const PATH = '/vmdbws/api';

/** Part of an operation: a text, or a struct of texts with the name of its type. */
export type Part = string | { type: string; members: Record<string, string> };

/** Error of an operation that this version of CloudForms does not have: nothing was done. */
export class NoSuchOperation extends Permanent {}

const builder = lazily(() => new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@' }));
/**
 * Calls an operation.
 *
 * @param parts every part of the operation, in the order of its WSDL
 * @returns the part `return` of its answer
 * @throws Retryable, Permanent, Ambiguous; NoSuchOperation; Gone when a question is about what is not there
 */
export function soapCall(
  target: Target,
  operation: string,
  parts: Record<string, Part>,
  purpose: Purpose,
  signal: AbortSignal,
): Promise<SoapNode> {
  return soapCallFor(target, operation, parts, purpose, signal, async (body) => {
    if (body.length <= SHORT_BYTES) return answerIn(body, operation);
    throw new Retryable(
      `${operation} at ${target.host} was answered with ${body.length} bytes, which are too many`,
    );
  });
}

/** Calls an operation as `soapCall` does, with a reader for its answer. */
export async function soapCallFor<R>(
  target: Target,
  operation: string,
  parts: Record<string, Part>,
  purpose: Purpose,
  signal: AbortSignal,
  read: (body: Buffer) => Promise<SoapAnswer<R>>,
): Promise<R> {
  const { method, path, headers, body } = soapRequest(operation, parts);
  const asked: Exchange = { method, path, headers, body, purpose, what: `${operation} at ${target.host}` };
  const answer = await exchange(target, asked, signal);
  const { fault, result } = await read(answer.body);
  // CloudForms sends it with 200; SOAP 1.1 (6.2) would have 500.
  if (fault !== undefined && (answer.status < 300 || answer.status === 500))
    throw faultOf(fault, asked, target);
  // A gateway may make another success of CloudForms' 200: then what it holds counts.
  if (answer.status < 200 || answer.status >= 300) throw statusOf(answer, asked, target);
  if (result === undefined) throw nonsense(asked);
  return result;
}

/** Most bytes of a refusal that are looked at. */
const TEXT_BYTES = 64 * 1024;
/** Most bytes of an answer that are read, in some 20 ms; the state of a request is shorter. */
const SHORT_BYTES = 64 * 1024;

export function soapRequest(operation: string, parts: Record<string, Part>) {
  return {
    method: 'POST',
    path: PATH,
    headers: { 'Content-Type': 'text/xml; charset=utf-8', SOAPAction: `"${PATH}/${operation}"` },
    body: envelopeOf(operation, parts),
  };
}

function envelopeOf(operation: string, parts: Record<string, Part>): string {
  const elements = Object.entries(parts).map(([name, part]) => [name, elementOf(part)] as const);
  const envelope = {
    '@xmlns:soapenv': 'http://schemas.xmlsoap.org/soap/envelope/',
    '@xmlns:xsd': 'http://www.w3.org/2001/XMLSchema',
    '@xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
    '@xmlns:typens': 'urn:ActionWebService',
    'soapenv:Body': {
      [`typens:${operation}`]: {
        '@soapenv:encodingStyle': 'http://schemas.xmlsoap.org/soap/encoding/',
        ...Object.fromEntries(elements),
      },
    },
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${builder().build({ 'soapenv:Envelope': envelope })}`;
}

function elementOf(part: Part): object {
  if (typeof part === 'string') return { '@xsi:type': 'xsd:string', '#text': part };
  const members = Object.entries(part.members).map(([name, text]) => [name, elementOf(text)] as const);
  return { '@xsi:type': `typens:${part.type}`, ...Object.fromEntries(members) };
}

/** Messages about trouble of the appliance itself: its database, queue or network. Everything else is a refusal. */
const TROUBLE =
  /PG::|PGError|execution expired|Connection (refused|reset)|Broken pipe|deadlock|could not connect|ActiveRecord::(StatementInvalid|Connection)|Errno::|Timeout::|NoMemoryError/;

function faultOf({ text, kind }: { text: string; kind: string }, asked: Exchange, target: Target): Error {
  const sentence = `${asked.what} was refused: ${told(text, target)}`;
  if (text.includes('no such method')) return new NoSuchOperation(sentence);
  if (TROUBLE.test(`${kind} ${text}`))
    return asked.purpose === 'deed' ? mayBeDone(sentence) : new Retryable(sentence);
  return /was not found/.test(text) ? new Gone(sentence) : new Permanent(sentence);
}

function statusOf(answer: HttpAnswer, asked: Exchange, target: Target): Error {
  const text = answer.body.subarray(0, TEXT_BYTES).toString();
  const why = told(text.replace(/\nBacktrace:[^]*/, ''), target);
  if (answer.status === 500 && text.includes('Internal protocol error'))
    return new Permanent(`${asked.what} was not understood: ${why}`);
  // Before July 2014 CloudForms answered so to a wrong password (ManageIQ f1e7ef8347).
  if (answer.status === 500) return refusalOf(answer, asked, 'the user or password may be wrong');
  return refusalOf(answer, asked, /^\s*</.test(text) ? '' : why);
}
