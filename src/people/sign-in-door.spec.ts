import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readBody } from '../api/body';
import { TooManyRequests } from '../common/errors';
import type { Config } from '../config/config';
import type { SignIn } from './sign-in';
import { SignInDoor } from './sign-in-door';

const ROOM = { grow: () => undefined, end: () => undefined };
const RIGHT = JSON.stringify({ username: 'anna', password: 'a password' });

/** Refuses everybody but bert; what the framework gets, and the body that it reads, is answered 200. */
const refusalOf = jest.fn((name: string) =>
  name === 'bert' ? undefined : Promise.resolve(new TooManyRequests('too many failures', 60)),
);
const door = new SignInDoor({ refusalOf } as unknown as SignIn, {} as Config);
const framework: RequestListener = (request, response) =>
  void readBody(request, response, 16_384, ROOM).then((body) =>
    response.end(`framework: ${body.toString()}`),
  );
const server = createServer((request, response) => {
  if (!door.takes(request, response, framework)) framework(request, response);
});
let port: number;

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => server.close());
beforeEach(() => refusalOf.mockClear());

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
}

async function send(parts: string[], { method = 'POST', path = '/api/v1/session', headers }: Sent = {}) {
  const length = String(Buffer.byteLength(parts.join('')));
  const given = { 'content-type': 'application/json', 'content-length': length, ...headers };
  const request = httpRequest({ port, method, path, headers: given, agent: false });
  const answered = once(request, 'response');
  for (const part of parts) {
    request.write(part);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  request.end();
  const [response] = (await answered) as [IncomingMessage];
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode, headers: response.headers, text };
}

test('a password that need not be looked at is refused without the framework, in the form of every refusal', async () => {
  const { status, headers, text } = await send([RIGHT]);
  expect(status).toBe(429);
  expect(headers).toMatchObject({
    'content-type': 'application/problem+json; charset=utf-8',
    'retry-after': '60',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  expect(JSON.parse(text)).toEqual({
    type: 'about:blank',
    title: 'Too Many Requests',
    status: 429,
    detail: 'too many failures',
  });
  expect(refusalOf).toHaveBeenCalledWith('anna', expect.objectContaining({ url: '/api/v1/session' }));
});

test('whose password must be looked at goes to the framework with the whole body, however it came', async () => {
  const body = JSON.stringify({ username: 'bert', password: 'a password' });
  expect((await send([body])).text).toBe(`framework: ${body}`);
  expect((await send([body.slice(0, 9), body.slice(9)])).text).toBe(`framework: ${body}`);
  expect((await send([RIGHT.slice(0, 9), RIGHT.slice(9)])).status).toBe(429);
});

test.each<[string, string, Sent]>([
  ['is no JSON', '{"username": ', {}],
  ['lacks the password', '{"username": "anna"}', {}],
  ['has a field too many', '{"username": "anna", "password": "p", "more": 1}', {}],
  ['is of another type', RIGHT, { headers: { 'content-type': 'text/plain' } }],
  ['is in another charset', RIGHT, { headers: { 'content-type': 'application/json; charset=latin1' } }],
  ['comes from another site', RIGHT, { headers: { 'sec-fetch-site': 'cross-site' } }],
  ['is of another route', RIGHT, { path: '/api/v1/sessions' }],
  ['is of another method', RIGHT, { method: 'PUT' }],
])('what %s is for the framework to answer', async (_what, body, sent) => {
  expect((await send([body], sent)).text).toBe(`framework: ${body}`);
  expect(refusalOf).not.toHaveBeenCalled();
});

test('a body that is too large is refused before it is read', async () => {
  const { status } = await send([JSON.stringify({ username: 'anna', password: 'x'.repeat(20_000) })]);
  expect(status).toBe(413);
  expect(refusalOf).not.toHaveBeenCalled();
});
