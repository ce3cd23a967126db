import { createHmac } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import { Injectable } from '@nestjs/common';
import { step, type SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Flag, Nested, Text, TextMap } from '../../common/fields';
import { hostIn } from '../../targets/http/host';
import {
  headerProblem,
  HEADER_NAME,
  HTTP_URL,
  HTTP_URL_HINT,
  httpUrlProblem,
  TlsParams,
} from '../../targets/http/params';
import { sendOnce } from '../../targets/http/request';
import { partsOf } from '../../targets/http/url-parts';
import { NoAnswer, NotSent, type HttpAnswer, type HttpRequest } from '../../targets/http/http-call';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  Unreadable,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';
import { executionAsJson } from '../execution-body';
import { excerptIn, failureByStatus } from '../http-outcomes';

const METHODS = ['POST', 'PUT', 'PATCH', 'GET', 'DELETE'] as const;

/** Returns, from its body, why a success is a failure; undefined when it is a success. */
export type FailureIn = (answer: HttpAnswer, target: string) => Error | undefined;

export class WebhookParams implements SelfChecking {
  @Text({
    directs: 'origin',
    description: 'Where to send it',
    template: 'url',
    minLength: 1,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: httpUrlProblem,
    example: 'https://hooks.example.com/scale?service={{ service.name }}',
  })
  url: string;

  @Choice(METHODS, { directs: 'nothing', description: 'Method of the request' })
  method: (typeof METHODS)[number] = 'POST';

  @TextMap({
    directs: 'nothing',
    description: 'Headers to send; all of them are secret',
    secret: true,
    template: 'text',
    keys: HEADER_NAME,
    optional: true,
    example: { Authorization: 'Bearer 7f3a' },
  })
  headers?: Record<string, string>;

  @Text({
    directs: 'nothing',
    description: 'Body to send; without it the execution as JSON, and nothing with GET',
    template: 'json',
    optional: true,
    maxLength: 100_000,
    example: '{"text": "{{ service.name }}: {{ trigger.justification }}"}',
  })
  body?: string;

  @Text({
    directs: 'nothing',
    description: 'Key the body is signed with (HMAC-SHA256, header X-Monscale-Signature)',
    secret: true,
    optional: true,
    minLength: 1,
  })
  secret?: string;

  @Flag({
    directs: 'nothing',
    description:
      'Sends when it is sent, in seconds (header X-Monscale-Timestamp), and signs that too, so that nobody can send it again later',
  })
  signTimestamp: boolean = false;

  @Flag({
    description:
      'Whether the target does the same Idempotency-Key only once; if so, a lost answer is asked for again',
  })
  idempotent: boolean = true;

  @Nested(() => TlsParams, { description: 'TLS to the target', optional: true })
  tls?: TlsParams;

  /** Checks headers whose values hold no template; others can't be checked before they are rendered. */
  problems(): FieldError[] {
    const unsigned =
      this.signTimestamp && this.secret === undefined
        ? [{ pointer: '/secret', detail: 'is required where the time is signed' }]
        : [];
    const headers = Object.entries(this.headers ?? {}).flatMap(([name, value]) => {
      const detail = headerProblem(name, /\{[{%]/.test(value) ? '' : String(value));
      return detail === undefined ? [] : [{ pointer: `/headers${step(name)}`, detail }];
    });
    return [...unsigned, ...headers];
  }
}

@ActionMapping({
  type: 'webhook',
  title: 'Webhook',
  description: 'Sends an HTTP request, signed if wanted, with a key that makes it safe to repeat',
  params: WebhookParams,
  capacity: 'none',
})
@Injectable()
export class Webhook implements Action<WebhookParams> {
  /** Sends the request. Redirects are not followed: the other host would get our headers. */
  async execute(
    params: WebhookParams,
    context: ActionContext,
    failureIn: FailureIn = () => undefined,
  ): Promise<ActionResult> {
    const wrongUrl = httpUrlProblem(params.url);
    if (wrongUrl) throw new Permanent(`${params.method} can't be sent: its url ${wrongUrl}`);
    const target = `${params.method} ${partsOf(params.url).host}`;
    const wrongHeader = headersProblem(params);
    if (wrongHeader) throw new Permanent(`${target} can't be sent: ${wrongHeader}`);
    const answer = await this.send(requestOf(params, context), target, params.idempotent, context.signal);
    return { detail: outcomeOf(answer, target, params, failureIn) };
  }

  preview(params: WebhookParams, context: ActionContext) {
    const { method, url, headers, body } = requestOf(params, context);
    return { method, url, headers, body: body?.toString() };
  }

  target({ url }: WebhookParams): string | undefined {
    return hostIn(url);
  }

  idempotent({ idempotent }: WebhookParams): boolean {
    return idempotent;
  }

  private async send(
    request: HttpRequest,
    target: string,
    isIdempotent: boolean,
    signal: AbortSignal,
  ): Promise<HttpAnswer> {
    try {
      return await sendOnce(request, signal);
    } catch (error) {
      if (error instanceof NotSent && !error.canHelp)
        throw new Permanent(`${target} failed: ${error.message}`);
      if (error instanceof NotSent) throw new Retryable(`${target} was not sent: ${error.message}`);
      if (error instanceof NoAnswer && error.isUnreadable)
        throw new Unreadable(
          `${target} was sent, and its answer can't be read: ${error.message}; it may have been done`,
        );
      if (error instanceof NoAnswer)
        throw mayBeDone(`${target} was sent and not answered: ${error.message}`, isIdempotent);
      throw error;
    }
  }
}

function requestOf(
  params: WebhookParams,
  { executionId, variables, now, traceparent }: ActionContext,
): HttpRequest {
  const { url, method, tls, secret, signTimestamp, idempotent } = params;
  const text = params.body ?? (method === 'GET' ? undefined : executionAsJson(executionId, variables));
  const body = text === undefined ? undefined : Buffer.from(text);
  const headers: Record<string, string> = { 'User-Agent': 'monscale', 'Idempotency-Key': executionId };
  if (body) headers['Content-Type'] = 'application/json';
  if (traceparent !== undefined) headers.traceparent = traceparent;
  if (secret) {
    const hmac = createHmac('sha256', secret);
    if (signTimestamp) {
      headers['X-Monscale-Timestamp'] = String(Math.floor(now.getTime() / 1000));
      hmac.update(`${headers['X-Monscale-Timestamp']}.`);
    }
    headers['X-Monscale-Signature'] = `sha256=${hmac.update(body ?? '').digest('hex')}`;
  }
  return {
    method,
    url,
    body,
    tls,
    headers: params.headers === undefined ? headers : withHeaders(headers, params.headers),
    keepAlive: idempotent,
  };
}

/** Headers that users can't replace, since receivers rely on them. */
const OURS_ALONE = ['Idempotency-Key', 'X-Monscale-Signature', 'X-Monscale-Timestamp'];

/** Returns our headers overridden by the user's, except for `OURS_ALONE`. */
function withHeaders(ours: Record<string, string>, theirs: Record<string, string>): Record<string, string> {
  const headers: Record<string, string> = { ...ours };
  for (const [name, value] of Object.entries(theirs)) {
    const own = Object.keys(ours).find((known) => known.toLowerCase() === name.toLowerCase());
    if (own && OURS_ALONE.includes(own)) continue;
    if (own) delete headers[own];
    headers[name] = String(value);
  }
  return headers;
}

function headersProblem({ headers = {} }: WebhookParams): string | undefined {
  return Object.entries(headers)
    .map(([name, value]) => headerProblem(name, String(value)))
    .find((problem) => problem !== undefined);
}

/** Returns the detail of a success; any other answer is thrown as the error it stands for. */
function outcomeOf(
  answer: HttpAnswer,
  target: string,
  { method, idempotent }: WebhookParams,
  failureIn: FailureIn,
): string {
  const { status, body } = answer;
  const name = `${status} ${STATUS_CODES[status] ?? ''}`.trimEnd();
  const told = [name, excerptIn(body)].filter(Boolean).join(': ');
  if (status >= 200 && status < 300) {
    const failure = failureIn(answer, target);
    if (failure !== undefined) throw failure;
    return told;
  }
  // RFC 9110, 15.4.4: it was taken, and what came of it is told elsewhere. Asked again it would be answered the same.
  if (status === 303 && method !== 'GET')
    throw new Unreadable(`${target} answered ${name}: it may have been done; redirects are not followed`);
  if (status >= 300 && status < 400)
    throw new Permanent(`${target} answered ${name}; redirects are not followed`);
  throw failureByStatus(status, `${target} answered ${told}`, answer, idempotent);
}

const mayBeDone = (sentence: string, isIdempotent: boolean): Ambiguous =>
  new Ambiguous(`${sentence}; it ${isIdempotent ? 'is retried with the same key' : 'may have been done'}`);
