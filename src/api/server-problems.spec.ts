import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import Fastify from 'fastify';
import { securityHeaders } from './security-headers';
import { answerClosing, answerFaults, refuse } from './server-problems';

let server: Server;
beforeEach(async () => {
  server = createServer(
    { requestTimeout: 200, headersTimeout: 200, connectionsCheckingInterval: 50 },
    (_request, response) => response.write('begun\n'),
  );
  server.on('clientError', refuse);
  answerFaults(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function answerTo(...pieces: string[]): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk))).on('error', () => undefined);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  for (const piece of pieces) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await closed;
  return text;
}

test('a request that is never finished is answered 408', async () => {
  const text = await answerTo('GET / HTTP/1.1\r\nHost: a\r\n');
  expect(text).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  expect(text).toMatch(/"status":408,"detail":"The request did not arrive in time; send it again"/);
});

test('an answer that has begun is not mixed with another', async () => {
  const text = await answerTo('GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'GARBAGE\r\n\r\n');
  expect(text).toMatch(/begun/);
  expect(text).not.toMatch(/ 400 |problem/);
});

test('who goes on sending is let go', async () => {
  const begun = performance.now();
  const text = await answerTo('GARBAGE\r\n\r\n', ...Array.from({ length: 5 }, () => 'x'.repeat(1_000)));
  expect(text).toMatch(/^HTTP\/1.1 400 /);
  expect(text.match(/HTTP\/1.1/g)).toHaveLength(1);
  expect(performance.now() - begun).toBeLessThan(15_000);
});

test('what comes on a kept connection while it drains is told so, in problem+json', async () => {
  const app = Fastify({ return503OnClosing: false });
  app.addHook('onSend', securityHeaders);
  answerClosing(app, () => false);
  let release!: () => void;
  const begun = new Promise<void>((began) =>
    app.get('/', () => new Promise((resolve) => (began(), (release = () => resolve('in time'))))),
  );
  await app.listen({ port: 0, host: '127.0.0.1' });
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => (text += String(chunk)));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await begun;
  const closed = app.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => setTimeout(resolve, 50));
  release();
  await closed;
  await new Promise((resolve) => socket.once('close', resolve));
  const [first, second] = text.split(/(?<=in time)/);
  expect(first).toMatch(/^HTTP\/1.1 200 /);
  expect(second).toMatch(/^HTTP\/1.1 503 Service Unavailable\r\n/);
  expect(second).toMatch(/content-type: application\/problem\+json/);
  expect(second).toMatch(/x-content-type-options: nosniff/);
  expect(second).toMatch(/connection: close/i);
});
