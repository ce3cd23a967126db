import type { IncomingMessage, ServerResponse } from 'node:http';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { HttpStandIn } from '../../../test/stand-ins/http-stand-in';
import { sendOnce } from './request';

/** Answers with what it is sent. */
class Echo extends HttpStandIn {
  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    response.setHeader('X-Length', request.headers['content-length'] ?? 'none').end(Buffer.concat(chunks));
  }
}

describe('a request', () => {
  const echo = new Echo();
  let url: string;

  beforeAll(async () => (url = await echo.start()));
  afterAll(() => echo.stop());

  const send = (body?: Buffer) =>
    sendOnce({ method: 'POST', url, headers: {}, body, keepAlive: true }, new AbortController().signal);

  test.each([0, 1, 255, 16 * 1024, 16 * 1024 + 1, 60_000])(
    'with a body of %i bytes of any kind brings those very bytes',
    async (length) => {
      const body = randomBytes(length);
      for (let index = 0; index < Math.min(length, 256); index++) body[index] = index;
      const { headers, body: heard } = await send(body);
      expect(headers['x-length']).toBe(String(length));
      expect(heard.equals(body)).toBe(true);
    },
  );

  test('without a body says no length, or 0', async () => {
    const { headers, body } = await send();
    expect(headers['x-length']).toMatch(/^(?:none|0)$/);
    expect(body).toHaveLength(0);
  });
});

describe('an answer', () => {
  let server: net.Server;
  let sockets: Socket[];
  let writes: string[];
  let url: string;

  async function write(socket: Socket): Promise<void> {
    for (const part of writes) {
      socket.write(part, 'latin1');
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  beforeEach(async () => {
    sockets = [];
    server = net.createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.on('data', () => void write(socket));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });

  const ask = () =>
    sendOnce({ method: 'POST', url, headers: {}, keepAlive: true }, AbortSignal.timeout(5_000));

  test.each([
    ['with its head', ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone'], 'done'],
    ['behind its head', ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n', 'done'], 'done'],
    ['in two parts', ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo', 'ne'], 'done'],
    ['in chunks', ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ndo\r\n2\r\nne\r\n0\r\n\r\n'], 'done'],
    ['that is empty', ['HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'], ''],
    ['that there is not', ['HTTP/1.1 204 No Content\r\n\r\n'], ''],
  ])('whose body comes %s is read to its end, and its connection serves the next', async (_, parts, body) => {
    writes = parts;
    for (let times = 0; times < 3; times++) {
      expect((await ask()).body.toString()).toBe(body);
      await new Promise(setImmediate);
    }
    expect(sockets).toHaveLength(1);
  });

  test('that is longer than what is looked at is cut, also where it came with its head', async () => {
    writes = [`HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n${'x'.repeat(70_000)}`];
    expect((await ask()).body.toString()).toBe('x'.repeat(65_536));
  });

  test('with junk behind it is read as what it is', async () => {
    writes = ['HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndonejunk\r\n\r\n'];
    expect((await ask()).body.toString()).toBe('done');
  });

  test('has a header that came twice as one text', async () => {
    writes = ['HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n'];
    expect((await ask()).headers).toEqual({ 'set-cookie': 'a,b', 'x-a': '1, 2', 'content-length': '0' });
  });
}); // prettier-ignore
