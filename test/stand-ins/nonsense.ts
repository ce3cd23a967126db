/** Servers that speak PostgreSQL's or Redis' protocol wrong on purpose, one way each. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';

/** What it answers a question with, or does to the connection. Endless ones end with their connection. */
export type Nonsense = Buffer | string | ((socket: Socket, asked: Buffer) => void);

export interface NonsenseServer {
  port: number;
  /** Connections that are open now. */
  open(): number;
  /** All that were made. */
  made(): number;
  /** How many bytes its clients took at most on one connection. */
  sent(): number;
  close(): Promise<void>;
}

async function serve(take: (socket: Socket) => void): Promise<NonsenseServer> {
  const sockets = new Set<Socket>();
  let made = 0;
  let sent = 0;
  const server = createServer((socket) => {
    made++;
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      sent = Math.max(sent, socket.bytesWritten - socket.writableLength);
    });
    take(socket);
  });
  server.on('error', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    open: () => sockets.size,
    made: () => made,
    sent: () => sent,
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function say(socket: Socket, nonsense: Nonsense, asked: Buffer): void {
  if (typeof nonsense === 'function') nonsense(socket, asked);
  else socket.write(nonsense);
}

/** Says it again and again, as fast as it is taken. */
export const endlessly =
  (bytes: Buffer | string): Nonsense =>
  (socket) => {
    const one = Buffer.from(bytes);
    const many = Buffer.concat(Array.from({ length: Math.ceil(65_536 / one.length) }, () => one));
    const more = (): void => {
      while (socket.writable && socket.write(many));
    };
    socket.on('drain', more);
    more();
  };

/** Begins so, and goes on with zeros for ever. */
export const thenZeros =
  (head: Buffer | string): Nonsense =>
  (socket, asked) => {
    socket.write(head);
    say(socket, endlessly(Buffer.alloc(65_536)), asked);
  };

// PostgreSQL, 54.7: a type, the length of what follows with itself, and that.

export function message(type: string, body: Buffer | string = '', length?: number): Buffer {
  const bytes = Buffer.from(body);
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(length ?? bytes.length + 4, 1);
  return Buffer.concat([head, bytes]);
}

const int16 = (value: number) => Buffer.from([(value >> 8) & 255, value & 255]);
const int32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  return bytes;
};
export const AUTHENTICATED = message('R', int32(0));
export const READY = message('Z', 'I');
export const authentication = (kind: number, rest: Buffer | string = ''): Buffer =>
  message('R', Buffer.concat([int32(kind), Buffer.from(rest)]));
export const rowOf = (columns: number, rest: Buffer | string = ''): Buffer =>
  message('D', Buffer.concat([int16(columns), Buffer.from(rest)]));
export const columnsOf = (columns: number, rest: Buffer | string = ''): Buffer =>
  message('T', Buffer.concat([int16(columns), Buffer.from(rest)]));
export const copyIn = (columns: number): Buffer =>
  message('G', Buffer.concat([Buffer.from([0]), int16(columns)]));
export const textOf = (length: number): Buffer => int32(length);

/** @param when the nonsense comes in place of the login, or of the answer to the first question */
export function startWrongPostgres(when: 'login' | 'query', nonsense: Nonsense): Promise<NonsenseServer> {
  return serve((socket) => {
    let isIn = false;
    socket.on('data', (asked: Buffer) => {
      if (when === 'login') return say(socket, nonsense, asked);
      if (isIn) return say(socket, nonsense, asked);
      isIn = true;
      socket.write(Buffer.concat([AUTHENTICATED, READY]));
    });
  });
}

/** It lets everybody in, and says it in place of the answer to each question. */
export function startWrongRedis(nonsense: Nonsense): Promise<NonsenseServer> {
  return serve((socket) => {
    socket.on('data', (asked: Buffer) => say(socket, nonsense, asked));
  });
}
