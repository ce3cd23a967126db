import net, { type AddressInfo, type Server } from 'node:net';
import tls from 'node:tls';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { GOOD } from '../../../test/stand-ins/certificates';
import { readAnswer } from './lenient-answer';
import { askWhole } from './request';
import { NoAnswer, type HttpRequest } from './http-call';

const JSON_TEXT = '{"depth": 42}';
const OK = 'HTTP/1.1 200 OK\r\n';
const REST = `Content-Length: 13\r\n\r\n${JSON_TEXT}`;

/** Answers every connection with these bytes once a whole request is there, in pieces where it is told to. */
class Device {
  readonly asked: string[] = [];
  private readonly server: Server;

  constructor(
    private readonly answer: string | Buffer,
    { isTls = false, pieceBytes = Infinity, isOpen = false } = {},
  ) {
    const listener = (socket: net.Socket): void => {
      socket.on('error', () => undefined);
      let request = '';
      socket.on('data', (data) => {
        request += data.toString('latin1');
        const end = request.indexOf('\r\n\r\n');
        const length = Number(/content-length: (\d+)/i.exec(request)?.[1] ?? 0);
        if (end < 0 || request.length < end + 4 + length) return;
        this.asked.push(request);
        request = '';
        void this.say(socket, pieceBytes, isOpen);
      });
    };
    this.server = isTls ? tls.createServer(GOOD, listener) : net.createServer(listener);
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return (this.server.address() as AddressInfo).port;
  }

  stop(): void {
    this.server.close();
  }

  private async say(socket: net.Socket, pieceBytes: number, isOpen: boolean): Promise<void> {
    const bytes = typeof this.answer === 'string' ? Buffer.from(this.answer, 'latin1') : this.answer;
    for (let at = 0; at < bytes.length; at += pieceBytes) {
      socket.write(bytes.subarray(at, at + pieceBytes));
      if (pieceBytes < bytes.length) await sleep(1);
    }
    if (!isOpen) socket.end();
  }
}

const devices: Device[] = [];
afterEach(() => devices.splice(0).forEach((device) => device.stop()));

async function running(answer: string | Buffer, how: object = {}): Promise<{ device: Device; port: number }> {
  const device = new Device(answer, how);
  devices.push(device);
  return { device, port: await device.start() };
}

const ask = (port: number, more: Partial<HttpRequest> = {}, timeoutMs = 2_000) =>
  askWhole(
    { method: 'GET', url: `http://127.0.0.1:${port}/depth?of=1`, headers: {}, keepAlive: true, ...more },
    AbortSignal.timeout(timeoutMs),
    1024 * 1024,
  );

const ODD: [string, string][] = [
  ['LF alone', `HTTP/1.1 200 OK\nContent-Type: application/json\nContent-Length: 13\nConnection: close\n\n${JSON_TEXT}`],
  ['LF alone after the last header', `${OK}Content-Type: application/json\n\n${JSON_TEXT}`],
  ['LF alone after the status', `HTTP/1.0 200 OK\nA: b\r\n${REST}`],
  ['a control byte in a value', `${OK}X-Name: A\x01B\r\n${REST}`],
  ['NUL in a value', `${OK}X-Name: A\0B\r\n${REST}`],
  ['DEL and bell in a value', `${OK}X-Name: \x7f\x07\r\n${REST}`],
  ['a blank before the colon', `${OK}Server : ax\r\n${REST}`],
  ['a tab before the colon', `${OK}Server\t: ax\r\n${REST}`],
  ['a blank before the colon of the length', `${OK}Content-Length : 13\r\n\r\n${JSON_TEXT}`],
  ['a length told twice', `${OK}Content-Length: 13\r\n${REST}`],
  ['a length told twice in one line', `${OK}Content-Length: 13, 13\r\n\r\n${JSON_TEXT}`],
  ['a length beside chunks', `${OK}Transfer-Encoding: chunked\r\nContent-Length: 99\r\n\r\nd\r\n${JSON_TEXT}\r\n0\r\n\r\n`],
  ['a length beside identity', `${OK}Transfer-Encoding: identity\r\n${REST}`],
  ['chunks by LF alone', `${OK}Transfer-Encoding: chunked\r\n\r\n5\n{"dep\n8\nth": 42}\n0\n\n`],
  ['blanks after the length of a chunk', `${OK}Transfer-Encoding: chunked\r\n\r\nd   \r\n${JSON_TEXT}\r\n0\r\n\r\n`],
  ['chunks without an empty line at the end', `${OK}A : b\r\nTransfer-Encoding: chunked\r\n\r\nD;x=y\r\n${JSON_TEXT}\r\n0\r\n`],
  ['a line that goes on', `${OK}X: a\r\n b\r\n${REST}`],
  ['a line without a colon', `${OK}Garbage\r\n${REST}`],
  ['a header without a name', `${OK}: x\r\n${REST}`],
  ['a version that does not exist', `HTTP/1.2 200 OK\r\n${REST}`],
  ['SHOUTcast', `ICY 200 OK\r\n${REST}`],
  ['more than its length', `${OK}${REST}\r\n<!-- page by x -->`],
  ['more than its last answer', `${OK}Connection: close\r\n${REST}EXTRA`],
  ['a status without a reason, and LF', `HTTP/1.1 200\n${REST}`],
  ['100 before it, all by LF', `HTTP/1.1 100 Continue\n\nHTTP/1.1 200 OK\nContent-Length: 13\n\n${JSON_TEXT}`],
  ['no length', `${OK}Server : ax\r\n\r\n${JSON_TEXT}`],
]; // prettier-ignore

describe('an answer that is not strict', () => {
  test.each(ODD)('%s', async (_, answer) => {
    const { port } = await running(answer);
    expect(await ask(port)).toMatchObject({ status: 200, body: Buffer.from(JSON_TEXT) });
  });

  test.each(ODD)('byte by byte: %s', async (_, answer) => {
    const { port } = await running(answer, { pieceBytes: 1 });
    expect(await ask(port)).toMatchObject({ status: 200, body: Buffer.from(JSON_TEXT) });
  });

  test('its end is known though the connection stays open', async () => {
    const { port } = await running(`${OK}Server : ax\r\n${REST}`, { isOpen: true });
    expect((await ask(port)).body.toString()).toBe(JSON_TEXT);
  });

  test('it is unpacked', async () => {
    const packed = gzipSync(JSON_TEXT);
    const head = `${OK}Server : ax\r\nContent-Encoding: gzip\r\nContent-Length: ${packed.length}\r\n\r\n`;
    const { port } = await running(Buffer.concat([Buffer.from(head), packed]));
    expect((await ask(port)).body.toString()).toBe(JSON_TEXT);
  });

  test('over TLS, whose certificate is looked at as ever', async () => {
    const { port } = await running(`${OK}Server : ax\r\n${REST}`, { isTls: true });
    const url = `https://127.0.0.1:${port}/`;
    expect((await ask(port, { url, tls: { ca: GOOD.cert } })).body.toString()).toBe(JSON_TEXT);
    expect((await ask(port, { url, tls: { ca: GOOD.cert } })).body.toString()).toBe(JSON_TEXT);
    await expect(ask(port, { url })).rejects.toThrow('its certificate is self-signed');
  });

  test('HEAD has no body, whatever its length', async () => {
    const { port, device } = await running(`${OK}Server : ax\r\nContent-Length: 13\r\n\r\n`, {
      isOpen: true,
    });
    expect(await ask(port, { method: 'HEAD' })).toMatchObject({ status: 200, body: Buffer.alloc(0) });
    expect(device.asked.at(-1)).toMatch(/^HEAD \/depth\?of=1 HTTP\/1\.1\r\nhost: 127\.0\.0\.1:\d+\r\n/);
  });

  test('it is asked over a connection of its own; from then on once, and with what was to be sent', async () => {
    const { port, device } = await running(`${OK}Server : ax\r\n${REST}`);
    const headers = { 'X-Key': 'k', Host: 'elsewhere' };
    await ask(port, { headers, body: Buffer.from('{}') });
    expect(device.asked).toHaveLength(2);
    expect(device.asked[1]).toBe(
      'GET /depth?of=1 HTTP/1.1\r\naccept-encoding: identity\r\nconnection: close\r\nX-Key: k\r\nHost: elsewhere\r\ncontent-length: 2\r\n\r\n{}',
    );
    await ask(port, { headers });
    expect(device.asked).toHaveLength(3);
    await expect(ask(port, { headers: { 'X-Key': 'k\r\nX: y' } })).rejects.toThrow(/invalid/i);
    expect(device.asked).toHaveLength(3);
  });

  test('what is asked by POST is not asked again', async () => {
    const { port, device } = await running(`${OK}Server : ax\r\n${REST}`);
    const failure = await ask(port, { method: 'POST', body: Buffer.from('{}') }).catch(
      (error: Error) => error,
    );
    expect(failure).toBeInstanceOf(NoAnswer);
    expect((failure as Error).message).toBe(
      'its answer has a header line with characters that none may have; what is asked by POST is not asked again to read it leniently',
    );
    expect(device.asked).toHaveLength(1);
  });
});

describe('an answer that can not be read', () => {
  test.each([
    ['two lengths', `${OK}Content-Length: 13\r\nContent-Length: 12\r\n\r\n${JSON_TEXT}`, 'its answer has several lengths: its Content-Length is 13 and 12'],
    ['a length that is none', `${OK}Content-Length: 13 bytes\r\n\r\n${JSON_TEXT}`, 'the Content-Length of its answer is no length'],
    ['a length with a sign', `${OK}Content-Length: +13\r\n\r\n${JSON_TEXT}`, 'the Content-Length of its answer is no length'],
    ['a control byte in the length', `${OK}Content-Length: 1\x013\r\n\r\n${JSON_TEXT}`, 'the Content-Length of its answer is no length'],
    ['less than its length', `${OK}Server : ax\r\nContent-Length: 99\r\n\r\n${JSON_TEXT}`, 'it closed the connection before its answer was whole'],
    ['a head that is cut', `HTTP/1.1 200 OK\nServer: ax\nContent-Le`, 'it closed the connection before its answer was whole'],
    ['chunks that are cut', `${OK}Server : ax\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n${JSON_TEXT}\r\n`, 'it closed the connection before its answer was whole'],
    ['a chunk of no length', `${OK}Transfer-Encoding: chunked\r\n\r\n0x2\r\n42\r\n0\r\n\r\n`, 'a chunk of its answer has no valid length'],
    ['a chunk that goes on', `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\n${JSON_TEXT}\r\n0\r\n\r\n`, 'a chunk of its answer is longer than it says'],
    ['a coding that nobody knows', `${OK}Server : ax\r\nTransfer-Encoding: rot13\r\n\r\n42`, 'its Transfer-Encoding is not understood: "rot13"'],
    ['CR alone', `HTTP/1.1 200 OK\rContent-Length: 13\r\r${JSON_TEXT}`, 'the lines of its answer end in CR alone, which is not HTTP'],
    ['no status', `HTTP/1.1 OK\r\n${REST}`, 'its answer has no status of HTTP'],
    ['a status of zeros', `HTTP/1.1 000 \r\n${REST}`, 'its answer has no status of HTTP'],
    ['a status below 100', `HTTP/1.1 099 Odd\r\n${REST}`, 'its answer has no status of HTTP'],
    ['a status of four digits', `HTTP/1.1 2000 OK\r\n${REST}`, 'its answer has no status of HTTP'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n', 'what it answers is not HTTP; is the port right?'],
    ['a page without a head', `<html>${JSON_TEXT}</html>`, 'what it answers is not HTTP; is the port right?'],
    ['TLS', Buffer.from('15030300020228', 'hex'), 'it speaks TLS on this port; use https://'],
    ['a head without end', `${OK}A: ${'a'.repeat(70_000)}\r\n\r\n42`, 'the header lines of its answer are longer than 64 KiB'],
    ['many headers', `${OK}${'A : b\r\n'.repeat(20_000)}\r\n42`, 'the header lines of its answer are longer than 64 KiB'],
    ['1xx without end', 'HTTP/1.1 100 Continue\n\n'.repeat(20), 'it answers that it goes on (1xx), again and again'],
    ['too much', `${OK}Server : ax\r\n\r\n${'x'.repeat(1024 * 1024 + 1)}`, 'its answer is longer than 1 MiB'],
    ['too much, as it says', `${OK}Server : ax\r\nContent-Length: 99999999999\r\n\r\n`, 'its answer is longer than 1 MiB'],
    ['what is no gzip', `${OK}Server : ax\r\nContent-Encoding: gzip\r\n${REST}`, 'its answer is not packed as its Content-Encoding says'],
  ] as [string, string | Buffer, string][])('%s', async (_, answer, words) => {
    const { port } = await running(answer);
    const failure = await ask(port).catch((error: Error) => error);
    expect(failure).toBeInstanceOf(NoAnswer);
    expect((failure as Error).message).toBe(words);
  }); // prettier-ignore

  test('one that never ends ends with the signal', async () => {
    const { port } = await running(`${OK}Server : ax\r\nContent-Length: 99\r\n\r\n{`, { isOpen: true });
    const began = performance.now();
    await expect(ask(port, {}, 200)).rejects.toThrow('no answer in time');
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});

test('however it comes, what is read is the whole body', async () => {
  const pieces = async function* (text: string, sizes: number[]): AsyncGenerator<Buffer> {
    const bytes = Buffer.from(text, 'latin1');
    for (let at = 0, n = 0; at < bytes.length; n++) {
      const size = sizes[n % sizes.length]!;
      yield bytes.subarray(at, at + size);
      at += size;
    }
  };
  const eol = fc.constantFrom('\n', '\r\n');
  const body = fc.string({ unit: fc.constantFrom('\r', '\n', '0', 'a', ':', ' ', '\0'), maxLength: 40 });
  const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(body), sizes, eol, eol, fc.boolean(), async (parts, cuts, a, b, isChunked) => {
      const whole = parts.join('');
      const framed = isChunked
        ? `Transfer-Encoding : chunked${a}${b}` +
          parts.filter((part) => part).map((part) => `${part.length.toString(16)}${a}${part}${b}`).join('') +
          `0${a}${b}`
        : `Content-Length\t:${whole.length}${b}Content-Length: ${whole.length}${a}${b}${whole}`;
      const answer = await readAnswer(pieces(`HTTP/1.1 200 OK${a}X : \x01${b}${framed}`, cuts), false, 10_000);
      expect(answer.body.toString('latin1')).toBe(whole);
    }),
  );
}); // prettier-ignore
