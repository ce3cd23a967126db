import { once } from 'node:events';
import {
  createServer,
  request,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { problemOf } from '../common/problem.filter';
import { drain, readBody, willAwaitContinue } from './body';
import { ANYBODY, BodyBudget, UNIDENTIFIED } from './body-budget';

const LIMIT = 2 * 2 ** 20;

describe('bodies', () => {
  const budget = new BodyBudget(8 * 2 ** 20);
  let server: Server;
  let port: number;

  beforeAll(async () => {
    const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
      const lease = budget.lease('sender');
      try {
        const body = await readBody(incoming, response, LIMIT, lease);
        response.end(`${body.length} ${body.subarray(0, 20).toString('utf8')}`);
      } catch (error) {
        response.writeHead(problemOf(error).status).end(problemOf(error).detail);
        drain(incoming);
      } finally {
        lease.end();
      }
    };
    server = createServer((incoming, response) => void answer(incoming, response));
    server.on('checkContinue', (incoming, response) => {
      willAwaitContinue(incoming);
      server.emit('request', incoming, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  interface Answered {
    status: number;
    text: string;
    headers: IncomingHttpHeaders;
  }
  const send = (chunks: readonly Buffer[], headers: Record<string, string> = {}): Promise<Answered> =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        { port, host: '127.0.0.1', agent: false, method: 'POST', headers },
        (response) => {
          let text = '';
          response.on('data', (chunk) => (text += String(chunk)));
          response.on('end', () =>
            resolve({ status: response.statusCode!, text, headers: response.headers }),
          );
        },
      );
      outgoing.on('error', reject);
      for (const chunk of chunks) outgoing.write(chunk);
      outgoing.end();
    });

  it('come in whole, however they are cut and compressed, and nothing of them stays', async () => {
    const encodings = [
      ['identity', (body: Buffer) => body],
      ['gzip', gzipSync],
      ['x-gzip', gzipSync],
      ['deflate', deflateSync],
      ['deflate', deflateRawSync],
      ['deflate', (body: Buffer) => Buffer.concat([deflateRawSync(body), Buffer.from('\r\n')])],
      ['br', brotliCompressSync],
      ['identity, gzip', gzipSync],
    ] as const;
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 1, maxLength: 200_000 }),
        fc.constantFrom(...encodings),
        fc.integer({ min: 1, max: 7 }),
        fc.boolean(),
        async (bytes, [encoding, pack], pieces, isChunked) => {
          const packed = pack(Buffer.from(bytes));
          const size = Math.ceil(packed.length / pieces);
          const chunks = Array.from({ length: pieces }, (_, at) =>
            packed.subarray(at * size, (at + 1) * size),
          );
          const { status, text } = await send(chunks, {
            'Content-Encoding': encoding,
            ...(isChunked ? {} : { 'Content-Length': String(packed.length) }),
          });
          expect([status, text.split(' ')[0]]).toEqual([200, String(bytes.length)]);
          expect(budget.bytes).toBe(0);
        },
      ),
      { numRuns: 30 },
    );
  });

  const zeros = (megabytes: number) => Buffer.alloc(megabytes * 2 ** 20);
  const refused: [string, Buffer[], Record<string, string>, number][] = [
    ['too long as announced', [], { 'Content-Length': String(LIMIT + 1) }, 413],
    ['too long without a length', [zeros(3)], {}, 413],
    ['too long when inflated', [gzipSync(Buffer.from(Array.from({ length: 3 * 2 ** 20 }, () => Math.random() * 8)))], { 'Content-Encoding': 'gzip' }, 413],
    ['gzip of nothing but zeros', [gzipSync(zeros(2))], { 'Content-Encoding': 'gzip' }, 413],
    ['brotli of the same', [brotliCompressSync(zeros(2))], { 'Content-Encoding': 'br' }, 413],
    ['raw deflate of the same', [deflateRawSync(zeros(2))], { 'Content-Encoding': 'deflate' }, 413],
    ['raw deflate, cut short', [deflateRawSync('{"a": 1}').subarray(0, 5)], { 'Content-Encoding': 'deflate' }, 400],
    ['deflate of nothing at all', [Buffer.from('')], { 'Content-Encoding': 'deflate' }, 400],
    ['deflate of the same', [deflateSync(zeros(2))], { 'Content-Encoding': 'deflate' }, 413],
    ['compressed twice', [gzipSync(gzipSync('{}'))], { 'Content-Encoding': 'gzip, gzip' }, 415],
    ['an encoding that is none', [Buffer.from('{}')], { 'Content-Encoding': 'constructor' }, 415],
    ['an encoding that is not known', [Buffer.from('{}')], { 'Content-Encoding': 'zstd' }, 415],
    ['not what its encoding says', [Buffer.from('{"a": 1}')], { 'Content-Encoding': 'gzip' }, 400],
    ['cut short', [gzipSync('{"a": 1}').subarray(0, 12)], { 'Content-Encoding': 'gzip' }, 400],
  ]; // prettier-ignore
  it.each(refused)('are refused when they are %s', async (_, chunks, headers, status) => {
    const before = process.memoryUsage().arrayBuffers;
    const answer = await send(chunks, headers);
    expect([answer.status, answer.text]).toEqual([status, expect.stringMatching(/.{10}/)]);
    expect(budget.bytes).toBe(0);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 2 ** 20);
  });

  it('are asked for where their sender waits for that', async () => {
    const outgoing = request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      headers: { Expect: '100-continue', 'Content-Length': '5' },
    });
    outgoing.flushHeaders();
    await once(outgoing, 'continue');
    outgoing.end('hello');
    const [response] = (await once(outgoing, 'response')) as [{ statusCode: number; resume(): void }];
    response.resume();
    expect(response.statusCode).toBe(200);
  });

  it('are given up when they hardly come, and their connection with them', async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    let said = '';
    socket.on('data', (chunk) => (said += String(chunk))).on('error', () => undefined);
    socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n{');
    const began = performance.now();
    const drip = setInterval(() => socket.writable && socket.write(' '), 200);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(drip);
    expect(said).toMatch(/^HTTP\/1.1 408/);
    expect(performance.now() - began).toBeLessThan(25_000);
    expect(budget.bytes).toBe(0);
  }, 15_000);

  it('a refused one is thrown away up to a bound, then its connection ends', async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    let said = '';
    socket.on('data', (chunk) => (said += String(chunk))).on('error', () => undefined);
    socket.write(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LIMIT * 100}\r\n\r\n`);
    let sent = 0;
    const flood = setInterval(() => {
      if (socket.writable) socket.write(Buffer.alloc(65_536), () => (sent += 65_536));
    }, 2);
    await new Promise((resolve) => socket.once('close', resolve));
    clearInterval(flood);
    expect(said).toMatch(/^HTTP\/1.1 413/);
    expect(sent).toBeLessThan(8 * 2 ** 20);
  });
});

describe('the budget', () => {
  const take = (budget: BodyBudget, holder: string | typeof UNIDENTIFIED, bytes: number) => {
    const lease = budget.lease(holder);
    lease.grow(bytes);
    return lease;
  };

  it('holds no more than it may, whoever sends, and has it back', () => {
    const budget = new BodyBudget(1_000);
    const [a, b] = [take(budget, 'a', 500), take(budget, 'b', 400)];
    expect(() => a.grow(1)).toThrow('send it again');
    expect(() => take(budget, 'c', 101)).toThrow('send it again');
    a.end();
    a.end();
    take(budget, 'c', 500);
    b.end();
    expect(budget.bytes).toBe(500);
  });

  it('gives those whom nobody knows an eighth, and a hundred at a time', () => {
    const budget = new BodyBudget(1_000);
    expect(() => take(budget, UNIDENTIFIED, 126)).toThrow('send it again');
    const other = new BodyBudget(1_000_000);
    // People who sign in have a room of their own.
    const people = Array.from({ length: 500 }, () => other.lease(ANYBODY));
    expect(() => other.lease(ANYBODY)).toThrow('send it again');
    const leases = Array.from({ length: 100 }, () => take(other, UNIDENTIFIED, 1));
    expect(() => other.lease(UNIDENTIFIED)).toThrow('send it again');
    for (const lease of people) lease.end();
    expect(() => take(other, 'somebody', 400_000)).not.toThrow();
    leases[0]!.end();
    expect(() => other.lease(UNIDENTIFIED)).not.toThrow();
  });
});
