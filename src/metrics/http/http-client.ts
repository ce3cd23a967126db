import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { headerProblem, httpUrlProblem } from '../../targets/http/params';
import { askWhole, type WholeAnswer } from '../../targets/http/request';
import type { HttpRequest, HttpTls } from '../../targets/http/http-call';
import type { ReadContext } from '../metric';
import { unlessAborted } from '../../common/unless-aborted';

const BYTES_AT_MOST = 1024 * 1024;
const REDIRECTS_AT_MOST = 5;
const REDIRECTS = [301, 302, 303, 307, 308];
/**
 * Age up to which a request serves others that ask the same, milliseconds: metrics of one tick are read within this
 * time.
 */
const SHARED_MS = 1_000;

/** Headers of every request. */
const OURS = { 'User-Agent': 'monscale', Accept: '*/*' };

/** Request that changes nothing at its target. */
export interface HttpQuestion {
  url: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  followRedirects?: boolean;
  tls?: HttpTls;
}

interface UnderWay {
  answer: Promise<WholeAnswer>;
  begunAt: number;
  askers: number;
  abort: AbortController;
}

/**
 * Asks over HTTP. The same question of several metrics, services and batches at one time goes out once.
 *
 * - A request is under way until its answer is whole; it is shared for `SHARED_MS` from its beginning.
 * - It is aborted, and forgotten, when the last of its askers has left.
 */
@Injectable()
export class HttpClient {
  private readonly underWay = new Map<string, UnderWay>();

  /**
   * Asks, and returns the whole answer, whatever its status; `seconds` is of all requests when it redirects.
   *
   * @throws Error saying why there is none, or the signal's reason
   */
  async ask(question: HttpQuestion, { signal }: Pick<ReadContext, 'signal'>): Promise<WholeAnswer> {
    signal.throwIfAborted();
    const key = identityOf(question);
    const asked = this.shared(key) ?? this.begin(key, question);
    asked.askers += 1;
    try {
      return await unlessAborted(signal, asked.answer);
    } finally {
      asked.askers -= 1;
      if (asked.askers === 0) {
        asked.abort.abort(signal.reason);
        this.forget(key, asked);
      }
    }
  }

  private shared(key: string): UnderWay | undefined {
    const asked = this.underWay.get(key);
    return asked !== undefined && performance.now() - asked.begunAt < SHARED_MS ? asked : undefined;
  }

  private begin(key: string, question: HttpQuestion): UnderWay {
    const abort = new AbortController();
    const answer = answerTo(question, abort.signal);
    const asked = { answer, begunAt: performance.now(), askers: 0, abort };
    this.underWay.set(key, asked);
    return asked;
  }

  private forget(key: string, asked: UnderWay): void {
    if (this.underWay.get(key) === asked) this.underWay.delete(key);
  }
}

/** Returns a digest that is the same for the same question, and reveals none of its secrets. */
export function identityOf({ url, method, headers, body, followRedirects, tls }: HttpQuestion): string {
  const parts = [url, method, headers, body, followRedirects, tls];
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url');
}

async function answerTo(question: HttpQuestion, signal: AbortSignal): Promise<WholeAnswer> {
  let request = requestOf(question);
  let seconds = 0;
  for (let redirects = 0; ; redirects++) {
    const answer = await askWhole(request, signal, BYTES_AT_MOST);
    seconds += answer.seconds;
    const next = question.followRedirects ? redirected(request, answer) : undefined;
    if (next === undefined) return { ...answer, seconds };
    if (redirects === REDIRECTS_AT_MOST) throw new Error(`it redirects more than ${REDIRECTS_AT_MOST} times`);
    request = next;
  }
}

function requestOf({ url, method = 'GET', headers = {}, body, tls }: HttpQuestion): HttpRequest {
  for (const [name, value] of Object.entries(headers)) {
    // A header that is kept in a file or in the environment is seen here first.
    const problem = headerProblem(name, value);
    if (problem) throw new Error(problem);
  }
  const ours = {
    ...OURS,
    ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
  };
  const theirs = Object.keys(headers).map((name) => name.toLowerCase());
  const left = Object.entries(ours).filter(([name]) => !theirs.includes(name.toLowerCase()));
  return {
    method,
    url,
    headers: { ...Object.fromEntries(left), ...headers },
    body: body === undefined ? undefined : Buffer.from(body),
    tls,
    keepAlive: true,
  };
}

/**
 * Returns the request that follows a redirect (RFC 9110, 15.4); undefined when it is none. Another host gets neither
 * headers nor our certificate.
 */
function redirected(request: HttpRequest, { status, headers }: WholeAnswer): HttpRequest | undefined {
  const { location } = headers;
  if (!REDIRECTS.includes(status) || location === undefined) return undefined;
  const url = URL.canParse(location, request.url) ? new URL(location, request.url) : undefined;
  const problem = url ? httpUrlProblem(url.href) : 'is not a valid URL';
  if (url === undefined || problem) throw new Error(`it redirects to what ${problem}`);
  const asGet = status === 303 || (status < 303 && request.method === 'POST');
  const next = {
    ...request,
    url: url.href,
    ...(asGet ? { method: request.method === 'HEAD' ? 'HEAD' : 'GET', body: undefined } : {}),
  };
  if (url.origin === new URL(request.url).origin) return next;
  const { ca, rejectUnauthorized } = request.tls ?? {};
  return { ...next, headers: OURS, tls: { ca, rejectUnauthorized } };
}
