/** An HTTP(S) server that writes down what it is sent, and answers or misbehaves as it is told. */
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { bodyOf, HttpStandIn } from './http-stand-in';

export interface SunkRequest {
  method: string;
  /** With the query. */
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface SinkAnswer {
  status?: number;
  headers?: Record<string, string>;
  body?: string | Buffer;
  delayMs?: number;
  /** Cuts the connection: before the request is written down, or after. */
  drop?: 'before' | 'after';
  /** Never answers. */
  hang?: boolean;
}

export class WebhookSink extends HttpStandIn {
  readonly requests: SunkRequest[] = [];
  /** For every request that `next` has no answer for. */
  always: SinkAnswer = {};
  readonly next: SinkAnswer[] = [];
  /** Opened so far, kept ones once. */
  connections = 0;

  /** @param tls key and certificate for https, and what else a server takes (`requestCert`) */
  constructor(tls?: ServerOptions) {
    super(tls);
    this.server.on('connection', () => (this.connections += 1));
  }

  /** How many deeds were asked for: requests with the same Idempotency-Key are one. */
  get deeds(): number {
    return new Set(this.requests.map(({ headers }, index) => headers['idempotency-key'] ?? index)).size;
  }

  clear(): void {
    this.requests.length = 0;
    this.connections = 0;
    this.next.length = 0;
    this.always = {};
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await bodyOf(request)).toString();
    const answer = this.next.shift() ?? this.always;
    if (answer.drop === 'before') return void request.socket.destroy();
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, path: url, headers, body });
    if (answer.drop === 'after') return void request.socket.destroy();
    if (answer.hang) return;
    if (answer.delayMs) await new Promise((resolve) => setTimeout(resolve, answer.delayMs).unref());
    response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
  }
}
