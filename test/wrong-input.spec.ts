import { connect } from 'node:net';
import { seeded } from './campaigns/seeded';
import { inBatches, World, type Answer, type Json, type MonscaleProcess } from './program';
import { DEFINITIONS, wrongRequests, type Request } from './wrong-input';

/** Of some 40,000; `EVERY=1` sends them all, which takes some minutes. */
const SENT = 1_200;
const AT_ONCE = 8;
/** Other systems' own shapes of refusals; those of alerts in an array name their index. */
const OTHER_SHAPES = /pagerduty|enqueue|create_event|process-check-result/;

let world: World;
let program: MonscaleProcess;
beforeAll(async () => {
  world = await World.create();
  program = await world.start('api');
}, 60_000);
afterAll(() => world?.end());

test('no body, path or query of the API ends in a 5xx, and each 400 says where it is wrong', async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
  const { body: document } = await program.root.get('/docs-json');
  const { body: mappings } = await program.api.get('/mappings');
  for (const [kind, definition] of DEFINITIONS) await program.api.create(`/${kind}`, definition);
  const all = wrongRequests(document, mappings);
  const random = seeded(seed);
  const share = process.env.EVERY ? 1 / Number(process.env.EVERY) : SENT / all.length;
  const wrong = new Map<string, string>();
  const sent: Record<number, number> = {};
  const send = async ({ method, path, body }: Request) => {
    const type = path.endsWith('/mibs') ? { 'Content-Type': 'text/plain' } : undefined;
    const given = body === undefined || method === 'GET' ? undefined : JSON.stringify(body);
    const answer = await program.root.send(method, path, given, type);
    sent[answer.status] = (sent[answer.status] ?? 0) + 1;
    const fault = faultOf(path, answer);
    if (fault !== undefined)
      wrong.set(`${method} ${path.slice(0, 120)}: ${fault}`, String(given).slice(0, 1_000));
  };
  await inBatches(
    all.filter(() => random() < share),
    AT_ONCE,
    send,
  );
  // The seed is shown when it fails: SEED=… sends the same again.
  expect({ seed, wrong: [...wrong] }).toEqual({ seed, wrong: [] });
  expect(sent[200]).toBeGreaterThan(50);
  expect(sent[400]).toBeGreaterThan(200);
}, 500_000);

/** What is not as it is promised of an answer to something wrong. */
function faultOf(path: string, { status, body }: Answer): string | undefined {
  if (status >= 500) return `${status} ${JSON.stringify(body).slice(0, 300)}`;
  if (status !== 400 || OTHER_SHAPES.test(path)) return undefined;
  const errors: Json[] = body.errors ?? [];
  const isTold = errors.every(({ pointer, detail }) => /^(\/|$)/.test(pointer) && /\S/.test(detail));
  return errors.length > 0 && isTold
    ? undefined
    : `400 without a place: ${JSON.stringify(body).slice(0, 300)}`;
}

/** What comes back for bytes on a connection of their own, until it is closed or nothing came for long. */
async function exchange(bytes: string): Promise<{ head: string; body: Json; isClosed: boolean }> {
  const socket = connect(program.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString('latin1'))).on('error', () => undefined);
  socket.setTimeout(3_000, () => socket.destroy());
  socket.write(bytes, 'latin1');
  const isClosed = await new Promise<boolean>((resolve) => {
    socket.on('end', () => resolve(true)).on('close', () => resolve(false));
  });
  socket.destroy();
  const [head = '', body = ''] = text.split('\r\n\r\n');
  return { head, body: body.startsWith('{') ? JSON.parse(body) : body, isClosed };
}

const HOST = 'Host: a\r\n';
const POST = `POST /api/v1/actions HTTP/1.1\r\n${HOST}Content-Type: application/json\r\n`;
test.each([
  ['nonsense', 'GARBAGE\r\n\r\n', 400, /no HTTP request/],
  ['an unknown method', `FOO / HTTP/1.1\r\n${HOST}\r\n`, 400, /method/],
  ['an unknown version', `GET / HTTP/9.9\r\n${HOST}\r\n`, 400, /version/],
  ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, /no HTTP request/],
  ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400, /without TLS/],
  ['no host', 'GET /health/live HTTP/1.1\r\n\r\n', 400, /Host/],
  ['large headers', `GET / HTTP/1.1\r\n${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`, 431, /16 kB/],
  ['many headers', `GET / HTTP/1.1\r\n${HOST}${'X-Many: 12\r\n'.repeat(3_000)}\r\n`, 431, /16 kB/],
  ['a length in words', `${POST}Content-Length: two\r\n\r\n`, 400, /Content-Length/],
  ['a negative length', `${POST}Content-Length: -1\r\n\r\n`, 400, /Content-Length/],
  ['an endless length', `${POST}Content-Length: ${'9'.repeat(30)}\r\n\r\n`, 400, /Content-Length/],
  ['two lengths', `${POST}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}`, 400, /Content-Length/],
  ['length and chunks', `${POST}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400, /Content-Length|Transfer-Encoding/],
  ['an unknown encoding of transfer', `${POST}Transfer-Encoding: gzip\r\n\r\nabc`, 400, /Transfer-Encoding/],
  ['a chunk without a size', `${POST}Transfer-Encoding: chunked\r\n\r\nZZ\r\nabc\r\n`, 400, /chunk/],
  ['a NUL in a header', `GET / HTTP/1.1\r\n${HOST}X: a\0b\r\n\r\n`, 400, /header/],
  ['an expectation', `${POST}Expect: the-unexpected\r\nContent-Length: 2\r\n\r\n{}`, 417, /100-continue/],
  ['CONNECT', 'CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\n\r\n', 405, /no proxy/],
])('%s is answered by problem+json, and the connection closed', async (_, bytes, status, detail) => {
  const { head, body, isClosed } = await exchange(bytes);
  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toMatch(/content-type: application\/problem\+json/i);
  expect(head).toMatch(/x-content-type-options: nosniff/i);
  expect(head).toMatch(/content-security-policy: default-src 'none'; frame-ancestors 'none'/i);
  expect(body).toMatchObject({ type: 'about:blank', status, detail: expect.stringMatching(detail) });
  expect(isClosed).toBe(true);
}); // prettier-ignore

test.each([
  ['GET', '/%ZZ', 400, /percent/],
  ['GET', '/api/v1/actions/%ZZ', 400, /percent/],
  ['GET', `/api/v1/actions/${'a'.repeat(600)}`, 414, /longer/],
  ['GET', '/nothing', 404, /nothing at \/nothing;/],
  ['GET', '/api/v1/nothing?token=hush-query', 404, /nothing at \/api\/v1\/nothing;/],
  ['GET', '//', 404, /nothing at/],
  ['DELETE', '/api/v1/actions', 405, /GET, HEAD, POST/],
  ['PUT', '/api/v1/services/x/state', 405, /GET, HEAD/],
  ['PATCH', '/health/live', 405, /GET, HEAD/],
  ['GET', '/trap', 405, /PUT/],
  ['PROPFIND', '/api/v1/actions/x', 405, /DELETE, GET, HEAD, PATCH, PUT/],
])('%s %.40s is answered by problem+json: %d', async (method, path, status, detail) => {
  const { headers, body, ...answer } = await program.root.send(method, path);
  expect({ ...answer, type: headers.get('content-type') }).toEqual({
    status,
    type: 'application/problem+json; charset=utf-8',
  });
  expect(body).toMatchObject({ status, detail: expect.stringMatching(detail) });
  expect(JSON.stringify(body)).not.toContain('hush-query');
  if (status === 405) expect(headers.get('allow')).toMatch(detail);
});

test.each([
  ['no JSON', '{"a": ', /is no JSON/],
  ['half a surrogate pair', '{"name": "\\ud800"}', /surrogate/],
  ['a name that reaches for a prototype', '{"labels": {"__proto__": 1}}', /no name that is taken/],
  ['very deep', '['.repeat(200_000) + ']'.repeat(200_000), /object|deep/],
])('a body that is %s is a 400 that says where', async (_, text, detail) => {
  const { status, body } = await program.api.post('/actions', text);
  expect(status).toBe(400);
  expect(body.errors).toMatchObject([{ pointer: expect.any(String), detail: expect.stringMatching(detail) }]);
});

test('OPTIONS names the methods of a path, HEAD is GET without its body', async () => {
  const { status, headers } = await program.root.as(undefined).send('OPTIONS', '/api/v1/actions/x');
  expect([status, headers.get('allow')]).toEqual([204, 'DELETE, GET, HEAD, PATCH, PUT']);
  const { head, body } = await exchange(`HEAD /health/live HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
  expect(head).toMatch(/^HTTP\/1.1 200 /);
  expect(body).toBe('');
});
