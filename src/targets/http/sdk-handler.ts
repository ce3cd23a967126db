import { Readable } from 'node:stream';
import { heard } from '../../common/heard';
import { askWhole, sendOnce } from './request';

/** Request that the AWS SDK hands to its handler; a part of its HttpRequest. */
interface SdkRequest {
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  query?: Record<string, string | string[] | null>;
  method: string;
  headers: Record<string, string>;
  body?: unknown;
}

/** Options for `send` of our clients; the SDK passes them to the handler unchanged. */
export interface SdkOptions {
  /**
   * Signal of the caller. It is not called `abortSignal`: with that one the SDK replaces our error, which tells whether
   * the request was sent, by its own.
   */
  signal: AbortSignal;
  /** Called with the body of the answer: where a result is empty, the SDK takes any text for it. */
  answered?: (body: string) => void;
  /**
   * Whether it is a question whose answer may be long: it comes whole, or not at all; as a `LongAnswer` where it is.
   */
  isWhole?: boolean;
  /** Option of the SDK, present only so that the type is accepted. */
  requestTimeout?: undefined;
}

/** Most bytes of a success that the SDK reads in the main thread: 1 MB of XML takes it half a second. */
const SHORT_BYTES = 16 * 1024;

/** Error that the SDK gets in place of a long answer, which is then read on a thread. */
export class LongAnswer extends Error {
  constructor(
    readonly statusCode: number,
    readonly headers: Record<string, string>,
    readonly body: Uint8Array,
  ) {
    super(`an answer of ${body.length} bytes is read elsewhere`);
  }
}

const NEVER = new AbortController().signal;

/**
 * Carries the requests of an AWS SDK client over `sendOnce`: the SDK's own handler does not tell whether a request was
 * sent before it failed. Connections are made anew, so that none is closed under a request that can't be repeated.
 */
export class SdkHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };

  /**
   * Sends a request of the SDK.
   *
   * @throws NotSent, NoAnswer, LongAnswer
   */
  async handle(request: SdkRequest, options: object = {}) {
    const { signal = NEVER, answered, isWhole } = options as Partial<SdkOptions>;
    const { protocol, hostname, port, path, query, method, headers, body } = request;
    const url = `${protocol}//${hostname}${port ? `:${port}` : ''}${path}${queryText(query)}`;
    const bytes = body === undefined ? undefined : Buffer.from(body as string | Uint8Array);
    const send = isWhole ? askWhole : sendOnce;
    const answer = await send({ method, url, headers, body: bytes, keepAlive: false }, signal);
    const text = answer.body.toString();
    const statusCode = statusOf(answer.status, text);
    if (isWhole && statusCode < 300 && answer.body.length > SHORT_BYTES)
      throw new LongAnswer(statusCode, answer.headers, answer.body);
    answered?.(text);
    return {
      response: {
        statusCode,
        headers: answer.headers,
        body: heard(Readable.from([answer.body])),
      },
    };
  }

  // Its clients ask for them; there is nothing to set here.
  updateHttpClientConfig(): void {}
  httpHandlerConfigs(): object {
    return {};
  }
}

/**
 * Returns the status of an answer. An error of the query protocol may come with status 200, behind proxies and
 * imitations, and the SDK looks at the status alone.
 */
function statusOf(status: number, body: string): number {
  if (status >= 300 || !/^\s*(<\?xml[^>]*>\s*)?<ErrorResponse\b/.test(body)) return status;
  return /<Type>\s*Receiver\s*<\/Type>/.test(body) ? 500 : 400;
}

function queryText(query: SdkRequest['query'] = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((one) => [name, one ?? '']),
  );
  const text = pairs.map((pair) => pair.map((part) => encodeURIComponent(part)).join('=')).join('&');
  return text && `?${text}`;
}
