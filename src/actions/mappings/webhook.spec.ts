import { createHmac } from 'node:crypto';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { EXPIRED, GOOD, OTHER } from '../../../test/stand-ins/certificates';
import { WebhookSink, type SinkAnswer } from '../../../test/stand-ins/webhook-sink';
import { check } from '../../common/check';
import { Ambiguous, Permanent, Retryable, Unreadable, type ActionContext } from '../action';
import { Webhook, WebhookParams } from './webhook.action';

const VARIABLES = {
  service: { id: 's1', name: 'web', labels: {} },
  infrastructure: null,
  trigger: { id: 't1', reason: 'triggered' },
  values: { cpu: 97 },
  nodes: { current: 2, desired: 3, delta: 1 },
};

function context(signal: AbortSignal = AbortSignal.timeout(5_000)): ActionContext {
  return { signal, timeoutMs: 5_000, now: new Date(), executionId: 'e-1', variables: VARIABLES };
}

function paramsOf(given: object): WebhookParams {
  const { value, errors } = check(WebhookParams, given);
  expect(errors).toEqual([]);
  return value!;
}

type Kind = new (message: string) => Error;

describe('webhook', () => {
  const webhook = new Webhook();
  const sink = new WebhookSink();
  const ends: (() => unknown)[] = [];
  let url: string;

  beforeAll(async () => {
    url = await sink.start();
  });

  beforeEach(() => sink.clear());

  afterAll(async () => {
    await sink.stop();
    await Promise.all(ends.map((end) => end()));
  });

  const send = (given: object, signal?: AbortSignal) =>
    webhook.execute(paramsOf({ url, ...given }), context(signal));
  const failure = (given: object, signal?: AbortSignal): Promise<Error> =>
    send(given, signal).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );

  async function tcp(onConnection: (socket: Socket) => void): Promise<string> {
    const server: Server = createServer((socket) => onConnection(socket.on('error', () => undefined)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => new Promise((resolve) => server.close(resolve)));
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  describe('what it sends', () => {
    it('is the execution as JSON, with its key', async () => {
      sink.next.push({ status: 200, body: 'noted\n  twice' });
      expect(await send({ url: `${url}/scale?service=web` })).toEqual({ detail: '200 OK: noted twice' });
      const [{ method, path, headers, body }] = sink.requests as [(typeof sink.requests)[number]];
      expect({ method, path, body: JSON.parse(body) }).toEqual({
        method: 'POST',
        path: '/scale?service=web',
        body: { execution: { id: 'e-1' }, ...VARIABLES },
      });
      expect(headers).toMatchObject({
        'idempotency-key': 'e-1',
        'content-type': 'application/json',
        'user-agent': 'monscale',
      });
      expect(headers).not.toHaveProperty('x-monscale-signature');
    });

    it('is signed with the secret, byte by byte', async () => {
      await send({ body: '{"name": "wéb"}', secret: 'k3y' });
      const [{ headers, body }] = sink.requests as [(typeof sink.requests)[number]];
      const digest = createHmac('sha256', 'k3y').update(body).digest('hex');
      expect(headers['x-monscale-signature']).toBe(`sha256=${digest}`);
    });

    it('has a signed time, where that is wanted', async () => {
      await send({
        body: '{"a": 1}',
        secret: 'k3y',
        signTimestamp: true,
        headers: { 'x-monscale-timestamp': '1' },
      });
      const [{ headers, body }] = sink.requests as [(typeof sink.requests)[number]];
      const time = headers['x-monscale-timestamp'] as string;
      expect(Math.abs(Number(time) - context().now.getTime() / 1000)).toBeLessThan(60);
      const digest = createHmac('sha256', 'k3y').update(`${time}.${body}`).digest('hex');
      expect(headers['x-monscale-signature']).toBe(`sha256=${digest}`);
      expect(check(WebhookParams, { url, signTimestamp: true }).errors).toMatchObject([
        { pointer: '/secret' },
      ]);
    });

    it.each(['POST', 'PUT', 'PATCH', 'GET', 'DELETE'])(
      'goes out as %s, with the body that was given',
      async (method) => {
        await send({ method, body: '{"a":1}' });
        expect(sink.requests).toMatchObject([{ method, body: '{"a":1}' }]);
      },
    );

    it('has no body of its own with GET', async () => {
      await send({ method: 'GET', secret: 'k3y' });
      expect(sink.requests).toMatchObject([{ method: 'GET', body: '' }]);
      expect(sink.requests[0]!.headers).not.toHaveProperty('content-type');
    });

    it("has the user's headers, but never another key or signature", async () => {
      const headers = {
        'content-type': 'text/plain',
        'USER-AGENT': 'us',
        Authorization: 'Bearer t0ken',
        'idempotency-key': 'forged',
        'x-monscale-signature': 'forged',
      };
      await send({ headers, secret: 'k3y' });
      expect(sink.requests[0]!.headers).toMatchObject({
        'content-type': 'text/plain',
        'user-agent': 'us',
        authorization: 'Bearer t0ken',
        'idempotency-key': 'e-1',
        'x-monscale-signature': expect.stringMatching(/^sha256=[0-9a-f]{64}$/),
      });
    });

    it('goes over a connection that is kept, but for one that can not be asked twice', async () => {
      await send({});
      await send({});
      expect(sink.connections).toBeLessThanOrEqual(1);
      await send({ idempotent: false });
      await send({ idempotent: false });
      expect(sink.connections).toBeGreaterThanOrEqual(2);
      const before = sink.connections;
      await send({});
      expect(sink.connections).toBe(before);
    });

    it('is what the preview shows', async () => {
      const params = paramsOf({ url, headers: { 'X-One': '1' }, secret: 'k3y', body: '{}' });
      const preview = webhook.preview(params, context()) as { headers: Record<string, string> };
      await webhook.execute(params, context());
      expect(preview).toMatchObject({ method: 'POST', url, body: '{}' });
      for (const [name, value] of Object.entries(preview.headers)) {
        expect(sink.requests[0]!.headers[name.toLowerCase()]).toBe(value);
      }
    });
  });

  describe('what an answer means', () => {
    it.each([200, 201, 202, 204, 299])('%i succeeds', async (status) => {
      sink.always = { status };
      expect((await send({})).detail).toContain(String(status));
    });

    it('a success without a word says its name', async () => {
      sink.always = { status: 204 };
      expect(await send({})).toEqual({ detail: '204 No Content' });
    });

    const rows: [answer: SinkAnswer, idempotent: Kind, other: Kind][] = [
      [{ status: 301, headers: { location: '/elsewhere' } }, Permanent, Permanent],
      [{ status: 307, headers: { location: '/elsewhere' } }, Permanent, Permanent],
      [{ status: 303, headers: { location: '/elsewhere' } }, Unreadable, Unreadable],
      ...[400, 401, 403, 404, 409, 410, 422].map((status) => [{ status }, Permanent, Permanent] as never),
      ...[429, 503].map((status) => [{ status }, Retryable, Retryable] as never),
      ...[408, 425, 500, 501, 502, 504, 599].map((status) => [{ status }, Retryable, Ambiguous] as never),
      [{ drop: 'before' }, Ambiguous, Ambiguous],
      [{ drop: 'after' }, Ambiguous, Ambiguous],
    ];

    it.each(rows)('%j', async (answer, idempotent, other) => {
      sink.always = { ...answer, body: 'its w0rds' };
      for (const [isIdempotent, kind] of [
        [true, idempotent],
        [false, other],
      ] as const) {
        sink.requests.length = 0;
        const error = await failure({
          url: `${url}/p?token=qu3ry`,
          idempotent: isIdempotent,
          secret: 's3cret',
          headers: { Authorization: 'h3ader' },
        });
        expect(error).toBeInstanceOf(kind);
        expect(error.message).toContain(`POST ${new URL(url).host}`);
        expect(error.message).not.toMatch(/qu3ry|s3cret|h3ader/);
        // A refusal is told in the target's own words; the executor masks what it echoes of ours.
        if ((answer.status ?? 0) >= 400) expect(error.message).toContain(': its w0rds');
        // Whatever hangs on the error is not to hold them either: it may be logged.
        expect(error.cause).toBeUndefined();
        expect(sink.requests.length).toBeLessThanOrEqual(1);
      }
    });

    it('a deed retried with the same key is one deed', async () => {
      sink.next.push({ drop: 'after' });
      expect((await failure({})).message).toMatch(/retried with the same key/);
      await send({});
      expect([sink.requests.length, sink.deeds]).toEqual([2, 1]);
    });

    it.each([
      [{ 'retry-after': '7' }, 7],
      [{ 'retry-after': '999999999' }, 86_400],
      [{ 'retry-after': 'soon' }, undefined],
      [{ 'retry-after': 'Sun, 06 Nov 1994 08:50:37 GMT', date: 'Sun, 06 Nov 1994 08:49:37 GMT' }, 60],
      [{ 'retry-after': 'Sun, 06 Nov 1994 08:40:37 GMT', date: 'Sun, 06 Nov 1994 08:49:37 GMT' }, 0],
    ])('waits as it is asked to: %j', async (headers, retryAfterSeconds) => {
      sink.always = { status: 429, headers };
      expect(await failure({})).toMatchObject({ retryAfterSeconds });
    });

    it('redirects are not followed', async () => {
      sink.always = { status: 302, headers: { location: `${url}/elsewhere` } };
      expect((await failure({})).message).toMatch(/302 Found; redirects are not followed$/);
      expect(sink.requests).toHaveLength(1);
    });

    it('a long body of a success is cut', async () => {
      sink.always = { body: 'x'.repeat(5_000_000) };
      expect((await send({})).detail).toBe(`200 OK: ${'x'.repeat(200)}`);
    });

    it('a small body that unpacks to a huge one is cut too', async () => {
      sink.always = {
        headers: { 'content-encoding': 'gzip' },
        body: gzipSync(Buffer.alloc(50_000_000, 'x')),
      };
      expect((await send({})).detail).toBe(`200 OK: ${'x'.repeat(200)}`);
    });

    it('a success whose body is damaged, or never ends, is a success', async () => {
      sink.next.push({ headers: { 'content-encoding': 'gzip' }, body: 'no gzip' });
      expect(await send({})).toEqual({ detail: '200 OK' });
      const host = await tcp((socket) =>
        socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nbegun')),
      );
      expect(await send({ url: `http://${host}` })).toEqual({ detail: '200 OK: begun' });
    });

    it.each([
      'NaN\r\n\r\n',
      '<html>Welcome</html>',
      '{"ok": true}',
      'SSH-2.0-OpenSSH_9.2\r\n',
      '220 mail.example.com ESMTP\r\n',
      'HTTP/1.1 OK\r\n\r\n',
      '\x15\x03\x01\x00\x02\x02\x46',
    ])('what is no HTTP (%j) is asked for no second time, and may have been done', async (answer) => {
      const host = await tcp((socket) => socket.once('data', () => socket.end(answer)));
      for (const idempotent of [true, false])
        expect(await failure({ url: `http://${host}`, idempotent })).toBeInstanceOf(Unreadable);
    });

    it.each(['', 'HTTP/1.1 200 OK', 'HTTP/1.1 200 OK\r\nServer: x\r\n'])(
      'what ends before its head is whole (%j) is a lost answer',
      async (answer) => {
        const host = await tcp((socket) => socket.once('data', () => socket.end(answer)));
        for (const idempotent of [true, false])
          expect(await failure({ url: `http://${host}`, idempotent })).toBeInstanceOf(Ambiguous);
      },
    );

    it.each([
      ['lines that end by LF alone', 'HTTP/1.1 200 OK\nContent-Length: 4\n\ndone'],
      ['one line that ends by LF alone', 'HTTP/1.1 200 OK\r\nServer: x\nContent-Length: 4\r\n\r\ndone'],
      ['a control byte in a header', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 4\r\n\r\ndone'],
      ['HTTP/1.0 without a reason', 'HTTP/1.0 200\r\n\r\ndone'],
      [
        'a length beside chunks',
        'HTTP/1.1 200 OK\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n0\r\n\r\n',
      ],
    ])('%s are read as what they are', async (_, answer) => {
      const host = await tcp((socket) => socket.once('data', () => socket.end(answer)));
      for (const idempotent of [true, false])
        expect((await send({ url: `http://${host}`, idempotent })).detail).toMatch(/^200( OK)?: done/);
    });

    it.each([
      ['a chunk that is cut', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nbegun'],
      ['a chunk without a length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nbegun'],
      ['a body that is shorter than announced', 'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nbegun'],
    ])('%s: the status says what became of it', async (_, answer) => {
      const host = await tcp((socket) => socket.once('data', () => socket.end(answer)));
      expect((await send({ url: `http://${host}`, idempotent: false })).detail).toMatch(/^200 OK/);
    });
  });

  describe('when no answer comes', () => {
    it('after it was sent, it may have been done', async () => {
      sink.always = { hang: true };
      const stop = AbortSignal.timeout(300);
      expect(await failure({ idempotent: false }, stop)).toBeInstanceOf(Ambiguous);
      expect(await failure({}, AbortSignal.timeout(300))).toBeInstanceOf(Ambiguous);
      expect(sink.requests).toHaveLength(2);
    });

    it('a late answer is a lost one, and says how long was waited', async () => {
      sink.always = { delayMs: 2_000 };
      const abort = new AbortController();
      setTimeout(() => abort.abort(new Error('no answer in 0.2 s')), 200);
      expect((await failure({ idempotent: false }, abort.signal)).message).toBe(
        `POST ${new URL(url).host} was sent and not answered: no answer in 0.2 s; it may have been done`,
      );
    });

    it('before it was sent, trying again is safe', async () => {
      const port = new URL(url).port;
      await sink.stop();
      try {
        expect(await failure({ idempotent: false })).toMatchObject({
          constructor: Retryable,
          message: expect.stringContaining('was not sent: it refuses connections at 127.0.0.1:'),
        });
      } finally {
        await sink.start(Number(port));
      }
      expect(await failure({ url: 'http://nowhere.invalid/', idempotent: false })).toBeInstanceOf(Retryable);
      expect(
        await failure({ idempotent: false }, AbortSignal.abort(new Error('the program stops'))),
      ).toBeInstanceOf(Retryable);
      expect(sink.requests).toHaveLength(0);
    });

    it('a TLS handshake that hangs or fails was before it was sent', async () => {
      const silent = await tcp((socket) => ends.push(() => socket.destroy()));
      expect(
        await failure({ url: `https://${silent}`, idempotent: false }, AbortSignal.timeout(300)),
      ).toBeInstanceOf(Retryable);
      const plain = new URL(url).host;
      expect(await failure({ url: `https://${plain}`, idempotent: false })).toBeInstanceOf(Retryable);
    });
  });

  describe('over TLS', () => {
    async function secure(certificate: { cert: string; key: string }, options = {}): Promise<string> {
      const server = new WebhookSink({ ...certificate, ...options });
      ends.push(() => server.stop());
      return server.start();
    }

    it('reaches a target whose certificate is given, or not looked at', async () => {
      const at = await secure(GOOD);
      expect((await send({ url: at, tls: { ca: GOOD.cert } })).detail).toBe('200 OK');
      expect((await send({ url: at, tls: { rejectUnauthorized: false } })).detail).toBe('200 OK');
      // The connection that was kept is not for those who look.
      expect(await failure({ url: at })).toBeInstanceOf(Permanent);
    });

    it.each([
      ['self-signed', GOOD, undefined],
      ['expired', EXPIRED, EXPIRED.cert],
      ["another host's", OTHER, OTHER.cert],
    ])('a certificate that is %s is permanent, and nothing was sent', async (_, certificate, ca) => {
      const at = await secure(certificate);
      expect(await failure({ url: at, tls: { ca }, idempotent: false })).toBeInstanceOf(Permanent);
    });

    it('shows our certificate; without one the target refuses for good', async () => {
      const at = await secure(GOOD, { requestCert: true, rejectUnauthorized: true, ca: GOOD.cert });
      expect((await send({ url: at, tls: { ca: GOOD.cert, ...GOOD } })).detail).toBe('200 OK');
      expect(await failure({ url: at, tls: { ca: GOOD.cert }, idempotent: false })).toBeInstanceOf(Permanent);
      const key = OTHER.key;
      expect(await failure({ url: at, tls: { ca: GOOD.cert, cert: GOOD.cert, key } })).toBeInstanceOf(
        Permanent,
      );
    });
  });

  describe('params', () => {
    it.each([
      [{}, '/url'],
      [{ url: 'ftp://h' }, '/url'],
      [{ url: 'http://' }, '/url'],
      [{ url: 'http://h:99999' }, '/url'],
      [{ url: 'https://user:pass@h' }, '/url'],
      [{ url: 'http://h/{{ a' }, '/url'],
      [{ url: 'http://h', method: 'TRACE' }, '/method'],
      [{ url: 'http://h', body: '{% nonsense %}' }, '/body'],
      [{ url: 'http://h', headers: { 'a b': 'c' } }, '/headers/a b'],
      [{ url: 'http://h', headers: { a: 'b\r\nc: d' } }, '/headers/a'],
      [{ url: 'http://h', headers: { 'Content-Length': '7' } }, '/headers/Content-Length'],
      [{ url: 'http://h', tls: { ca: 'no PEM' } }, '/tls/ca'],
      [{ url: 'http://h', tls: { surprise: 1 } }, '/tls/surprise'],
    ])('%j is refused', (given, pointer) => {
      expect(check(WebhookParams, given).errors).toEqual([{ pointer, detail: expect.any(String) }]);
    });

    it.each([
      { url: 'http://{{ service.name }}.example/' },
      { url: 'HTTPS://h' },
      { url: 'http://h', headers: { a: '{{ x }}' } },
      { url: 'http://h', headers: { a: 5 } },
      {
        url: 'http://h',
        headers: { env: 'MONSCALE_PARAM_HEADERS' },
        secret: { file: '/key' },
        tls: { key: { env: 'MONSCALE_PARAM_KEY' } },
      },
    ])('%j is taken', (given) => expect(check(WebhookParams, given).errors).toEqual([]));

    it.each([
      { url: 'not a url' },
      { url: 'file:///etc/passwd' },
      { headers: { 'X-A': 'a\r\nX-B: inj3cted' } },
    ])('rendered to %j they are permanent, and the value is not told', async (rendered) => {
      const failed = webhook.execute(Object.assign(paramsOf({ url }), rendered), context());
      await expect(failed).rejects.toThrow(Permanent);
      await expect(failed).rejects.not.toThrow(/inj3cted|passwd/);
      expect(sink.requests).toHaveLength(0);
    });

    it('say whether it is idempotent', () => {
      expect(webhook.idempotent(paramsOf({ url }))).toBe(true);
      expect(webhook.idempotent(paramsOf({ url, method: 'GET', idempotent: false }))).toBe(false);
    });
  });
});
