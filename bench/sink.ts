import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A target of webhooks in this process, which notes when what came. */
export class Sink {
  /** By path. */
  readonly arrivedAt = new Map<string, number>();
  /** Idempotency keys. */
  readonly keys = new Set<string>();
  private readonly arrivals = new EventEmitter();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<Sink> {
    const server = createServer();
    const sink = new Sink(server);
    server.on('request', (request, response) => {
      sink.note(request.url!.slice(1));
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

  private note(path: string): void {
    this.arrivedAt.set(path, performance.now());
    this.arrivals.emit(path);
  }

  /** @returns when it came; asking again and again would take time from what is measured. @throws when it takes a minute */
  async arrival(path: string): Promise<number> {
    if (!this.arrivedAt.has(path)) await once(this.arrivals, path, { signal: AbortSignal.timeout(60_000) });
    return this.arrivedAt.get(path)!;
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }
}
