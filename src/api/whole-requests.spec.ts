import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/program';
import { seeded, type Random } from '../../test/campaigns/seeded';
import { systemClock } from '../common/clock';
import { Connections } from './connections';
import { jsonAnswer, write } from './raw-answer';
import { requestHeadIn } from './request-head';
import { WholeRequests } from './whole-requests';

const TIMEOUTS = { firstMs: 300, keptMs: 2_000 };

/** Path of requests whose answers fill all buffers of a connection. */
const LONG = '/long';

/** Answers with what it was asked, so that two readers of the same bytes can be compared. */
const told = (url: string, headers: IncomingHttpHeaders, body: Buffer) => {
  const more = url.endsWith(LONG) ? 'x'.repeat(2 ** 24) : '';
  return jsonAnswer(
    200,
    JSON.stringify({ url, headers: { ...headers }, body: body.toString('latin1'), more }),
  );
};

const isOurs = (url: string, headers: IncomingHttpHeaders) =>
  url.startsWith('/in') && headers.authorization !== undefined;

interface Asked {
  url: string;
  go: () => void;
}

/** A server that answers all requests alike, with the reader or without. */
class Answering {
  /** What was read on each connection, by the port of its client: requests, and what was none. */
  readonly seen = new Map<number, string[]>();
  /** The same by connection: ports are used again. */
  private readonly seenOn = new WeakMap<Socket, string[]>();
  readonly server: Server;
  readonly connections = new Connections(1_000);
  /** Requests that wait to be answered, where they do. */
  readonly held: Asked[] = [];
  /** Number of requests that the reader took. */
  taken = 0;
  isHolding = false;

  constructor(withReader: boolean) {
    this.server = createServer(
      { keepAliveTimeout: TIMEOUTS.keptMs, requireHostHeader: false },
      (request, response) => {
        this.connections.asked(request, response);
        const pieces: Buffer[] = [];
        request.on('data', (piece: Buffer) => pieces.push(piece));
        request.on('end', () => {
          const { url = '', headers, socket } = request;
          this.note(socket, url, headers, Buffer.concat(pieces));
          void this.turn(url).then(() => write(response, told(url, headers, Buffer.concat(pieces))));
        });
      },
    );
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      this.note(socket as Socket, String(error.code));
      if (error.code === 'ECONNRESET' || !socket.writable) socket.destroy();
      else socket.end(`HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n${error.code}`);
    });
    this.server.on('connection', (socket: Socket) => {
      const seen: string[] = [];
      this.seenOn.set(socket, seen);
      this.seen.set(socket.remotePort ?? 0, seen);
    });
    this.connections.watch(this.server);
    if (!withReader) return;
    new WholeRequests(this.server, this.connections, TIMEOUTS, systemClock, ({ url, headers }) =>
      isOurs(url, headers)
        ? async (body, socket) => {
            this.taken++;
            this.note(socket, url, headers, body);
            await this.turn(url);
            return told(url, headers, body);
          }
        : undefined,
    );
  }

  async listen(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  private note(socket: Socket, ...what: unknown[]): void {
    const said = what.map((one) => (Buffer.isBuffer(one) ? one.toString('latin1') : one));
    this.seenOn.get(socket)!.push(JSON.stringify(said));
  }

  private async turn(url: string): Promise<void> {
    if (this.isHolding) await new Promise<void>((go) => this.held.push({ url, go }));
    else await Promise.resolve();
  }
}

/** What came back on a connection, and what was read on it. */
interface CameBack {
  seen: string[];
  text: string;
  isOver: boolean;
}

/** Client that keeps what comes back on its connection. */
class Client {
  readonly socket: Socket;
  text = '';
  isOver = false;

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1' }).setNoDelay();
    this.socket.on('error', () => undefined);
    this.socket.on('data', (piece: Buffer) => (this.text += piece.toString('latin1')));
    for (const event of ['end', 'close']) this.socket.on(event, () => (this.isOver = true));
  }

  /** Without what differs from second to second. */
  get answers(): string {
    return this.text.replace(/Date: [^\r]*/g, 'Date');
  }

  async quiet(ms: number): Promise<void> {
    for (let seen = NaN; seen !== this.text.length && !this.isOver; await sleep(ms)) seen = this.text.length;
  }
}

const post = (body: string, more = '', url = '/in') =>
  `POST ${url} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer t\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`;

describe('requests that come whole', () => {
  let ours: Answering;
  let nodes: Answering;
  const clients: Client[] = [];

  beforeEach(async () => {
    [ours, nodes] = await Promise.all([new Answering(true).listen(), new Answering(false).listen()]);
  });

  afterEach(() => {
    clients.splice(0).forEach(({ socket }) => socket.destroy());
    for (const { server } of [ours, nodes]) {
      server.closeAllConnections();
      server.close();
    }
  });

  function client(of = ours): Client {
    const made = new Client(of.port);
    clients.push(made);
    return made;
  }

  /** Sends the same pieces to both, and returns what came back of each. */
  async function both(pieces: readonly string[], quietMs = 40): Promise<CameBack[]> {
    return Promise.all(
      [ours, nodes].map(async (server) => {
        const one = client(server);
        await once(one.socket, 'connect');
        const { localPort = 0 } = one.socket;
        for (const piece of pieces) {
          one.socket.write(piece, 'latin1');
          if (pieces.length > 1) await sleep(2);
        }
        await one.quiet(quietMs);
        one.socket.destroy();
        const seen = server.seen.get(localPort) ?? [];
        server.seen.delete(localPort);
        return { seen, text: one.answers, isOver: one.isOver };
      }),
    );
  }

  it('are answered as by Node’s server, byte for byte, and the connection is kept', async () => {
    const [own, theirs] = await both([post('{"a": "ä"}', 'Content-Type: application/json\r\n'), post('{}')]);
    expect(own).toEqual(theirs);
    expect(own!.text.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2);
    expect(ours.taken).toBe(2);
  });

  it('may come several at once: each is answered, in their order', async () => {
    const [own, theirs] = await both([post('1') + post('2', '', '/in?token=x') + post('3')]);
    expect(own).toEqual(theirs);
    expect(ours.taken).toBe(3);
  });

  it('are followed by others on the same connection, which are Node’s from then on', async () => {
    const get = 'GET /other HTTP/1.1\r\nHost: a\r\n\r\n';
    const halves = [post('234').slice(0, 50), post('234').slice(50)];
    const [own, theirs] = await both([post('1'), ...halves, post('5') + get + post('6'), get]);
    expect(own).toEqual(theirs);
    expect(ours.taken).toBe(1);
  });

  it('are taken no faster than they are answered: no more than one is under way on a connection', async () => {
    ours.isHolding = true;
    const one = client();
    const all = Array.from({ length: 50 }, (_, index) => post(String(index)));
    one.socket.write(all.join(''));
    for (let index = 0; index < all.length; index++) {
      await until(() => ours.held.length > 0, 5_000);
      expect(ours.held).toHaveLength(1);
      ours.held.shift()!.go();
    }
    await until(() => (one.text.match(/"body":"\d+/g) ?? []).length === all.length, 5_000);
    expect(one.text.match(/"body":"\d+/g)).toEqual(all.map((_, index) => `"body":"${index}`));
    expect(ours.taken).toBe(50);
  });

  it('wait while their sender reads no answers', async () => {
    const one = client();
    one.socket.pause();
    const url = `/in${LONG}`;
    one.socket.write(post('1', '', url) + post('2', '', url) + post('3'));
    await until(() => ours.taken === 1, 5_000);
    await sleep(100);
    one.socket.write(post('4'));
    await sleep(100);
    expect(ours.taken).toBe(1);
    one.socket.resume();
    await until(() => one.text.includes('"body":"4"'), 10_000);
    expect(one.text.match(/"body":"\d/g)).toEqual([1, 2, 3, 4].map((body) => `"body":"${body}`));
    expect(ours.taken).toBe(4);
  });

  it('are answered though their sender has ended his side', async () => {
    ours.isHolding = true;
    const one = client();
    one.socket.end(post('last') + post('one more'));
    await until(() => ours.held.length === 1, 5_000);
    await sleep(20);
    ours.held.shift()!.go();
    await until(() => ours.held.length === 1, 5_000);
    ours.held.shift()!.go();
    await until(() => one.isOver, 5_000);
    expect(one.text).toMatch(/"last".*"one more"/s);
    expect(one.text).toMatch(/Connection: keep-alive.*Connection: close/s);
  });

  it('are not answered once their sender is gone, and harm nobody', async () => {
    ours.isHolding = true;
    const one = client();
    one.socket.write(post('1'));
    await until(() => ours.held.length === 1, 5_000);
    one.socket.resetAndDestroy();
    await sleep(20);
    ours.held.shift()!.go();
    ours.isHolding = false;
    const other = client();
    other.socket.write(post('2'));
    await until(() => other.text.includes('"2"'), 5_000);
  });

  it('end with the server: idle connections at once, others with their answer', async () => {
    const idle = client();
    idle.socket.write(post('1'));
    await until(() => idle.text !== '', 5_000);
    ours.isHolding = true;
    const busy = client();
    busy.socket.write(post('2'));
    await until(() => ours.held.length === 1, 5_000);
    const closed = once(ours.server, 'close');
    ours.server.close();
    await until(() => idle.isOver, 5_000);
    expect(busy.isOver).toBe(false);
    ours.held.shift()!.go();
    await closed;
    await until(() => busy.isOver, 5_000);
    expect(busy.text).toMatch(/Connection: close\r\n.*"2"/s);
  });

  it('are told that they are the last while a drain goes on', async () => {
    const one = client();
    one.socket.write(post('1'));
    await until(() => one.text !== '', 5_000);
    const ended = ours.connections.ended();
    one.socket.write(post('2'));
    await ended;
    await until(() => one.isOver, 5_000);
    expect(one.text).toMatch(/keep-alive.*"1".*Connection: close.*"2"/s);
  });

  it('are waited for no longer than those of Node’s server', async () => {
    const silent = client();
    const kept = client();
    kept.socket.write(post('1'));
    await until(() => silent.isOver, 5_000);
    expect(silent.text).toContain('ERR_HTTP_REQUEST_TIMEOUT');
    expect(kept.isOver).toBe(false);
    await until(() => kept.isOver, 5_000);
  });

  it('count as connections, make room and are given room', async () => {
    const few = new Answering(true);
    Object.assign(few.connections, { atMost: 3 });
    await few.listen();
    try {
      const all: Client[] = [];
      for (let count = 0; count < 6; count++) {
        const one = client(few);
        one.socket.write(post(String(count)));
        await until(() => one.text !== '', 5_000);
        all.push(one);
      }
      await until(() => all.filter(({ isOver }) => !isOver).length === 3, 5_000);
      expect(all.map(({ isOver }) => isOver)).toEqual([true, true, true, false, false, false]);
    } finally {
      few.server.closeAllConnections();
      few.server.close();
    }
  });

  /** `WHOLE_REQUESTS_INPUTS` asks for more of them. */
  it('whatever bytes come, in whatever pieces: the answers are Node’s', async () => {
    const inputs = Number(process.env.WHOLE_REQUESTS_INPUTS ?? 1_500);
    const seed = Number(process.env.WHOLE_REQUESTS_SEED ?? Date.now() % 1e6);
    const random = seeded(seed);
    const wrong: string[] = [];
    const check = async (pieces: string[]): Promise<void> => {
      for (const quietMs of [40, 300, 1_000]) {
        const [own, theirs] = (await both(pieces, quietMs)) as [CameBack, CameBack];
        // Of requests with a fault after them Node's server may leave out the answers, and see the fault first.
        for (const one of [own, theirs]) {
          const fault = one.seen.find((what) => /^\["(?:HPE|ERR)_/.test(what));
          if (fault !== undefined) Object.assign(one, { seen: one.seen.toSorted(), text: fault });
        }
        if (isDeepStrictEqual(own, theirs)) return;
        if (quietMs === 1_000) wrong.push(JSON.stringify({ seed, pieces, own, theirs }, null, 1));
      }
    };
    for (let done = 0; done < inputs; done += 100)
      await Promise.all(
        Array.from({ length: Math.min(100, inputs - done) }, () => check(inPieces(anInput(random), random))),
      );
    expect(wrong.slice(0, 2).join('\n')).toBe('');
    // Otherwise the reader was not tried.
    expect(ours.taken).toBeGreaterThan(inputs / 10);
  }, 3_600_000);
});

const one = <T>(random: Random, of: readonly T[]): T => of[Math.floor(random() * of.length)]!;

const HEADERS = [
  'Host: a', 'host:b', 'Host: ', 'Content-Type: application/json', 'Content-Type: text/plain; charset=latin1', 'content-type: application/json; charset=utf-8',
  'Content-Length: 3', 'content-length: 0', 'Content-Length: +3', 'Content-Length: 3, 3', 'Content-Length: 0x3', 'Content-Length: 003', 'Content-Length: -1', 'Content-Length: 99999999999999999999',
  'Transfer-Encoding: chunked', 'transfer-encoding: identity', 'Transfer-Encoding : chunked', 'Transfer-Encoding:\tchunked', 'TE: trailers',
  'Connection: keep-alive', 'Connection: close', 'connection: Keep-Alive', 'Connection: upgrade', 'Connection: close, x-a', 'Upgrade: websocket', 'Keep-Alive: 5',
  'Content-Encoding: gzip', 'User-Agent: x/1', 'Accept: */*', 'X-A: 1', 'x-a:2', 'X-B:  spaces \t', 'X-C:', 'X-D: \x80\xff', 'X-E: a\tb', 'X-F: a\x00b', 'X-G: a\x7fb', 'X_H: 1', 'x-: 1',
  ' folded: yes', '\tfolded', 'no colon', ': no name', 'Traceparent: 00-1', 'Authorization: Bearer u', 'Authorization:', 'Cookie: a=b', '__proto__: 1', 'constructor: 1', 'X-Constructor: 1',
]; // prettier-ignore

/** Returns a request, mostly right. */
function aRequest(random: Random): string {
  const body = one(random, [
    '',
    '{}',
    '[{"a":1}]',
    'abc',
    '\r\n\r\n',
    'POST /in HTTP/1.1\r\n\r\n',
    'ä\xff',
    '3\r\nabc\r\n0\r\n\r\n',
    'x'.repeat(200),
  ]);
  const line = one(random, [
    ...Array<string>(12).fill('POST /in HTTP/1.1'), 'POST /in?token=a&b HTTP/1.1', 'POST /in/%zz HTTP/1.1', 'GET /in HTTP/1.1', 'POST /other HTTP/1.1', 'POST /in HTTP/1.0', 'POST  /in HTTP/1.1',
    'POST /in  HTTP/1.1', 'POST http://a/in HTTP/1.1', 'post /in HTTP/1.1', 'POST /in#a HTTP/1.1', 'POST /in"<> HTTP/1.1', 'POST /in\x01 HTTP/1.1', 'POST /in\xe4 HTTP/1.1', 'POST /in HTTP/2.0', 'POST /in', 'POST * HTTP/1.1',
  ]); // prettier-ignore
  const headers = ['Host: a', 'Authorization: Bearer t', `Content-Length: ${body.length}`];
  if (random() < 0.5)
    for (let more = random() * 3; more > 0; more--)
      headers.splice(Math.floor(random() * 4), 0, one(random, HEADERS));
  if (random() < 0.1) headers.splice(Math.floor(random() * headers.length), 1);
  const end = random() < 0.03 ? one(random, ['\n', '\r', '\r\n ', ' \r\n', '\r\r\n']) : '\r\n';
  return `${line}${end}${headers.join(end)}\r\n\r\n${body}`;
}

/** Returns what may come on a connection: some requests, some with a byte that is wrong, missing or too many. */
function anInput(random: Random): string {
  let text = '';
  for (let count = 1 + Math.floor(random() * 3); count > 0; count--) text += aRequest(random);
  for (let faults = random() < 0.3 ? 1 + Math.floor(random() * 3) : 0; faults > 0; faults--) {
    const at = Math.floor(random() * text.length);
    const put = one(random, [
      '',
      '\r',
      '\n',
      '\r\n',
      ' ',
      '\t',
      ':',
      '\x00',
      '\xff',
      'A',
      ',',
      ';',
      '0',
      text.slice(at, at + 20),
    ]);
    text = text.slice(0, at) + put + text.slice(at + Math.floor(random() * 2));
  }
  return text;
}

function inPieces(text: string, random: Random): string[] {
  if (random() < 0.5) return [text];
  const cuts = Array.from({ length: 1 + Math.floor(random() * 3) }, () => Math.floor(random() * text.length));
  // Between two requests, too.
  const next = text.indexOf('POST', 5);
  if (next > 0) cuts.push(next);
  const sorted = [0, ...cuts.sort((a, b) => a - b), text.length];
  return sorted
    .slice(1)
    .map((to, index) => text.slice(sorted[index], to))
    .filter((piece) => piece !== '');
}

describe('the shape of a head', () => {
  const HEAD = 'POST /in HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n';

  it('is an ordinary POST with a body of known length', () => {
    expect(requestHeadIn(HEAD)).toEqual({
      url: '/in',
      headers: { host: 'a', 'content-length': '2' },
      length: 2,
    });
    const more = HEAD.replace(
      '\r\n\r\n',
      '\r\nCONTENT-TYPE:application/json; charset=utf-8 \r\nX-Own:   a b\r\n\r\n',
    );
    expect(requestHeadIn(more)?.headers).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'x-own': 'a b',
    });
  });

  it.each([
    ['another method', 'POST', 'PUT'],
    ['another version', '1.1', '1.0'],
    ['no path', '/in', '*'],
    ['two of a header', 'Host: a', 'Host: a\r\nhost: a'],
    ['no host', 'Host: a\r\n', ''],
    ['no length', 'Content-Length: 2\r\n', ''],
    ['no body', 'Length: 2', 'Length: 0'],
    ['a length with a sign', 'Length: 2', 'Length: +2'],
    ['chunks', 'Host', 'Transfer-Encoding: chunked\r\nHost'],
    ['an expectation', 'Host', 'Expect: 100-continue\r\nHost'],
    ['a connection that is not kept', 'Host', 'Connection: close\r\nHost'],
    ['an upgrade', 'Host', 'Upgrade: h2c\r\nHost'],
    ['compression', 'Host', 'Content-Encoding: gzip\r\nHost'],
    ['another charset', 'Host', 'Content-Type: text/plain; charset=latin1\r\nHost'],
    ['a folded header', 'Content-', ' Content-'],
    ['a blank before the colon', 'Host:', 'Host :'],
    ['a tab', 'Length: 2', 'Length: 2\t'],
    ['a bare line feed', 'Host: a', 'Host: a\nX-B: c'],
    ['a bare carriage return', 'Host: a', 'Host: a\rX-B: c'],
    ['a byte that is no text', 'Host: a', 'Host: a\0'],
  ])('is not one with %s', (_, from, to) => {
    expect(HEAD).toContain(from);
    expect(requestHeadIn(HEAD.replace(from, to))).toBeUndefined();
  });
});
