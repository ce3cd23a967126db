/** Targets that answer wrong, too much, too slowly or never, in each protocol. */
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { startWrongPostgres, startWrongRedis } from '../../stand-ins/nonsense';
import { PG, REDIS } from '../../stand-ins/nonsense-answers';
import { startUdp } from '../../stand-ins/snmp-agents';
import { oneOf, upTo, type Mischief, type Stage } from './mischief';

const LIFE_MS = 8_000;
const AT_ONCE = 6;

interface Metric {
  type: string;
  params: object;
}

/** Services that read these every second for a while, and are gone then. */
async function watched({ front, random }: Stage, metrics: readonly Metric[]): Promise<void> {
  const names: string[] = [];
  for (const metric of metrics) {
    const name = `hostile-${upTo(random, 1e9)}`;
    const { status } = await front.api.post('/services', {
      name,
      intervalSeconds: 1,
      metrics: { value: { ...metric, timeoutSeconds: 1 } },
      condition: 'value > 1',
    });
    if (status >= 500) throw new Error(`${status} to a service of ${metric.type}`);
    if (status === 201) names.push(name);
  }
  await sleep(LIFE_MS);
  for (const name of names) {
    const { status, body } = await front.api.get(`/services/${name}/state`);
    if (status === 200 && body.phase === 'ok' && body.values.value?.error !== undefined)
      throw new Error(`${name} is ok and blind`);
    await front.api.delete(`/services/${name}`);
  }
}

const databases: Mischief = {
  name: 'databases that answer wrong',
  play: async (stage) => {
    const chosen = Array.from({ length: AT_ONCE }, () => oneOf(stage.random, PG));
    const servers = await Promise.all(chosen.map(([, when, nonsense]) => startWrongPostgres(when, nonsense)));
    const metrics = servers.map(({ port }) => ({
      type: 'sql_query',
      params: { url: `postgres://someone:password@127.0.0.1:${port}/db`, query: 'SELECT 1' },
    }));
    await watched(stage, metrics).finally(() => Promise.all(servers.map((one) => one.close())));
  },
};

const redises: Mischief = {
  name: 'Redis servers that answer wrong',
  play: async (stage) => {
    const chosen = Array.from({ length: AT_ONCE }, () => oneOf(stage.random, REDIS));
    const servers = await Promise.all(chosen.map(([, , nonsense]) => startWrongRedis(nonsense)));
    const metrics = servers.map(({ port }, index) => ({
      type: 'redis_list_length',
      params: { url: chosen[index]![1].replace('PORT', String(port)), key: 'x' },
    }));
    await watched(stage, metrics).finally(() => Promise.all(servers.map((one) => one.close())));
  },
};

const ok = (body: string | Buffer, ...headers: string[]): Buffer =>
  Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\n${[...headers, `Content-Length: ${body.length}`].join('\r\n')}\r\n\r\n`),
    Buffer.from(body),
  ]);

const DEEP = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
const WIDE = JSON.stringify({ a: Array.from({ length: 20_000 }, (_, n) => ({ name: `web-${n}`, b: n })) });

/** Inflates to 60 MB. Made once: making it for each request would keep this process from all else. */
const BOMB = gzipSync(Buffer.alloc(60_000_000, 0x20));

/** What an HTTP server says to whatever it is asked. */
const HTTP: ((socket: Socket) => void)[] = [
  (socket) => void socket.write(ok(BOMB, 'Content-Encoding: gzip')),
  (socket) => void socket.write(ok(DEEP)),
  (socket) => void socket.write(ok(WIDE)),
  (socket) => void socket.write(ok(WIDE.slice(0, -1))),
  (socket) => void socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n'),
  (socket) => void socket.write(`HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(20_000)}`),
  (socket) => void socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\nx'),
  (socket) =>
    void socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n'),
  (socket) => void socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(10_000)),
  (socket) =>
    void socket.write(`HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n`),
  (socket) => void socket.write(Buffer.alloc(1_000_000, 0xff)),
  (socket) => void socket.write(ok('<a>'.repeat(100_000))),
  (socket) =>
    void socket.write(
      ok('<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><x>&b;&b;</x>'),
    ),
  (socket) => socket.resetAndDestroy(),
  (socket) => void socket.end(),
  () => undefined,
  (socket) => {
    const drip = setInterval(() => socket.write('H'), 200);
    socket.on('close', () => clearInterval(drip));
  },
];

async function startWrongHttp(speak: (socket: Socket) => void): Promise<{ url: string; close(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', () => speak(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

const webServers: Mischief = {
  name: 'web servers that answer wrong',
  play: async (stage) => {
    const { random } = stage;
    const servers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => startWrongHttp(oneOf(random, HTTP))),
    );
    const metrics = servers.map(({ url }): Metric =>
      oneOf(random, [
        { type: 'http_status', params: { url, followRedirects: true } },
        { type: 'http_content', params: { url, matches: '(a|b|ab)*c' } },
        { type: 'http_json', params: { url, path: '$..a[?match(@.name, ".*web-.*")].b' } },
        { type: 'http_json', params: { url, path: '$..*[?search(@..name, "(w|e|b)*x")]' } },
        { type: 'prometheus_query', params: { url, query: 'up' } },
        { type: 'cloudforms_vms', params: { url, username: 'x', password: 'y', tag: 'a/b' } },
      ]),
    );
    await watched(stage, metrics).finally(() => servers.forEach((one) => one.close()));
  },
};

const receivers: Mischief = {
  name: 'receivers of webhooks that answer wrong',
  play: async (stage) => {
    const { front, random } = stage;
    const server = await startWrongHttp(oneOf(random, HTTP));
    const name = `hostile-${upTo(random, 1e9)}`;
    try {
      await front.api.post('/actions', {
        name,
        type: oneOf(random, ['webhook', 'webhook', 'slack']),
        params: { url: server.url },
        timeoutSeconds: 2,
        retry: { attempts: 2, backoffSeconds: 1 },
      });
      await front.api.post('/services', {
        name,
        metrics: { value: { type: 'alert', params: { match: { kind: name } } } },
        condition: 'value == 1',
        wisdomSeconds: 0,
        actions: [name],
      });
      for (let n = 0; n < 10; n++)
        await front.api.post('/alerts', { dedupKey: `${name}-${n}`, labels: { kind: name } });
      await sleep(LIFE_MS);
    } finally {
      server.close();
      await front.api.delete(`/services/${name}`);
      await front.api.delete(`/actions/${name}`);
    }
  },
};

const agents: Mischief = {
  name: 'SNMP agents that answer wrong',
  play: async (stage) => {
    const { random } = stage;
    const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => upTo(random, 256)));
    const servers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => {
        const kind = upTo(random, 4);
        return startUdp((message, sender, socket) => {
          const echo = Buffer.from(message);
          // As an answer, with some bytes changed.
          for (let n = 0; n < 4; n++) echo[upTo(random, echo.length)] = upTo(random, 256);
          const answer = [
            noise(upTo(random, 1_400)),
            echo,
            echo.subarray(0, upTo(random, echo.length)),
            noise(60_000),
          ][kind]!;
          for (let n = 0; n < (kind === 1 ? 50 : 1); n++)
            socket.send(answer, sender.port, sender.address, () => undefined);
        });
      }),
    );
    const metrics = servers.map(({ port }) => ({
      type: 'snmp_oid',
      params:
        random() < 0.5
          ? { host: '127.0.0.1', port, oid: '1.3.6.1.2.1.1.7.0' }
          : {
              host: '127.0.0.1',
              port,
              oid: '1.3.6.1.2.1.1.7.0',
              version: '3',
              v3: { user: 'x', level: 'authNoPriv', authProtocol: 'sha', authKey: 'longenough' },
            },
    }));
    await watched(stage, metrics).finally(() => Promise.all(servers.map((one) => one.close())));
  },
};

export const TARGETS = [databases, redises, webServers, receivers, agents];
