import { once } from 'node:events';
import { createServer, get, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/program';
import { Connections, connectionsFor } from './connections';
import { softLimitIn } from './descriptors';

describe('connections', () => {
  let server: Server;
  let port: number;
  const sockets: Socket[] = [];
  const unanswered: (() => void)[] = [];

  let connections: Connections;

  beforeEach(async () => {
    connections = new Connections(10);
    server = createServer((request, response) => {
      connections.asked(request, response);
      if (request.url === '/held') unanswered.push(() => response.end('late'));
      else response.end('ok');
    });
    connections.watch(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(() => {
    sockets.splice(0).forEach((socket) => socket.destroy());
    unanswered.length = 0;
    server.closeAllConnections();
    server.close();
  });

  async function open(text = '', from = '127.0.0.1'): Promise<Socket> {
    const socket = connect({ port, host: '127.0.0.1', localAddress: from });
    socket.on('error', () => undefined).resume();
    sockets.push(socket);
    await once(socket, 'connect');
    if (text) socket.write(text);
    await sleep(5);
    return socket;
  }
  const health = (): Promise<number | undefined> =>
    new Promise((resolve, reject) => {
      get({ port, host: '127.0.0.1', agent: false }, (response) => resolve(response.resume().statusCode)).on('error', reject); // prettier-ignore
    });
  const isOpen = (socket: Socket) => !socket.destroyed && !socket.readableEnded;

  it('the one that was idle longest makes room for a new one: whoever asks is answered', async () => {
    const idle = [];
    for (let count = 0; count < 40; count++) idle.push(await open(count % 2 ? 'GET / HT' : ''));
    expect(await health()).toBe(200);
    await sleep(20);
    expect(idle.filter(isOpen).length).toBeLessThanOrEqual(10);
    expect(idle.slice(-8).every(isOpen)).toBe(true);
  });

  it('one whose request is not answered yet stays; after its answer it is idle again', async () => {
    const held = await open('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
    for (let count = 0; count < 30; count++) await open();
    expect(isOpen(held)).toBe(true);
    unanswered[0]!();
    await sleep(10);
    for (let count = 0; count < 30; count++) await open();
    expect(isOpen(held)).toBe(false);
  });

  it('where none is idle the new one is closed', async () => {
    for (let count = 0; count < 10; count++) await open('GET /held HTTP/1.1\r\nHost: a\r\n\r\n');
    // One that has not been read yet would be idle.
    await until(() => unanswered.length === 10, 5_000);
    await expect(health()).rejects.toThrow(/hang up|reset/i);
    expect(unanswered).toHaveLength(10);
  });

  it('whoever has most of them makes room, and nobody else', async () => {
    const other = await open('', '127.0.0.2');
    for (let count = 0; count < 40; count++) await open('', '127.0.0.3');
    expect(isOpen(other)).toBe(true);
  });

  describe('that are to end', () => {
    const GET = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;
    const listening = (socket: Socket) => {
      let heard = '';
      socket.on('data', (chunk: Buffer) => (heard += String(chunk)));
      return () => heard;
    };

    it('are waited for while they may be used: a request that comes after all is answered, and is the last', async () => {
      const kept = await open();
      const heard = listening(kept);
      kept.write(GET());
      while (!heard().includes('ok')) await sleep(5);
      expect(heard()).not.toMatch(/Connection: close/i);
      let isOver = false;
      const ended = connections.ended().then(() => (isOver = true));
      await sleep(200);
      expect([isOver, isOpen(kept)]).toEqual([false, true]);
      kept.write(GET());
      await ended;
      while (!/ok.*ok/s.test(heard())) await sleep(5);
      expect(heard()).toMatch(/ok.*Connection: close.*ok/is);
    });

    it('are told so also by the answer to what they asked before', async () => {
      const held = await open();
      const heard = listening(held);
      held.write(GET('/held'));
      while (unanswered.length === 0) await sleep(5);
      await connections.ended();
      unanswered[0]!();
      while (!heard().includes('late')) await sleep(5);
      expect(heard()).toMatch(/Connection: close/i);
    });

    it('are waited for a few seconds at most, whoever asks without a pause', async () => {
      await open();
      let isOver = false;
      const asking = (async () => {
        while (!isOver) {
          await health();
          await sleep(50);
        }
      })();
      const from = performance.now();
      await connections.ended();
      isOver = true;
      await asking;
      expect(performance.now() - from).toBeGreaterThan(3_000);
    }, 60_000);
  });
});

test('half of the descriptors are for connections, within reason', () => {
  expect([16, 400, 1_024, 1_048_576, Infinity].map(connectionsFor)).toEqual([8, 200, 512, 10_000, 10_000]);
  const limits =
    'Limit Soft Hard Units\nMax open files            400                  1048576              files\n';
  expect(softLimitIn(limits)).toBe(400);
  expect(softLimitIn('Max open files            unlimited            unlimited            files')).toBe(
    Infinity,
  );
  expect(softLimitIn('')).toBe(1_024);
});
