/** Senders that are nobody, or are somebody and send what nobody should. */
import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { json } from '../../nasty-json';
import { oneOf, upTo, type Mischief, type Stage } from './mischief';

const PATHS = [
  '/api/v1/alerts', '/api/v1/alerts/alertmanager', '/api/v1/alerts/grafana', '/api/v1/alerts/sns', '/api/v1/alerts/cloudevents',
  '/api/v1/alerts/pagerduty', '/api/v1/alerts/icinga', '/api/v1/alerts/zabbix', '/api/v1/alerts/auto', '/api/v2/alerts', '/trap',
  '/api/v1/services', '/api/v1/import', '/nowhere',
]; // prettier-ignore

/** One connection that sends what it is told and reads what comes, until it is closed or its time is over. */
async function raw(
  { front }: Stage,
  speak: (socket: Socket) => Promise<void>,
  lifeMs: number,
): Promise<void> {
  const socket = connect(front.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  void speak(socket).catch(() => undefined);
  await Promise.race([closed, sleep(lifeMs)]);
  socket.destroy();
}

const head = (path: string, headers: Record<string, string | number>): string =>
  `POST ${path} HTTP/1.1\r\nHost: monscale\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;

/** A hundred times what is sent, when it is inflated. */
const BOMB = gzipSync(Buffer.alloc(7_000_000, 0x20));

const bombs: Mischief = {
  name: 'bodies that inflate, without a token',
  play: async (stage) => {
    const headers = {
      'Content-Type': 'application/json',
      'Content-Encoding': 'gzip',
      'Content-Length': BOMB.length,
    };
    await Promise.all(
      Array.from({ length: 60 }, () =>
        raw(
          stage,
          async (socket) =>
            void socket.write(Buffer.concat([Buffer.from(head(oneOf(stage.random, PATHS), headers)), BOMB])),
          5_000,
        ),
      ),
    );
  },
};

const slowBodies: Mischief = {
  name: 'large bodies that come slowly',
  play: async (stage) => {
    const isKnown = stage.random() < 0.5;
    const headers = {
      'Content-Type': 'application/json',
      'Content-Length': 2_000_000,
      ...(isKnown ? { Authorization: `Bearer ${stage.sourceToken}` } : {}),
    };
    const piece = Buffer.alloc(100_000, 0x20);
    const speak = async (socket: Socket): Promise<void> => {
      socket.write(head('/api/v1/alerts', headers));
      for (let n = 0; n < 19 && !socket.destroyed; n++) {
        socket.write(piece);
        await sleep(400);
      }
    };
    await Promise.all(Array.from({ length: 100 }, () => raw(stage, speak, 8_000)));
  },
};

const idleConnections: Mischief = {
  name: 'connections that say nothing',
  play: async (stage) => {
    const speak = (): Promise<void> => Promise.resolve();
    await Promise.all(Array.from({ length: 300 }, () => raw(stage, speak, 6_000)));
  },
};

const guesses: Mischief = {
  name: 'guesses of tokens',
  play: async ({ front, random }) => {
    for (let n = 0; n < 50; n++) {
      const guess = Array.from({ length: 32 }, () => upTo(random, 16).toString(16)).join('');
      await front.root.as(guess).post(oneOf(random, PATHS), { labels: { kind: 'good', key: 'guessed' } });
    }
  },
};

const nonsense: Mischief = {
  name: 'nonsense of a source that may send',
  play: async ({ front, random, sourceToken }) => {
    const bodies = fc.sample(json, { seed: upTo(random, 2 ** 31), numRuns: 100 });
    for (const body of bodies) {
      const api = random() < 0.5 ? front.root : front.root.as(sourceToken);
      const { status } = await api.post(oneOf(random, PATHS), JSON.stringify(body) ?? '', {
        'Content-Type': 'application/json',
      });
      if (status >= 500 && status !== 503)
        throw new Error(`${status} to ${JSON.stringify(body)?.slice(0, 300)}`);
    }
  },
};

const brokenHttp: Mischief = {
  name: 'what is no HTTP',
  play: async (stage) => {
    const { random } = stage;
    const messages = [
      'GET / HTTP/9.9\r\n\r\n',
      'POST /api/v1/alerts HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
      'POST /api/v1/alerts HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\n12345',
      `GET /${'a'.repeat(60_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 3_000 }, (_, n) => `h${n}: 1\r\n`).join('')}\r\n`,
      'CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: x\r\n\r\n',
      'GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
      Buffer.from(Array.from({ length: 500 }, () => upTo(random, 256))).toString('latin1'),
    ];
    await Promise.all(
      Array.from({ length: 40 }, () =>
        raw(stage, async (socket) => void socket.end(Buffer.from(oneOf(random, messages), 'latin1')), 3_000),
      ),
    );
  },
};

const datagrams: Mischief = {
  name: 'datagrams that are no notifications',
  play: async ({ front, random }) => {
    const socket = createSocket('udp4');
    for (let n = 0; n < 2_000; n++) {
      const bytes = Array.from({ length: upTo(random, 1_400) }, () => upTo(random, 256));
      // Begins as a message of version 2c with the community "public" does.
      if (random() < 0.5) bytes.splice(0, 11, 0x30, 0x40, 2, 1, 1, 4, 6, 0x70, 0x75, 0x62, 0x6c);
      socket.send(Buffer.from(bytes), front.port, '127.0.0.1');
      if (n % 100 === 99) await sleep(20);
    }
    socket.close();
  },
};

export const SENDERS = [bombs, slowBodies, idleConnections, guesses, nonsense, brokenHttp, datagrams];
