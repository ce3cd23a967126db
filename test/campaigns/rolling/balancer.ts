/**
 * Stands for a Service of Kubernetes, in this process: each new TCP connection, and each sender of datagrams, goes to one
 * of the pods that are ready. What is open already stays where it is, as kube-proxy leaves it.
 */
import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** Ports of the pods that take what is sent. */
class Endpoints {
  private readonly ports: number[] = [];
  private turn = 0;

  set(port: number, isReady: boolean): void {
    const at = this.ports.indexOf(port);
    if (isReady && at < 0) this.ports.push(port);
    if (!isReady && at >= 0) this.ports.splice(at, 1);
  }

  has(port: number): boolean {
    return this.ports.includes(port);
  }

  /** Answers the next in turn; undefined where none is ready. */
  next(): number | undefined {
    return this.ports[this.turn++ % Math.max(1, this.ports.length)];
  }
}

export interface Balancer {
  readonly endpoints: Endpoints;
  /** Its own port, of 127.0.0.1. */
  start(): Promise<number>;
  stop(): Promise<void>;
}

/** Of TCP connections. */
export class TcpBalancer implements Balancer {
  readonly endpoints = new Endpoints();
  /** Connections for which no pod was ready, or whose pod did not take them. */
  untaken = 0;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server = createServer({ allowHalfOpen: true }, (near) => this.take(near));

  async start(): Promise<number> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private take(near: Socket): void {
    this.keep(near);
    const port = this.endpoints.next();
    if (port === undefined) {
      this.untaken += 1;
      return void near.destroy();
    }
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
    this.keep(far);
    let isOpen = false;
    far.once('connect', () => (isOpen = true));
    near.setNoDelay(true);
    near.pipe(far).pipe(near);
    near.once('close', () => far.destroy());
    far.once('close', () => {
      if (!isOpen) this.untaken += 1;
      near.destroy();
    });
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => this.sockets.delete(socket));
  }
}

/** Way of one sender to the pod that it was given. */
interface Flow {
  port: number;
  socket: UdpSocket;
}

/** Of datagrams: a sender keeps its pod for as long as that is ready. */
export class UdpBalancer implements Balancer {
  readonly endpoints = new Endpoints();
  private readonly near = createSocket('udp4');
  private readonly flows = new Map<number, Flow>();

  async start(): Promise<number> {
    this.near.on('message', (datagram, sender) => this.take(datagram, sender));
    await once(this.near.bind(0, '127.0.0.1'), 'listening');
    return this.near.address().port;
  }

  async stop(): Promise<void> {
    for (const { socket } of this.flows.values()) socket.close();
    this.near.close();
    await once(this.near, 'close');
  }

  private take(datagram: Buffer, sender: RemoteInfo): void {
    let flow = this.flows.get(sender.port);
    if (flow !== undefined && !this.endpoints.has(flow.port)) {
      this.flows.delete(sender.port);
      // An answer may still come.
      const { socket } = flow;
      setTimeout(() => socket.close(), ANSWERS_MS);
      flow = undefined;
    }
    if (flow === undefined) {
      const port = this.endpoints.next();
      // As a datagram that is sent to nobody: it is lost.
      if (port === undefined) return;
      flow = { port, socket: createSocket('udp4') };
      flow.socket.on('message', (answer) => this.near.send(answer, sender.port, sender.address));
      flow.socket.on('error', () => undefined);
      this.flows.set(sender.port, flow);
    }
    flow.socket.send(datagram, flow.port, '127.0.0.1');
  }
}

/** Time for which an answer of a pod that is ready no longer is brought, milliseconds. */
const ANSWERS_MS = 2_000;
