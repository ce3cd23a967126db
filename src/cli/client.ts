import type { Command } from 'commander';
import { messageOf, type FieldError } from '../common/errors';

/** Timeout of a request, milliseconds: a simulation over months of records may take long. */
const TIMEOUT_MS = 120_000;

/** Error with the reasons of a refusal, one per line. */
export class Refused extends Error {
  /** @param status of the answer; undefined where the refusal is our own */
  constructor(
    readonly lines: string[],
    readonly status?: number,
  ) {
    super(lines.join('\n'));
  }
}

/** Returns a client of the server that a command's options name. */
export type Connect = (command: Command) => Client;

/** Client of a running program's API. */
export class Client {
  private readonly base: URL;

  /** @throws Error when it is no http:// or https:// URL */
  constructor(
    url: string,
    private readonly token: string | undefined,
  ) {
    if (!/^https?:/.test(url) || !URL.canParse(url)) throw new Error(`${url} is no http:// or https:// URL`);
    this.base = new URL(url.endsWith('/') ? url : `${url}/`);
  }

  get<T>(path: string): Promise<T> {
    return this.send<T>('GET', path);
  }

  /**
   * Sends a request with a body.
   *
   * @param body a text, which is sent as it is, or a value, which is sent as JSON
   */
  post<T>(path: string, body: unknown, type = 'application/json'): Promise<T> {
    return this.send<T>('POST', path, { type, text: typeof body === 'string' ? body : JSON.stringify(body) });
  }

  private async send<T>(method: string, path: string, body?: { type: string; text: string }): Promise<T> {
    const answer = await this.ask(method, path, body);
    const text = await answer.text();
    const isJson = /\bjson\b/.test(answer.headers.get('content-type') ?? '');
    if (!answer.ok) throw refusal(answer, isJson ? text : '');
    return (isJson ? JSON.parse(text) : text) as T;
  }

  private async ask(method: string, path: string, body?: { type: string; text: string }): Promise<Response> {
    try {
      return await fetch(new URL(`api/v1${path}`, this.base), {
        method,
        headers: {
          ...(this.token === undefined ? {} : { Authorization: `Bearer ${this.token}` }),
          ...(body === undefined ? {} : { 'Content-Type': body.type }),
        },
        body: body?.text,
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
    } catch (error) {
      const isLate = (error as Error).name === 'TimeoutError';
      const why = isLate ? `no answer in ${TIMEOUT_MS / 1000} s` : messageOf(error);
      throw new Error(`cannot reach ${this.base.origin}: ${why}`, { cause: error });
    }
  }
}

/** Returns a problem (RFC 9457) as an error with lines. */
function refusal({ status, statusText }: Response, text: string): Refused {
  const { detail, errors } = (text === '' ? {} : JSON.parse(text)) as {
    detail?: string;
    errors?: FieldError[];
  };
  if (errors !== undefined && errors.length > 0) return new Refused(linesOf(errors), status);
  if (status === 401)
    return new Refused([`${detail ?? statusText}; give a token by MONSCALE_TOKEN or --token-file`], status);
  return new Refused([detail ?? `the server answered ${status} ${statusText}`], status);
}

export const linesOf = (errors: readonly FieldError[]): string[] =>
  errors.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`));
