/** What somebody without a token costs and gets: nothing is read, nothing is inflated, and everybody else is answered. */
import { once } from 'node:events';
import { request, type IncomingHttpHeaders } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ADMIN_TOKEN, Api, secret, until, World, type MonscaleProcess } from './program';

describe('without a token', () => {
  let world: World;
  let program: MonscaleProcess;
  let token: string;
  let key: string;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start();
    ({ token } = await program.api.create('/sources', { name: 'native', format: 'native' }));
    ({ token: key } = await program.api.create('/sources', { name: 'pager', format: 'pagerduty' }));
    secret(token);
    secret(key);
  }, 60_000);

  afterAll(async () => {
    await world?.end();
  });

  /** What is answered to a request whose body never comes; within a second. */
  async function answerTo(method: string, path: string, headers: Record<string, string>): Promise<string> {
    const socket = connect(program.port, '127.0.0.1');
    let said = '';
    socket.on('data', (chunk) => (said += String(chunk))).on('error', () => undefined);
    const lines = Object.entries({ Host: 'a', 'Content-Length': '7000000', ...headers });
    socket.write(
      `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
    for (let looks = 0; looks < 50 && !/\r\n\r\n/.test(said); looks++) await sleep(20);
    socket.destroy();
    return said.split('\r\n', 1)[0]!;
  }

  const JSON_TYPE = { 'Content-Type': 'application/json' };
  const wrong = { ...JSON_TYPE, Authorization: 'Bearer nobody-has-this' };
  const basic = { Authorization: `Basic ${Buffer.from('user:nobody').toString('base64')}` };
  const admin = { ...JSON_TYPE, Authorization: `Bearer ${ADMIN_TOKEN}` };
  const CASES: [string, string, Record<string, string>, RegExp][] = [
    ['POST', '/nowhere', JSON_TYPE, / 404 /],
    ['POST', '/nowhere', admin, / 404 /],
    ['DELETE', '/api/v1/alerts', JSON_TYPE, / 405 /],
    ['PUT', '/health/live', JSON_TYPE, / 405 /],
    ['POST', '/api/v1/alerts', JSON_TYPE, / 401 /],
    ['POST', '/api/v1/alerts', wrong, / 401 /],
    ['POST', '/api/v1/alerts?token=nobody', { 'Content-Length': '900000' }, / 401 /],
    ['POST', '/api/v1/alerts', { ...wrong, 'Content-Length': '900000' }, / 401 /],
    ['POST', '/api/v2/alerts', { ...wrong, 'Content-Encoding': 'gzip' }, / 401 /],
    ['PUT', '/api/v1/alerts/grafana', { ...JSON_TYPE, ...basic }, / 401 /],
    ['POST', '/api/v1/alerts/sns', { 'Content-Type': 'text/plain' }, / 401 /],
    ['POST', '/api/v1/alerts/pagerduty', wrong, / 401 /],
    ['POST', '/v2/enqueue', wrong, / 401 /],
    ['POST', '/v1/actions/process-check-result', { ...JSON_TYPE, ...basic }, / 401 /],
    ['PUT', '/trap', { 'Content-Type': 'application/x-www-form-urlencoded' }, / 401 /],
    ['POST', '/api/v1/services', JSON_TYPE, / 401 /],
    ['PATCH', '/api/v1/services/x', wrong, / 401 /],
    ['POST', '/api/v1/import', { 'Content-Type': 'application/yaml' }, / 401 /],
    ['POST', '/api/v1/alerts', { ...wrong, Expect: '100-continue' }, / 401 /],
    ['POST', '/api/v1/alerts', { ...admin, Expect: '100-continue' }, / 100 /],
    ['POST', '/api/v1/services', { ...admin, 'Content-Type': 'text/csv' }, / 415 /],
    ['POST', '/api/v1/services', { ...admin, 'Content-Length': '9000000' }, / 413 /],
    ['POST', '/api/v1/alerts/pagerduty', { ...JSON_TYPE, 'Content-Length': '70000' }, / 413 /],
  ];

  it('a request is refused before a byte of its body is read', async () => {
    const answers: string[] = [];
    for (const [method, path, headers] of CASES) answers.push(await answerTo(method, path, headers));
    CASES.forEach(([method, path, , status], index) =>
      expect(`${method} ${path} -> ${answers[index]!}`).toMatch(status),
    );
    const format = (await program.api.post('/alerts/grafana', {}, { Authorization: `Bearer ${token}` }))
      .status;
    expect(format).toBe(403);
  });

  it("PagerDuty's key may stand in a small body, packed or not; a large one wants it before", async () => {
    const event = (pad: number) => ({
      routing_key: key,
      event_action: 'trigger',
      payload: { summary: 's', source: 'h', severity: 'critical', custom_details: { pad: 'x'.repeat(pad) } },
    });
    const post = (path: string, body: unknown, headers = {}) =>
      new Api(program.url, '').post(path, body, headers);
    const packed = async (body: string) => {
      const response = await fetch(`${program.url}/v2/enqueue`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Encoding': 'gzip' },
        body: new Uint8Array(gzipSync(body)),
      });
      return response.status;
    };
    expect((await post('/v2/enqueue', event(10_000))).status).toBe(202);
    expect((await post('/v2/enqueue', { ...event(1), routing_key: 'nobody' })).status).toBe(401);
    expect(await packed(JSON.stringify(event(10_000)))).toBe(202);
    expect((await post('/api/v1/alerts/pagerduty', event(70_000))).status).toBe(413);
    expect(await packed(' '.repeat(1_000_000) + JSON.stringify(event(1)))).toBe(413);
    expect(
      (await post('/api/v1/alerts/pagerduty', event(70_000), { Authorization: `Bearer ${key}` })).status,
    ).toBe(202);
  });

  it('slow and idle connections cost the others nothing, and are given up', async () => {
    const sockets: Socket[] = [];
    for (let count = 0; count < 150; count++) {
      const socket = connect(program.port, '127.0.0.1');
      socket.on('error', () => undefined).resume();
      await once(socket, 'connect');
      if (count % 3 === 1) socket.write('POST /api/v1/alerts HTTP/1.1\r\nHost: a\r\n');
      if (count % 3 === 2)
        socket.write(
          'POST /api/v1/alerts/pagerduty HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"routing_key": "',
        );
      sockets.push(socket);
    }
    expect((await program.root.get('/health/live')).status).toBe(200);
    expect((await program.api.post('/alerts', { labels: { a: 'b' } })).status).toBe(202);
    const isSlow = (_: Socket, index: number) => index % 3 > 0;
    const isOpen = ({ readableEnded, destroyed }: Socket) => !readableEnded && !destroyed;
    await until(() => !sockets.filter(isSlow).some(isOpen), 13_000);
    sockets.forEach((socket) => socket.destroy());
    expect((await program.root.get('/metrics')).body).toMatch(/monscale_http_body_bytes 0\n/);
  }, 40_000);

  it('guesses of tokens are slowed, and a right token is taken from the same address, also a new one', async () => {
    const guess = async (index: number) => {
      const api = new Api(`${program.url}/api/v1`, `guess-${index}`);
      return index % 2 ? api.get('/services') : api.post('/alerts', { labels: { a: 'b' } });
    };
    const statuses = [];
    for (let index = 0; index < 20; index++) statuses.push((await guess(index)).status);
    const rest = await Promise.all(Array.from({ length: 40 }, (_, index) => guess(20 + index)));
    statuses.push(...rest.map(({ status }) => status));
    const last = rest.at(-1);
    expect(statuses.slice(0, 5).every((status) => status === 401)).toBe(true);
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThan(20);
    expect([last?.status, Number(last?.headers.get('retry-after'))]).toEqual([429, expect.any(Number)]);
    expect(Number(last?.headers.get('retry-after'))).toBeGreaterThan(0);
    const native = new Api(`${program.url}/api/v1`, token);
    expect((await native.post('/alerts', { labels: { a: 'c' } })).status).toBe(202);
    expect((await program.api.get('/services')).status).toBe(200);
    const made = await program.api.create('/sources', { name: 'new', format: 'native' });
    await sleep(300);
    const fresh = new Api(`${program.url}/api/v1`, secret(made.token as string));
    expect((await fresh.post('/alerts', { labels: { a: 'd' } })).status).toBe(202);
  });

  describe('what may be closed', () => {
    const METRICS_TOKEN = secret('the-token-of-prometheus');
    let closed: MonscaleProcess;
    let bare: MonscaleProcess;

    beforeAll(async () => {
      const env = {
        MONSCALE_METRICS_TOKEN: METRICS_TOKEN,
        MONSCALE_PUBLIC_URL: 'https://monscale.example',
        MONSCALE_TRUSTED_PROXIES: '127.0.0.2, 10.0.0.0/8, 2001:db8::/32',
      };
      [closed, bare] = await Promise.all([
        world.start('api', { env: { ...env, MONSCALE_DOCS: 'token' } }),
        world.start('scheduler', { env: { MONSCALE_METRICS_TOKEN: METRICS_TOKEN } }),
      ]);
    }, 60_000);

    interface Sent {
      method?: string;
      /** The address that it comes from. */
      from?: string;
      headers?: Record<string, string | string[]>;
      body?: string;
    }

    /** As it is written, unlike `fetch`, which tidies paths up. */
    const ask = ({ port }: MonscaleProcess, path: string, { method, from, headers, body }: Sent = {}) =>
      new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>((resolve, reject) => {
        const options = {
          host: '127.0.0.1',
          port,
          path,
          method,
          headers,
          localAddress: from,
          timeout: 5_000,
        };
        const asked = request(options, (answer) => {
          let text = '';
          answer.on('data', (chunk) => (text += String(chunk)));
          answer.on('end', () => resolve({ status: answer.statusCode!, headers: answer.headers, text }));
        });
        asked.on('error', reject).end(body);
      });

    const bearer = (one: string) => ({ headers: { Authorization: `Bearer ${one}` } });
    const password = (one: string) => ({
      headers: { Authorization: `Basic ${Buffer.from(`anybody:${one}`).toString('base64')}` },
    });
    const statusOf = async (to: MonscaleProcess, path: string, sent: Sent) =>
      (await ask(to, path, sent)).status;

    it('metrics want their token or the administrator, the probes nobody', async () => {
      for (const one of [closed, bare]) {
        const statuses = await Promise.all([
          statusOf(one, '/metrics', {}),
          statusOf(one, '/metrics', { method: 'HEAD' }),
          statusOf(one, '/%6detrics', {}),
          statusOf(one, '/metrics', bearer('the-token-of-prometheuS')),
          statusOf(one, `/metrics?token=${METRICS_TOKEN}`, {}),
          statusOf(one, '/metrics', bearer(token)),
          statusOf(one, '/metrics', bearer(METRICS_TOKEN)),
          statusOf(one, '/metrics', password(METRICS_TOKEN)),
          statusOf(one, '/metrics', bearer(ADMIN_TOKEN)),
          statusOf(one, '/health/live', {}),
          statusOf(one, '/health/ready', {}),
        ]);
        expect(statuses).toEqual([401, 401, 401, 401, 401, 403, 200, 200, 200, 200, 200]);
      }
      expect((await ask(closed, '/metrics')).headers['www-authenticate']).toBe('Bearer');
      // The token is good for nothing else.
      expect(await statusOf(closed, '/api/v1/services', bearer(METRICS_TOKEN))).toBe(401);
      expect((await program.root.as(undefined).get('/metrics')).status).toBe(200);
    });

    it.each([
      '/docs',
      '/docs/',
      '/docs?x',
      '/%64ocs',
      '/d%6Fcs/index.html',
      '/docs-json',
      '/docs%2Djson',
      '/docs-yaml',
      '/docs/swagger-ui-init.js',
      '/docs/swagger-ui-bundle.js',
      'http://monscale.example/docs-json',
    ])('%s is for the administrator alone', async (path) => {
      const refused = await ask(closed, path);
      expect([refused.status, refused.headers['www-authenticate']]).toEqual([401, expect.stringMatching(/^Basic /)]);
      expect(refused.text).not.toContain('/api/v1/');
      const sent = [password('nobody'), bearer(token), password(ADMIN_TOKEN), bearer(ADMIN_TOKEN)];
      const statuses = await Promise.all(sent.map((one) => statusOf(closed, path, one)));
      expect(statuses).toEqual([401, 403, 200, 200]);
      expect(await statusOf(program, path, {})).toBe(200);
      expect(await statusOf(bare, path, bearer(ADMIN_TOKEN))).toBe(404);
    }); // prettier-ignore

    it('every answer says to browsers what it is not', async () => {
      const body = '{"labels":{"a":"b"}}';
      const typed = (one: string) => ({ ...bearer(one).headers, 'Content-Type': 'application/json' });
      const asked: [path: string, sent: Sent, status: number][] = [
        ['/health/live', {}, 200],
        ['/metrics', bearer(METRICS_TOKEN), 200],
        ['/api/v1/services', bearer(ADMIN_TOKEN), 200],
        ['/api/v1/export?format=yaml', bearer(ADMIN_TOKEN), 200],
        ['/api/v1/services', {}, 401],
        ['/api/v1/services/no-such', bearer(ADMIN_TOKEN), 404],
        ['/api/v1/services?limit=x', bearer(ADMIN_TOKEN), 400],
        ['/nowhere', {}, 404],
        ['/%ZZ', {}, 400],
        [`/api/v1/actions/${'a'.repeat(600)}`, {}, 414],
        ['/api/v1/alerts', { method: 'DELETE' }, 405],
        ['/api/v1/services', { method: 'OPTIONS' }, 204],
        ['/api/v1/alerts', { method: 'POST', headers: typed(token), body }, 202],
        ['/api/v1/alerts', { method: 'POST', headers: typed(token), body: '{"labels":' }, 400],
        ['/api/v1/alerts', { method: 'POST', headers: typed('nobody'), body }, 401],
        ['/api/v1/alerts/alertmanager', { method: 'POST', headers: typed(token), body }, 403],
        ['/api/v1/services', { method: 'POST', headers: { ...typed(ADMIN_TOKEN), 'Content-Type': 'text/csv' }, body }, 415],
        ['/docs', {}, 401],
        ['/docs', bearer(ADMIN_TOKEN), 200],
        ['/docs-json', bearer(ADMIN_TOKEN), 200],
        ['/docs/swagger-ui-bundle.js', bearer(ADMIN_TOKEN), 200],
        ['/docs/no-such.js', bearer(ADMIN_TOKEN), 404],
      ]; // prettier-ignore
      for (const [path, sent, status] of asked) {
        const [plain, withTls] = [await ask(program, path, sent), await ask(closed, path, sent)];
        expect([path, sent.method, withTls.status]).toEqual([path, sent.method, status]);
        const isPage = withTls.headers['content-type']?.startsWith('text/html') === true;
        expect(isPage).toBe(path === '/docs' && status === 200);
        for (const { headers } of [plain, withTls])
          expect({ path, headers }).toMatchObject({
            headers: {
              'content-security-policy': isPage
                ? expect.stringMatching(/^default-src 'none'; script-src 'self'; .*frame-ancestors 'none'$/)
                : expect.stringMatching(
                    /^default-src 'none'; (script-src 'self'; .*)?frame-ancestors 'none'$/,
                  ),
              'x-content-type-options': 'nosniff',
              'referrer-policy': 'no-referrer',
              'cross-origin-resource-policy': 'same-origin',
              'cache-control': path.endsWith('bundle.js') ? expect.any(String) : 'no-store',
            },
          });
        expect(plain.headers['strict-transport-security']).toBeUndefined();
        expect(withTls.headers['strict-transport-security']).toBe('max-age=15768000');
      }
      // What it loads is its own: no script stands in the page itself.
      const { text } = await ask(closed, '/docs', bearer(ADMIN_TOKEN));
      expect(text.match(/<script[^>]*>\s*[^<\s]/g)).toBeNull();
    });

    it('who guesses behind a proxy is slowed alone; nobody else names an address', async () => {
      let guesses = 0;
      const paths = ['/api/v1/services', '/api/v1/alerts', '/docs', '/metrics'] as const;
      /** Guesses by every way in; the statuses of the last ones. */
      const guess = async (times: number, from: string, forwarded: () => string | string[]) => {
        const statuses = new Set<number>();
        for (let time = 0; time < times; time++) {
          const path = paths[time % paths.length]!;
          const method = path === '/api/v1/alerts' ? 'POST' : 'GET';
          const headers = { ...bearer(`guess-${guesses++}`).headers, 'X-Forwarded-For': forwarded() };
          const { status } = await ask(closed, path, { method, from, headers, body: method === 'POST' ? '{}' : undefined });
          if (time >= times - paths.length) statuses.add(status);
        }
        return [...statuses];
      }; // prettier-ignore
      const noise = () => `198.51.100.${guesses % 250}, not an address, "><script>,::, 10.1.2.3`;

      expect(await guess(32, '127.0.0.2', () => '203.0.113.9')).toEqual([429]);
      // Whatever he writes before it, and over how many proxies it comes.
      expect(await guess(4, '127.0.0.2', () => `${noise()}, 203.0.113.9, 10.0.0.7`)).toEqual([429]);
      expect(await guess(4, '127.0.0.2', () => [noise(), '203.0.113.9:4711'])).toEqual([429]);
      // Others behind the same proxy are looked up, and so is the proxy itself.
      expect(await guess(4, '127.0.0.2', () => '203.0.113.10')).toEqual([401]);
      expect(await guess(4, '127.0.0.2', () => `203.0.113.9, ${'unknown'}`)).toEqual([401]);
      // Over IPv6 a network of 64 bits is one.
      expect(await guess(32, '127.0.0.2', () => `[2a00:1:2:3::${guesses}]:443, 2001:db8::1`)).toEqual([429]);
      expect(await guess(4, '127.0.0.2', () => '2a00:1:2:4::1')).toEqual([401]);
      // An address that is no proxy of ours is its own, whatever it says.
      expect(await guess(32, '127.0.0.3', () => `203.0.113.${guesses % 250}`)).toEqual([429]);
      expect(await guess(4, '127.0.0.4', () => '203.0.113.9')).toEqual([401]);
      const native = { method: 'POST', from: '127.0.0.3', body: '{"labels":{"a":"b"}}' };
      expect(await statusOf(closed, '/api/v1/alerts', { ...native, ...bearer(token) })).toBe(202);
    }, 30_000);

    it('a token in a query is in no answer and no line of the log', async () => {
      const inQuery = secret('hush-this-stands-in-a-query');
      const { status } = await ask(program, `/api/v1/alerts?token=${token}`, { method: 'POST', body: '{"labels":{"a":"b"}}' });
      expect(status).toBe(202);
      const post = { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"a":1}' };
      const asked: [string, Sent][] = [
        ['/nowhere', {}],
        ['/nowhere/%ZZ', {}],
        ['/api/v1/alerts', post],
        ['/api/v1/alerts', { ...post, body: '{' }],
        ['/api/v1/alerts', { method: 'DELETE' }],
        ['/api/v1/alerts/grafana', post],
        ['/api/v1/alerts/no-such-format', post],
        ['/api/v2/alerts', { ...post, headers: { 'Content-Type': 'text/csv' } }],
        ['/v2/enqueue', post],
        ['/v1/actions/process-check-result', post],
        ['/trap', { method: 'PUT' }],
        ['/api/v1/services', bearer(ADMIN_TOKEN)],
        ['/api/v1/services/no-such', bearer(ADMIN_TOKEN)],
        ['/api/v1/alerts', bearer(ADMIN_TOKEN)],
        ['/api/v1/export', bearer(ADMIN_TOKEN)],
        ['/health/ready', {}],
        ['/metrics', {}],
        ['/docs/no-such', {}],
        ['/docs/%2e%2e/secret', {}],
      ];
      for (const one of [program, closed, bare])
        for (const [path, sent] of asked)
          for (const query of [`token=${inQuery}`, `x=%ZZ&token=${inQuery}`, `token=${inQuery}%00`, `token[]=${inQuery}`]) {
            const { text, headers } = await ask(one, `${path}?${query}`, sent);
            expect([path, text + JSON.stringify(headers)]).toEqual([path, expect.not.stringContaining(inQuery)]);
          }
      // What was printed and what is kept is looked through when the world ends.
    }, 30_000); // prettier-ignore
  });
});
