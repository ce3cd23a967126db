import { gzipSync } from 'node:zlib';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Type } from '@nestjs/common';
import { EXPIRED, GOOD, OTHER } from '../../../test/stand-ins/certificates';
import { bodyOf, HttpStandIn } from '../../../test/stand-ins/http-stand-in';
import { HELD_UP_MS, loopDelayMs } from '../../../test/loop-delay';
import { checked } from '../../common/check';
import { stopThreads } from '../../common/thread-pool';
import { HttpContent, HttpContentParams } from '../mappings/http-content.metric';
import { HttpJson, HttpJsonParams } from '../mappings/http-json.metric';
import { HttpResponseTime, HttpResponseTimeParams } from '../mappings/http-response-time.metric';
import { HttpStatus, HttpStatusParams } from '../mappings/http-status.metric';
import { PrometheusQuery, PrometheusQueryParams } from '../mappings/prometheus-query.metric';
import type { ReadContext } from '../metric';
import { HttpClient } from './http-client';

const MIB = 1024 * 1024;

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

/** Answers each path as it is told, and remembers who asked. */
class Web extends HttpStandIn {
  readonly answers: Record<string, Answer> = {};
  readonly requests: { method: string; url: string; headers: IncomingMessage['headers']; body: string }[] =
    [];
  readonly connections = new Set<number>();

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = (await bodyOf(request)).toString();
    const { method = '', url = '', headers } = request;
    this.requests.push({ method, url, headers, body });
    this.connections.add(request.socket.remotePort!);
    const answer = this.answers[new URL(url, 'http://web').pathname];
    if (answer === undefined) response.writeHead(404).end('nothing here');
    else await answer(request, response, body);
  }
}

describe('metrics over HTTP', () => {
  const client = new HttpClient();
  const content = new HttpContent(client);
  const json = new HttpJson(client);
  const status = new HttpStatus(client);
  const time = new HttpResponseTime(client);
  const web = new Web();
  const elsewhere = new Web();
  const secure = new Web({ ...GOOD });
  let url: string;
  let elsewhereUrl: string;
  let secureUrl: string;

  beforeAll(async () => {
    [url, elsewhereUrl, secureUrl] = await Promise.all([web.start(), elsewhere.start(), secure.start()]);
  });

  beforeEach(() => {
    for (const one of [web, elsewhere, secure]) {
      one.requests.length = 0;
      one.connections.clear();
      Object.keys(one.answers).forEach((path) => delete one.answers[path]);
    }
  });

  afterAll(() => Promise.all([web.stop(), elsewhere.stop(), secure.stop(), stopThreads()]));

  const context = (timeoutMs = 10_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  const as = <T extends object>(cls: Type<T>, path: string, given: object = {}): T =>
    checked(cls, { url: path.startsWith('http') ? path : url + path, ...given });
  const statusOf = (path: string, given = {}) => status.read(as(HttpStatusParams, path, given), context());
  const timeOf = (path: string, given = {}) => time.read(as(HttpResponseTimeParams, path, given), context());
  const contentOf = (path: string, given: object) =>
    content.read(as(HttpContentParams, path, given), context());
  const numberOf = (path: string, given: object = { path: '$.n' }) =>
    json.read(as(HttpJsonParams, path, given), context());

  const says = (text: string | Buffer, code = 200, headers = {}): Answer => {
    return (_, response) => response.writeHead(code, headers).end(text);
  };

  describe('http_status', () => {
    it.each([200, 204, 301, 404, 503])('is %d', async (code) => {
      web.answers['/'] = says('', code, code === 301 ? { location: '/there' } : {});
      expect(await statusOf('/')).toBe(code);
      expect(web.requests).toHaveLength(1);
    });

    it('is of the method, headers and body that are asked', async () => {
      web.answers['/'] = says('', 202);
      const given = { method: 'POST', headers: { 'X-Key': 'k', 'user-agent': 'us' }, body: '{"a":1}' };
      expect(await statusOf('/?q=1', given)).toBe(202);
      const [asked] = web.requests;
      expect(asked).toMatchObject({ method: 'POST', url: '/?q=1', body: '{"a":1}' });
      expect(asked!.headers).toMatchObject({
        'x-key': 'k',
        'user-agent': 'us',
        'content-type': 'application/json',
      });
    });
  });

  describe('http_response_time', () => {
    it('is the time until the whole answer is there', async () => {
      web.answers['/slow'] = async (_, response) => {
        response.write('begin');
        await sleep(150);
        response.end('end');
      };
      const seconds = await timeOf('/slow');
      expect(seconds).toBeGreaterThan(0.14);
      expect(seconds).toBeLessThan(10);
    });

    it('is of the request alone: what waits for a connection is not in it', async () => {
      web.answers['/'] = says('here');
      expect(await timeOf('/')).toBeLessThan(0.1);
      expect(await timeOf('/')).toBeGreaterThan(0);
    });
  });

  describe('http_content', () => {
    beforeEach(() => (web.answers['/'] = says(' status: ready\n')));

    it.each([
      [{ equals: 'status: ready' }, 1],
      [{ equals: 'ready' }, 0],
      [{ contains: 'ready' }, 1],
      [{ contains: 'READY' }, 0],
      [{ matches: 'status: (ok|ready)' }, 1],
      [{ matches: '^ready' }, 0],
      [{ matches: '(?i)READY' }, 1],
    ])('of %j is %d', async (given, number) => {
      expect(await contentOf('/', given)).toBe(number);
    });

    it('is read of a health page that says it is down', async () => {
      web.answers['/'] = says('{"status":"DOWN"}', 503);
      expect(await contentOf('/', { contains: '"UP"' })).toBe(0);
    });

    it.each([301, 401, 403, 407, 429])('is missing when we are sent away by %d', async (code) => {
      web.answers['/'] = says('log in first', code);
      await expect(contentOf('/', { contains: 'OK' })).rejects.toThrow(
        `cannot read ${url}/: it answered ${code}`,
      );
    });

    it('is decoded as it says', async () => {
      web.answers['/'] = says(Buffer.from('gr\u00fcn', 'latin1'), 200, {
        'content-type': 'text/plain; charset=iso-8859-1',
      });
      expect(await contentOf('/', { equals: 'gr\u00fcn' })).toBe(1);
    });

    it('ends in time, whatever the expression', async () => {
      web.answers['/'] = says(`${'a'.repeat(MIB - 1)}b`);
      const began = performance.now();
      const end = contentOf('/', { matches: '(a|aa)+$' }).catch((error: Error) => error.message);
      expect([0, expect.stringContaining('given up after 2 s')]).toContainEqual(await end);
      expect(performance.now() - began).toBeLessThan(10_000);
    });
  });

  describe('http_json', () => {
    it.each([
      ['{"n": 12.5}', '$.n', 12.5],
      ['{"n": "12.5"}', '$.n', 12.5],
      ['\ufeff{"n": -1e3}', '$.n', -1000],
      ['{"n": " 12 "}', '$.n', 12],
      ['{"n": "+5"}', '$.n', 5],
      ['7', '$', 7],
      ['{"queues": [{"name": "a", "n": 1}, {"name": "b", "n": 2}]}', "$.queues[?@.name == 'b'].n", 2],
      ['{"__proto__": {"n": 3}}', "$['__proto__'].n", 3],
    ])('of %s at %s is %d', async (text, path, number) => {
      web.answers['/'] = says(text);
      expect(await numberOf('/', { path })).toBe(number);
    });

    it.each([
      ['{"n": 1e400}', /a number that is too great$/],
      ['{"n": "1e400"}', /a text that is no number$/],
      ['{"n": NaN}', /its answer is no JSON$/],
      ['{"n": "NaN"}', /a text that is no number$/],
      ['{"n": ""}', /a text that is no number$/],
      ['{"n": "0x10"}', /a text that is no number$/],
      ['{"n": "1,234.5"}', /a text that is no number$/],
      ['{"n": "85.13 %"}', /a text that is no number$/],
      ['{"n": "1.23 GB"}', /a text that is no number$/],
      ['{"n": "12abc"}', /a text that is no number$/],
      ['{"n": "+Infinity"}', /a text that is no number$/],
      ['{"n": null}', /there is null$/],
      ['{"n": true}', /there is true$/],
      ['{"n": [1]}', /there is a list$/],
      ['{"m": 1}', /there is nothing at \$\.n$/],
      ['', /its answer is empty$/],
      ['<html>', /its answer is no JSON$/],
      ['{"n": 1', /its answer is no JSON$/],
    ])('of %s is missing data', async (text, why) => {
      web.answers['/'] = says(text);
      await expect(numberOf('/')).rejects.toThrow(why);
    });

    it.each([
      [206, {}, /it answered 206 Partial Content: a part/],
      [
        200,
        { warning: '110 squid "Response is stale"' },
        /its answer is old: a cache says 110 squid "Response is stale"$/,
      ],
      [200, { warning: '111 - "Revalidation failed"' }, /its answer is old: /],
      [200, { warning: ' 112 proxy "Disconnected operation"' }, /its answer is old: /],
      [200, { warning: '113 proxy "Heuristic", 111 proxy "Revalidation failed"' }, /its answer is old: /],
    ])('is missing when it says itself that it is a part or old: %d %j', async (code, headers, why) => {
      web.answers['/'] = says('{"n": 1}', code, headers);
      await expect(numberOf('/')).rejects.toThrow(why);
      await expect(contentOf('/', { contains: '1' })).rejects.toThrow(why);
    });

    it('and tells nothing of our headers, wherever an answer repeats them', async () => {
      const token = 'hush-hush-token';
      web.answers['/'] = says('{"n": 1}', 200, { warning: `110 ${'x'.repeat(90)} ${token}` });
      const message = await numberOf('/', {
        path: '$.n',
        headers: { Authorization: `Bearer ${token}` },
      }).catch((error: Error) => error.message);
      expect(message).toMatch(/a cache says 110 x{90} \*\*\*$/);
    });

    it('nor has a cache that could not ask a status or a time of the server', async () => {
      web.answers['/'] = says('here', 200, { warning: '111 proxy "Revalidation failed"' });
      await expect(statusOf('/')).rejects.toThrow('its answer is old: a cache says 111');
      await expect(timeOf('/')).rejects.toThrow('its answer is old: a cache says 111');
    });

    it.each([{ warning: '299 - "Deprecated API"' }, { warning: '1100 x' }, { age: '30' }])(
      'is a number with other remarks: %j',
      async (headers) => {
        web.answers['/'] = says('{"n": 1}', 200, headers);
        expect(await numberOf('/')).toBe(1);
      },
    );

    it.each([302, 400, 401, 404, 500, 503])('is missing when the status is %d', async (code) => {
      web.answers['/'] = says('{"n": 1}', code);
      await expect(numberOf('/')).rejects.toThrow(`it answered ${code}`);
    });

    it('that is nested a hundred thousand times ends nothing', async () => {
      web.answers['/'] = says('[{"n":'.repeat(100_000) + '1' + '}]'.repeat(100_000));
      await expect(numberOf('/', { path: '$..x' })).rejects.toThrow(/nested deeper|no JSON/);
    });
  });

  describe('redirects', () => {
    const given = { followRedirects: true };

    it('are followed when it is said', async () => {
      web.answers['/'] = says('', 302, { location: '/there?a=1' });
      web.answers['/there'] = says('', 204);
      expect(await statusOf('/', given)).toBe(204);
      expect(web.requests.map((request) => request.url)).toEqual(['/', '/there?a=1']);
    });

    it('to another host carry no header of ours', async () => {
      web.answers['/'] = says('', 307, { location: `${elsewhereUrl}/` });
      elsewhere.answers['/'] = says('', 200);
      const headers = { Authorization: 'Bearer secret', 'X-Key': 'k' };
      expect(await statusOf('/', { ...given, headers })).toBe(200);
      expect(web.requests[0]!.headers.authorization).toBe('Bearer secret');
      expect(elsewhere.requests[0]!.headers).not.toHaveProperty('authorization');
      expect(elsewhere.requests[0]!.headers).not.toHaveProperty('x-key');
    });

    it.each([
      [303, 'GET'],
      [302, 'GET'],
      [308, 'POST'],
    ])('of a POST by %d go on by %s', async (code, method) => {
      web.answers['/'] = says('', code, { location: '/there' });
      web.answers['/there'] = says('');
      await statusOf('/', { ...given, method: 'POST', body: '{}' });
      expect(web.requests[1]).toMatchObject({ method, body: method === 'GET' ? '' : '{}' });
    });

    it('in circles end', async () => {
      web.answers['/'] = says('', 302, { location: '/' });
      await expect(statusOf('/', given)).rejects.toThrow('it redirects more than 5 times');
      expect(web.requests).toHaveLength(6);
    });

    it.each([
      ['http://169.254.169.254/', /169\.254\.169\.254 is link-local/],
      ['ftp://there/', /it redirects to what must begin with http/],
      ['http://[::', /it redirects to what is not a valid URL/],
    ])('to %s are not followed', async (location, why) => {
      web.answers['/'] = says('', 302, { location });
      await expect(statusOf('/', given)).rejects.toThrow(why);
    });
  });

  describe('the same request', () => {
    it('of several metrics, services and types at one time goes out once', async () => {
      web.answers['/'] = async (_, response) => {
        await sleep(50);
        response.end('{"n": 3}');
      };
      const readings = await Promise.all([
        status.readMany([as(HttpStatusParams, '/'), as(HttpStatusParams, '/')], context()),
        json.readMany(
          [as(HttpJsonParams, '/', { path: '$.n' }), as(HttpJsonParams, '/', { path: '$.m' })],
          context(),
        ),
        content.readMany([as(HttpContentParams, '/', { contains: 'n' })], context()),
        status.readMany([as(HttpStatusParams, '/')], context()),
      ]);
      expect(readings.flat()).toEqual([
        { value: 200 },
        { value: 200 },
        { value: 3 },
        { error: `cannot read ${url}/: there is nothing at $.m` },
        { value: 1 },
        { value: 200 },
      ]);
      expect(web.requests).toHaveLength(1);
      await statusOf('/');
      expect(web.requests).toHaveLength(2);
    });

    it('with other headers is another', async () => {
      web.answers['/'] = says('');
      await Promise.all([statusOf('/'), statusOf('/', { headers: { 'X-Key': 'k' } })]);
      expect(web.requests).toHaveLength(2);
      const secret = as(HttpStatusParams, '/', { headers: { 'X-Key': 'hush-hush' } });
      expect(status.target(secret)).not.toContain('hush');
    });

    it('is left by one whose time is over, and goes on for the others', async () => {
      let isCut = false;
      web.answers['/'] = async (request, response) => {
        request.socket.once('close', () => (isCut = true));
        await sleep(300);
        response.end();
      };
      const params = as(HttpStatusParams, '/');
      const [hasty, patient] = await Promise.allSettled([
        status.read(params, context(100)),
        status.read(params, context(2_000)),
      ]);
      expect(hasty).toMatchObject({ reason: { message: `cannot read ${url}/: no answer in 0.1 s` } });
      expect(patient).toMatchObject({ value: 200 });
      await expect(status.read(params, context(100))).rejects.toThrow('no answer');
      await sleep(50);
      expect(isCut).toBe(true);
    });

    it('goes over one connection, which is kept', async () => {
      web.answers['/'] = says('');
      for (let round = 0; round < 5; round++) await statusOf('/');
      expect(web.connections.size).toBe(1);
    });

    it('is asked again when the kept connection was closed meanwhile', async () => {
      web.answers['/'] = says('');
      web.answers['/cut'] = (request, response) =>
        web.connections.size > 1 ? response.end() : request.socket.destroy();
      await statusOf('/');
      expect(await statusOf('/cut')).toBe(200);
    });
  });

  describe('an answer that', () => {
    it('is longer than 1 MiB is missing data', async () => {
      web.answers['/'] = says(Buffer.alloc(MIB + 1, 'a'));
      web.answers['/just'] = says(Buffer.alloc(MIB, 'a'));
      await expect(contentOf('/', { contains: 'a' })).rejects.toThrow(
        `cannot read ${url}/: its answer is longer than 1 MiB`,
      );
      expect(await contentOf('/just', { contains: 'a' })).toBe(1);
    });

    it('would be a gigabyte is let go soon', async () => {
      let sent = 0;
      web.answers['/'] = async (_, response) => {
        const gigabyte = Readable.from(
          (function* () {
            for (; sent < 1024 * MIB; sent += MIB) yield Buffer.alloc(MIB);
          })(),
        );
        await pipeline(gigabyte, response).catch(() => undefined);
      };
      await expect(statusOf('/')).rejects.toThrow(/longer than 1 MiB/);
      await sleep(50);
      expect(sent).toBeLessThan(64 * MIB);
    });

    it('unpacks to more is missing data', async () => {
      web.answers['/'] = says(gzipSync(Buffer.alloc(64 * MIB)), 200, { 'content-encoding': 'gzip' });
      await expect(contentOf('/', { contains: 'a' })).rejects.toThrow(/longer than 1 MiB/);
    });

    it('never ends ends at the timeout', async () => {
      web.answers['/'] = async (_, response) => {
        while (!response.destroyed) {
          response.write('.');
          await sleep(10);
        }
      };
      const began = performance.now();
      await expect(status.read(as(HttpStatusParams, '/'), context(200))).rejects.toThrow(
        `cannot read ${url}/: no answer in 0.2 s`,
      );
      expect(performance.now() - began).toBeLessThan(5_000);
    });

    it('is cut short is missing data', async () => {
      web.answers['/'] = (request, response) => {
        response.writeHead(200, { 'content-length': '10' });
        response.write('12345');
        setTimeout(() => request.socket.destroy(), 20);
      };
      await expect(contentOf('/', { contains: '1' })).rejects.toThrow(
        /cannot read .*: it closed the connection before its answer was whole/,
      );
    });
  });

  describe('TLS', () => {
    const ca = GOOD.cert;

    it('trusts the certificate that it is told to', async () => {
      secure.answers['/'] = says('');
      expect(await statusOf(`${secureUrl}/`, { tls: { ca } })).toBe(200);
      expect(await statusOf(`${secureUrl}/`, { tls: { rejectUnauthorized: false } })).toBe(200);
    });

    it.each([
      ['none that is known', {}, /its certificate is self-signed; to trust it/],
      ['another than it is told to trust', { ca: OTHER.cert }, /its certificate is self-signed; to trust it/],
      ['our own key, which is none', { ca, cert: OTHER.cert, key: 'no PEM' }, /PEM|DECODER|key/i],
    ])('refuses %s', async (_, tls, why) => {
      const reading = statusOf(`${secureUrl}/`, { tls }).catch((error: Error) => error.message);
      expect(await reading).toMatch(/^cannot read https:/);
      expect(await reading).toMatch(why);
    });

    it('refuses a certificate that has expired', async () => {
      const expired = new Web({ ...EXPIRED });
      const origin = await expired.start();
      try {
        const reading = statusOf(`${origin}/`, { tls: { ca: EXPIRED.cert } });
        await expect(reading).rejects.toThrow(/certificate has expired/);
      } finally {
        await expired.stop();
      }
    });
  });

  it('tells no query, header or key in what it says', async () => {
    const given = {
      headers: { Authorization: 'hush-hush' },
      tls: { rejectUnauthorized: true, key: 'hush-hush' },
    };
    const reading = statusOf('http://127.0.0.1:1/a?token=hush-hush', given).catch(
      (error: Error) => error.message,
    );
    expect(await reading).toMatch(/^cannot read http:\/\/127\.0\.0\.1:1\/a: .*it refuses connections/);
    expect(await reading).not.toContain('hush');
  });

  it('says that a name is unknown', async () => {
    await expect(statusOf('http://nowhere.invalid/')).rejects.toThrow(/nowhere\.invalid/);
  });

  describe('answers that are long to read hold up nobody', () => {
    const nodes = (count: number, node: (index: number) => string) =>
      `{"n":7,"list":[${Array.from({ length: count }, (_, index) => node(index)).join(',')}]}`;
    const answers = {
      matched: nodes(30_000, (index) => `{"n":"x${index}","v":${index}}`),
      empty: nodes(300_000, () => '{}'),
      keys: `{"n":7,${Array.from({ length: 60_000 }, (_, index) => `"k${index}":${index}`).join(',')}}`,
      deep: `{"n":7,"deep":${'['.repeat(400_000)}${']'.repeat(400_000)}}`,
      digits: `{"n":"${'1'.repeat(900_000)}x"}`,
    };
    /** Nobody may save it any more; some may have. */
    const SLOW = '$..[?count($..*) == 1]';
    const params = ({ path }: { path: string }) =>
      Object.assign(as(HttpJsonParams, '/', { path: '$.n' }), { path });

    beforeAll(() => json.read(params({ path: '$..n' }), context()).catch(() => undefined));

    it.each([
      ['matched', "$.list[?match(@.n, '(x|y){1,30}29999')].v", 29_999],
      ['matched', "$..[?search(@.n, 'x?29999$')].v", 29_999],
      ['matched', '$.n', 7],
      ['empty', '$.n', 7],
      ['keys', '$.n', 7],
      ['deep', '$.n', 7],
      ['digits', '$.n', 'at $.n there is a text that is no number'],
      ['empty', SLOW, 'took too long to read: it was given up after 2 s'],
    ] as const)('%s at %s is %p', async (answer, path, number) => {
      web.answers['/'] = says(answers[answer]);
      const read = json.read(params({ path }), context(10_000));
      const delay = await loopDelayMs(async () => {
        if (typeof number === 'number') expect(await read).toBe(number);
        else await expect(read).rejects.toThrow(number);
      });
      expect(delay).toBeLessThan(HELD_UP_MS);
    });

    it('one that takes too long costs no other of the same answer', async () => {
      web.answers['/'] = says(answers.empty);
      const some = ['$.n', SLOW, '$.list[5].v', '$[?@ == 7]'].map((path) => params({ path }));
      expect(await json.readMany(some, context(10_000))).toEqual([
        { value: 7 },
        {
          error: expect.stringContaining(
            'its answer took too long to read: it was given up after 2 s',
          ) as string,
        },
        { error: expect.stringContaining('there is nothing at $.list[5].v') as string },
        { value: 7 },
      ]);
      expect(web.requests).toHaveLength(1);
    });

    it('its timeout ends the reading, too', async () => {
      web.answers['/'] = says(answers.empty);
      await expect(json.read(params({ path: SLOW }), context(700))).rejects.toThrow('no answer in time');
    });

    it.each([
      [{ matches: '(x{1,30}|y){1,20}z' }, 0],
      [{ matches: '(.*a){1,200}$' }, 0],
      [{ contains: '"x29999"' }, 1],
    ])('of content %j', async (given, number) => {
      web.answers['/'] = says(answers.matched);
      const read = content.read(as(HttpContentParams, '/', given), context(10_000));
      const delay = await loopDelayMs(async () => {
        const result: unknown = await read.catch((error: Error) => error.message);
        expect([number, expect.stringContaining('took too long to read')]).toContainEqual(result);
      });
      expect(delay).toBeLessThan(HELD_UP_MS);
    });

    it('of Prometheus with many series', async () => {
      const series = (index: number) => `{"metric":{"a":"b${index}"},"value":[1,"2"]}`;
      const many = Array.from({ length: 20_000 }, (_, index) => series(index)).join(',');
      web.answers['/api/v1/query'] = says(
        `{"status":"success","data":{"resultType":"vector","result":[${many}]}}`,
      );
      const query = checked(PrometheusQueryParams, { url, query: 'up' });
      const read = new PrometheusQuery(client).read(query, context(10_000));
      const delay = await loopDelayMs(() => expect(read).rejects.toThrow('has 20000 results'));
      expect(delay).toBeLessThan(HELD_UP_MS);
    });
  });
});
