/** Stands between the program and a server, so that the server can seem to go away and come back. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

export class TcpProxy {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private state: 'open' | 'cut' | 'silent' = 'open';

  /** @param url of the server behind it */
  constructor(private readonly url: string) {
    this.server = createServer((socket) => this.take(socket));
  }

  /** The same URL, through the proxy. */
  async start(): Promise<string> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    const through = new URL(this.url);
    through.hostname = '127.0.0.1';
    through.port = String((this.server.address() as AddressInfo).port);
    return through.href;
  }

  /** Ends every connection, and each new one at once. */
  cut(): void {
    this.state = 'cut';
    for (const socket of this.sockets) socket.destroy();
  }

  /** Keeps every connection and takes new ones, and nothing comes through any more: a network that is gone. */
  silence(): void {
    this.state = 'silent';
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  /** Lets everything through again; what was silenced ends. */
  restore(): void {
    this.state = 'open';
    for (const socket of this.sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private take(near: Socket): void {
    this.keep(near);
    if (this.state === 'cut') return void near.destroy();
    if (this.state === 'silent') return;
    const { hostname, port } = new URL(this.url);
    const far = connect(Number(port), hostname);
    this.keep(far);
    this.listen(near, far);
    near.pipe(far).pipe(near);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  }

  /** Looks at what passes on a new connection. */
  protected listen(_near: Socket, _far: Socket): void {}

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }
}
