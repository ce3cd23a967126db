/** Requests to a CloudForms, SOAP or REST: how they are sent, and what their failures mean. */
import { maskTexts } from '../../common/secrets';
import { statusText } from '../http/json-call';
import { originOf, originProblem } from '../http/origin';
import { askWhole, sendOnce } from '../http/request';
import { NoAnswer, NotSent, type HttpAnswer, type HttpRequest, type HttpTls } from '../http/http-call';
import { retryAfterSeconds } from '../http/retry-after';
import { Ambiguous, Permanent, Retryable } from '../outcomes';

const EXCERPT_CHARACTERS = 500;

export const APIS = ['soap', 'rest'] as const;
export type Api = (typeof APIS)[number];

/** Address of a CloudForms, and credentials for it. */
export interface CloudFormsAccess {
  /** Origin of the CloudForms. */
  url: string;
  username: string;
  password: string;
  tls?: HttpTls;
}

export interface Target {
  origin: string;
  /** Host and port, for sentences. */
  host: string;
  authorization: string;
  tls?: HttpTls;
  /** Texts that are masked in what CloudForms says. */
  secrets: string[];
}

/** Purpose of a request: a question changes nothing and may be asked again; a deed is done each time it arrives. */
export type Purpose = 'question' | 'deed';

/** Error of a request for something that CloudForms does not have (any more). */
export class Gone extends Permanent {}

/**
 * Makes a target of its access. @throws Permanent when the url or user, which may have been rendered, is none
 *
 * @throws Permanent when the url or user, which may have been rendered, is none
 */
export function targetOf({ url, username, password, tls }: CloudFormsAccess): Target {
  const problem = originProblem(url);
  if (problem) throw new Permanent(`CloudForms can't be asked: its url ${problem}`);
  const wrong = username === '' ? 'must not be empty' : usernameProblem(username);
  if (wrong) throw new Permanent(`CloudForms can't be asked: its username ${wrong}`);
  const basic = Buffer.from(`${username}:${password}`).toString('base64');
  const origin = originOf(url);
  const { host } = new URL(origin);
  return { origin, host, authorization: `Basic ${basic}`, tls, secrets: [password, basic] };
}

/** Returns why a text is no user of Basic authentication, as the end of a sentence. */
export const usernameProblem = (name: string): string | undefined =>
  name.includes(':') ? 'must not hold a colon: Basic authentication ends it there' : undefined;

export interface Exchange {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  purpose: Purpose;
  /** Name of the request, as the begin of a sentence. */
  what: string;
}

/** Sends a request; every status is an answer. @throws Retryable, Permanent, Ambiguous (a deed alone) */
export async function exchange(target: Target, asked: Exchange, signal: AbortSignal): Promise<HttpAnswer> {
  const { method, path, headers, body, purpose, what } = asked;
  const request: HttpRequest = {
    method,
    url: target.origin + path,
    headers: { 'User-Agent': 'monscale', Authorization: target.authorization, ...headers },
    body: body === undefined ? undefined : Buffer.from(body),
    tls: target.tls,
    keepAlive: false,
  };
  try {
    return purpose === 'deed' ? await sendOnce(request, signal) : await askWhole(request, signal);
  } catch (error) {
    if (error instanceof NotSent) {
      const sentence = `${what} was not sent: ${error.message}`;
      throw error.canHelp ? new Retryable(sentence) : new Permanent(sentence);
    }
    if (!(error instanceof NoAnswer)) throw error;
    if (purpose === 'question') throw new Retryable(`${what} was not answered: ${error.message}`);
    throw mayBeDone(`${what} was sent and not answered: ${error.message}`);
  }
}

/** Makes the error for a status that is no success. See the tables in docs/actions. */
export function refusalOf(answer: HttpAnswer, { purpose, what }: Exchange, why: string): Error {
  const { status, headers } = answer;
  const sentence = `${what} was answered ${statusText(status)}${why && `: ${why}`}`;
  const again = { retryAfterSeconds: retryAfterSeconds(headers) };
  if (status === 429 || status === 503) return new Retryable(sentence, again);
  if (status >= 500 || status === 408 || status === 425)
    return purpose === 'deed' ? mayBeDone(sentence) : new Retryable(sentence, again);
  if (status >= 300 && status < 400) return new Permanent(`${sentence}; redirects are not followed`);
  return status === 404 ? new Gone(sentence) : new Permanent(sentence);
}

/** Makes the error for an answer of 200 that is not CloudForms'. */
export function nonsense({ purpose, what }: Pick<Exchange, 'purpose' | 'what'>): Error {
  const sentence = `${what} was answered, but not as CloudForms does`;
  return purpose === 'deed' ? mayBeDone(sentence) : new Retryable(sentence);
}

export const mayBeDone = (sentence: string): Ambiguous => new Ambiguous(`${sentence}; it may have been done`);

/** Returns CloudForms' message on one line, shortened and without our credentials. */
export const told = (text: string, { secrets }: Target): string =>
  maskTexts(text, secrets)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, EXCERPT_CHARACTERS);
