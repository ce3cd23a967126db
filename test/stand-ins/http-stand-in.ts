/** What stand-ins that speak HTTP share: a server on this machine, its start and its end, and bodies read whole. */
import { once } from 'node:events';
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import https, { type ServerOptions } from 'node:https';
import type { AddressInfo } from 'node:net';

export abstract class HttpStandIn {
  protected readonly server: Server;

  /** @param tls key and certificate for https, and what else a server takes (`requestCert`) */
  constructor(private readonly tls?: ServerOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => {
      void this.answer(request, response).catch(() => request.socket.destroy());
    };
    this.server = tls ? https.createServer(tls, listener) : http.createServer(listener);
  }

  /** What it throws cuts the connection. */
  protected abstract answer(request: IncomingMessage, response: ServerResponse): Promise<void>;

  /** @param port 0 for any @returns its origin */
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
}

export async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}
