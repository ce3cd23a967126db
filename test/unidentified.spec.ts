/** What somebody without a token costs: nothing is read, nothing is inflated, and everybody else is answered. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ADMIN_TOKEN, Api, type Answer, secret, World, type MonscaleProcess } from './program';

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
    await sleep(13_000);
    expect(
      sockets.filter(isSlow).filter(({ readableEnded, destroyed }) => !readableEnded && !destroyed),
    ).toHaveLength(0);
    sockets.forEach((socket) => socket.destroy());
    expect((await program.root.get('/metrics')).body).toMatch(/monscale_http_body_bytes 0\n/);
  }, 40_000);

  it('guesses of tokens are slowed, and a right token is taken from the same address, also a new one', async () => {
    const guess = async (index: number) => {
      const api = new Api(`${program.url}/api/v1`, `guess-${index}`);
      return index % 2 ? api.get('/services') : api.post('/alerts', { labels: { a: 'b' } });
    };
    const statuses = [];
    let last: Answer | undefined;
    for (let index = 0; index < 60; index++) statuses.push((last = await guess(index)).status);
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
});
