import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { telemetry } from '../common/telemetry';

/** Of the descriptors a process may have, this part is for who connects; the rest for servers, targets and files. */
const PART = 1 / 2;
const AT_MOST = 10_000;
const AT_LEAST = 8;

/** How many connections a process takes that may have so many descriptors. */
export const connectionsFor = (descriptors: number): number =>
  Math.max(AT_LEAST, Math.min(AT_MOST, Math.floor(descriptors * PART)));

/**
 * Open connections, bounded. When there is no room for another, the one is closed on which nothing has been asked for
 * longest, of the address that has most of them: whoever opens many makes room himself. One whose request is not
 * complete, or not answered, is not idle; without an idle one the new one is closed.
 */
export class Connections {
  private count = 0;
  /** By address, the one that was idle first stands first. */
  private readonly byAddress = new Map<string, { open: number; idle: Set<Socket> }>();

  constructor(private readonly atMost: number) {}

  watch(server: Server): void {
    server.on('connection', (socket: Socket) => this.opened(socket));
  }

  /** To be told of every request. */
  asked({ socket }: IncomingMessage, response: ServerResponse): void {
    const own = this.byAddress.get(addressOf(socket));
    if (own === undefined || !own.idle.delete(socket)) return;
    response.once('close', () => {
      if (!socket.destroyed) own.idle.add(socket);
    });
  }

  private opened(socket: Socket): void {
    if (this.count >= this.atMost && !this.closeIdle()) {
      telemetry.connectionsClosed.inc({ reason: 'no room' });
      socket.destroy();
      return;
    }
    const address = addressOf(socket);
    const own = this.byAddress.get(address) ?? { open: 0, idle: new Set() };
    this.byAddress.set(address, own);
    own.open++;
    own.idle.add(socket);
    this.moved(1);
    socket.once('close', () => {
      own.idle.delete(socket);
      if (--own.open === 0) this.byAddress.delete(address);
      this.moved(-1);
    });
  }

  private moved(by: number): void {
    this.count += by;
    telemetry.connections.set(this.count);
  }

  private closeIdle(): boolean {
    let most: { open: number; idle: Set<Socket> } | undefined;
    for (const own of this.byAddress.values())
      if (own.idle.size > 0 && (most === undefined || own.open > most.open)) most = own;
    const [oldest] = most?.idle ?? [];
    if (oldest === undefined) return false;
    most!.idle.delete(oldest);
    telemetry.connectionsClosed.inc({ reason: 'idle' });
    oldest.destroy();
    return true;
  }
}

const addressesOf = new WeakMap<Socket, string>();

/** Of a socket that is closed there is none any more. */
function addressOf(socket: Socket): string {
  let address = addressesOf.get(socket);
  if (address === undefined) addressesOf.set(socket, (address = socket.remoteAddress ?? ''));
  return address;
}
