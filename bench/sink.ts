import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A target of webhooks in this process, which notes when what came. */
export class Sink {
  /** By path. */
  readonly arrivedAt = new Map<string, number>();
  /** Idempotency keys. */
  readonly keys = new Set<string>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Sink> {
    const server = createServer();
    const sink = new Sink(server);
    server.on('request', (request, response) => {
      sink.arrivedAt.set(request.url!.slice(1), performance.now());
      sink.keys.add(request.headers['idempotency-key'] as string);
      request.resume();
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return sink;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
