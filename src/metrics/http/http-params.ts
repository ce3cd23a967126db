/** Params that metrics over HTTP share. */
import { step, type SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Choice, Flag, Nested, Text, TextMap } from '../../common/fields';
import {
  headerProblem,
  HEADER_NAME,
  HTTP_URL,
  HTTP_URL_HINT,
  httpUrlProblem,
  TlsParams,
} from '../../targets/http/params';
import type { HttpQuestion } from './http-client';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS'] as const;

export class HttpParams implements HttpQuestion, SelfChecking {
  @Text({
    directs: 'origin',
    description: 'What to request',
    minLength: 1,
    pattern: HTTP_URL,
    patternHint: HTTP_URL_HINT,
    check: httpUrlProblem,
    example: 'https://web.example.com/health',
  })
  url: string;

  @Choice(METHODS, { directs: 'nothing', description: 'Method of the request' })
  method: (typeof METHODS)[number] = 'GET';

  @Headers()
  headers?: Record<string, string>;

  @Text({
    directs: 'nothing',
    description: 'Body to send, as JSON unless Content-Type says otherwise',
    optional: true,
    maxLength: 100_000,
  })
  body?: string;

  @Flag({
    directs: 'nothing',
    description: 'Whether redirects are followed; other hosts are not sent the headers',
  })
  followRedirects: boolean = false;

  @Nested(() => TlsParams, { description: 'TLS to the target', optional: true })
  tls?: TlsParams;

  problems(): FieldError[] {
    return headerProblems(this.headers);
  }
}

/** Params of metrics that look at the body of the answer. */
export class HttpBodyParams extends HttpParams {
  override problems(): FieldError[] {
    const bodiless = { pointer: '/method', detail: 'must not be HEAD: its answer has no body' };
    return [...(this.method === 'HEAD' ? [bodiless] : []), ...super.problems()];
  }
}

/** Declares a param of headers to send. */
export function Headers(): PropertyDecorator {
  return TextMap({
    directs: 'nothing',
    description: 'Headers to send; all of them are secret',
    secret: true,
    keys: HEADER_NAME,
    optional: true,
    example: { Authorization: 'Bearer 7f3a' },
  });
}

/** Returns what is wrong with headers whose values are there; a reference is checked when it is resolved. */
export function headerProblems(headers: Record<string, unknown> = {}): FieldError[] {
  return Object.entries(headers).flatMap(([name, value]) => {
    const detail = headerProblem(name, typeof value === 'string' ? value : '');
    return detail === undefined ? [] : [{ pointer: `/headers${step(name)}`, detail }];
  });
}
