import { createSocket } from 'node:dgram';
import { bound, closed } from '../../test/stand-ins/snmp-agents';
import { newDrops, TrapSocket } from './trap-socket';
import type { PackedDatagrams } from './datagrams';

describe('the trap socket', () => {
  const started: TrapSocket[] = [];

  afterEach(() => Promise.all(started.splice(0).map((socket) => socket.stop())));

  async function listen(onDatagrams: (packed: PackedDatagrams) => void, port = 0, maxHeldBytes = 1 << 20) {
    const socket = new TrapSocket({ host: '127.0.0.1', port, maxHeldBytes, onDatagrams });
    await socket.start();
    started.push(socket);
    return socket;
  }

  async function until(claim: () => boolean): Promise<void> {
    for (let tries = 0; tries < 300 && !claim(); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
    expect(claim()).toBe(true);
  }

  const send = (port: number, messages: Buffer[]): Promise<void> =>
    new Promise((resolve) => {
      const socket = createSocket('udp4');
      let left = messages.length;
      for (const message of messages)
        socket.send(message, port, '127.0.0.1', () => --left === 0 && socket.close(() => resolve()));
    });

  it('hands over what came, in its order, and sends answers back', async () => {
    const heard: string[] = [];
    const socket = await listen((packed) => {
      for (let one = packed.next(); one !== undefined; one = packed.next()) {
        heard.push(one.bytes.toString());
        socket.send(Buffer.from(`answer to ${one.bytes.toString()}`), one.address, one.port);
      }
      socket.release(packed);
    });
    const sender = await bound('127.0.0.1');
    const answers: string[] = [];
    sender.on('message', (answer) => answers.push(answer.toString()));
    for (const text of ['one', '', 'three']) sender.send(text, socket.port, '127.0.0.1');
    await until(() => answers.length === 3);
    await closed(sender);
    expect([heard, answers]).toEqual([
      ['one', '', 'three'],
      ['answer to one', 'answer to ', 'answer to three'],
    ]);
    expect([socket.counts().received, socket.heldBytes]).toEqual([3, 0]);
  });

  it('loses none of a burst, nor what is as large as a datagram can be', async () => {
    let count = 0;
    const socket = await listen((packed) => {
      while (packed.next() !== undefined) count++;
      socket.release(packed);
    });
    await send(
      socket.port,
      Array.from({ length: 3_000 }, (_, n) => Buffer.from(String(n))),
    );
    await until(() => count === 3_000);
    for (let n = 0; n < 5; n++) await send(socket.port, [Buffer.alloc(65_507)]);
    await until(() => count === 3_005);
  });

  it('counts what it has no room for', async () => {
    let count = 0;
    const held: PackedDatagrams[] = [];
    const socket = await listen((packed) => void held.push(packed), 0, 1_000);
    for (let n = 0; n < 4; n++) {
      await send(
        socket.port,
        Array.from({ length: 100 }, () => Buffer.alloc(50)),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    for (const packed of held) while (packed.next() !== undefined) count++;
    const { received, dropped } = socket.counts();
    expect(received).toBe(400);
    expect(dropped).toBeGreaterThan(0);
    expect(count + dropped).toBe(400);
    held.forEach((packed) => socket.release(packed));
    expect(socket.heldBytes).toBe(0);
  });

  it('says that the port is taken', async () => {
    const { port } = await listen(() => undefined);
    await expect(listen(() => undefined, port)).rejects.toThrow(
      `cannot receive SNMP notifications on 127.0.0.1:${port}: the port is in use by another program`,
    );
  });

  it('gives the port back when it stops', async () => {
    const socket = await listen(() => undefined);
    await socket.stop();
    await socket.stop();
    expect((await listen(() => undefined, socket.port)).port).toBe(socket.port);
  });
});

it.each([
  [5, 5, 0],
  [7, 5, 2],
  // The socket's thread ended, and another listens.
  [0, 5, 0],
  [3, 5, 3],
])('a kernel that counts %i drops, and %i before, has dropped %i more', (count, before, more) => {
  expect(newDrops(count, before)).toBe(more);
});
