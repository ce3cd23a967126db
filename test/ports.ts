/**
 * Ports for what specs start: below those that the system gives out by itself, so that no connection and no server of another
 * spec is given one between the moment it is found free and the moment it is taken.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const FIRST = 12_000;
const LAST = 32_000;
/** Spec files that run side by side know nothing of each other: each begins somewhere else. */
let next = randomInt(FIRST, LAST);

/** A port of 127.0.0.1 that nobody listens at, over TCP and UDP, and that is given once. */
export async function testPort(): Promise<number> {
  for (;;) {
    const port = next;
    next = next === LAST ? FIRST : next + 1;
    if (await isFree(port)) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  const socket = createSocket('udp4');
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening');
    await once(socket.bind(port, '127.0.0.1'), 'listening');
    return true;
  } catch {
    return false;
  } finally {
    server.close();
    socket.close();
  }
}
