/** An HTTP(S) server that writes down what it is sent, and answers or misbehaves as it is told. */
import { once } from 'node:events';
import http, {
  type IncomingHttpHeaders,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http';
import https, { type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

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

export class WebhookSink {
  readonly requests: SunkRequest[] = [];
  /** For every request that `next` has no answer for. */
  always: SinkAnswer = {};
  readonly next: SinkAnswer[] = [];
  /** Opened so far, kept ones once. */
  connections = 0;
  private readonly server: Server;

  /** @param tls key and certificate for https, and what else a server takes (`requestCert`) */
  constructor(private readonly tls?: ServerOptions) {
    const listener: RequestListener = (request, response) => {
      void this.take(request, response).catch(() => request.socket.destroy());
    };
    this.server = tls ? https.createServer(tls, listener) : http.createServer(listener);
    this.server.on('connection', () => (this.connections += 1));
  }

  /** @param port 0 for any */
  async start(port = 0): Promise<string> {
    this.server.listen(port, '127.0.0.1');
    await once(this.server, 'listening');
    return `${this.tls ? 'https' : 'http'}://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return;
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    await closed;
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

  private async take(request: IncomingMessage, response: http.ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const answer = this.next.shift() ?? this.always;
    if (answer.drop === 'before') return void request.socket.destroy();
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, path: url, headers, body: Buffer.concat(chunks).toString() });
    if (answer.drop === 'after') return void request.socket.destroy();
    if (answer.hang) return;
    if (answer.delayMs) await new Promise((resolve) => setTimeout(resolve, answer.delayMs).unref());
    response.writeHead(answer.status ?? 200, answer.headers).end(answer.body);
  }
}
