/** Targets that speak wrong: what they cost themselves, and what they cost others. */
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import { registry } from '../../common/telemetry';
import { startWrongPostgres, startWrongRedis, type NonsenseServer } from '../../../test/stand-ins/nonsense';
import { PG, REDIS } from '../../../test/stand-ins/nonsense-answers';
import { createTestDatabase, testRedisUrl } from '../../../test/databases';
import type { Answer } from './messages';
import { TargetReader, type Asking } from './target-reader';

/** Time for readings that are sure to come: a busy machine starts a process in many seconds. */
const SURELY_MS = 60_000;
/** What the two ends of a connection may hold without anybody having read it. */
const BYTES_AT_MOST = 12_000_000;

const servers: NonsenseServer[] = [];
const keep = async (starting: Promise<NonsenseServer>): Promise<NonsenseServer> => {
  const server = await starting;
  servers.push(server);
  return server;
};
let database: { databaseUrl: string; drop(): Promise<void> };
let redis: { redisUrl: string; release(): Promise<void> };

beforeAll(async () => {
  Logger.overrideLogger(false);
  [database, redis] = await Promise.all([createTestDatabase(), testRedisUrl()]);
}, 30_000);
afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
  await Promise.all([database?.drop(), redis?.release()]);
});

const digestOf = (url: string) => Buffer.from(url).toString('base64url').padEnd(43, '_').slice(-43);

function read(reader: TargetReader, url: string, timeoutMs: number): Promise<Answer> {
  const isSql = url.startsWith('postgres');
  const asks = [isSql ? 'SELECT 0' : 'waiting'];
  const asking: Asking = {
    protocol: isSql ? 'sql' : 'redis',
    target: digestOf(url),
    where: new URL(url).host,
    url,
    asks,
    timeoutMs,
  };
  return reader
    .read(asking, AbortSignal.timeout(timeoutMs + 500))
    .catch((error: Error) => [{ error: error.message }]);
}

const total = async (name: string): Promise<number> => {
  const { values } = await registry.getSingleMetric(name)!.get();
  return values.reduce((sum, { value }) => sum + value, 0);
};
const allIn = async (text: Promise<string>, patterns: readonly RegExp[]): Promise<boolean> => {
  const found = await text;
  return patterns.every((pattern) => pattern.test(found));
};
const endedProcesses = () => total('monscale_reader_restarts_total');

describe('a target that speaks wrong', () => {
  const reader = new TargetReader();
  const good = () =>
    Promise.all([database.databaseUrl, redis.redisUrl].map((url) => read(reader, url, SURELY_MS)));
  const GOOD = [[{ value: 0 }], [{ value: 0 }]];

  beforeAll(async () => expect(await good()).toEqual(GOOD), SURELY_MS);
  afterAll(() => reader.onApplicationShutdown());

  const cases: [name: string, start: () => Promise<NonsenseServer>, url: string][] = [
    ...PG.map(([name, when, nonsense]): (typeof cases)[number] => [
      `PostgreSQL: ${name}`,
      () => startWrongPostgres(when, nonsense),
      'postgres://u:p@127.0.0.1:PORT/d',
    ]),
    ...REDIS.map(([name, url, nonsense]): (typeof cases)[number] => [
      `Redis: ${name}`,
      () => startWrongRedis(nonsense),
      url,
    ]),
  ];

  it('has no number, ends no process, is not read on for ever, and holds up nobody', async () => {
    const wrong = await Promise.all(
      cases.map(async ([name, start, url]) => {
        const server = await keep(start());
        return { name, server, url: url.replace('PORT', String(server.port)) };
      }),
    );
    const told: string[] = [];
    const refused = () => registry.getSingleMetricAsString('monscale_answers_refused_total');
    const WHY = ['sql', 'redis'].flatMap((protocol) =>
      ['size', 'form'].map((why) => new RegExp(`protocol="${protocol}",reason="${why}"\\} [1-9]`)),
    );
    // Twice, and again while a busy machine has read too little of them in time.
    for (let poll = 0; poll < 2 || !(await allIn(refused(), WHY)); poll++) {
      expect(poll).toBeLessThan(10);
      // All of them at once, as in a poll.
      const reading = wrong.map(async ({ name, server, url }) => {
        const [reading] = await read(reader, url, 2_000);
        const much = server.sent() > BYTES_AT_MOST ? ` and took ${server.sent()} bytes` : '';
        return `${name}: ${JSON.stringify(reading)}${much}`;
      });
      expect(await good()).toEqual(GOOD);
      told.push(...(await Promise.all(reading)));
    }
    const isRight = (line: string) =>
      /: \{"error":"[^"]{5,}.*"\}$/.test(line) && !/Cannot|ERR_|undefined|argument/.test(line);
    expect(told.filter((line) => !isRight(line))).toEqual([]);
    expect(await endedProcesses()).toBe(0);
  }, 120_000);
});

/** Of libraries there are other versions, and faults that nobody has found yet. */
describe('a target whose answer breaks the process that reads it', () => {
  const { NODE_OPTIONS } = process.env;
  beforeAll(() => {
    process.env.NODE_OPTIONS = `-r ${join(__dirname, '../../../test/stand-ins/spoiled-library.cjs')}`;
  });
  afterAll(() => {
    if (NODE_OPTIONS === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = NODE_OPTIONS;
  });

  it.each(['loop', 'memory', 'later', 'abort'])(
    'by %s costs others a moment, and is not asked for a while',
    async (spoil) => {
      const reader = new TargetReader();
      // It stays aside for a while, which a busy machine may take to read the others.
      const clock = jest.spyOn(performance, 'now').mockReturnValue(1_000_000);
      const bad = await keep(startWrongRedis(`+spoil:${spoil}\r\n`));
      const badUrl = `redis://127.0.0.1:${bad.port}`;
      const goodUrls = [
        database.databaseUrl,
        ...[1, 2, 3].map((n) => redis.redisUrl.replace(/\d+$/, `${n}`)),
      ];
      const before = await endedProcesses();
      try {
        const readings = await Promise.all([badUrl, ...goodUrls].map((url) => read(reader, url, SURELY_MS)));
        const BROKE = {
          error: expect.stringMatching(/broke the process that read it: it is asked again in \d+ s$/),
        };
        expect(readings).toEqual([[BROKE], ...goodUrls.map(() => [{ value: 0 }])]);
        const ended = (await endedProcesses()) - before;
        expect(ended).toBeGreaterThanOrEqual(2);
        expect(ended).toBeLessThanOrEqual(4);
        expect(await total('monscale_targets_aside')).toBe(1);
        const connections = bad.made();
        const again = await Promise.all([badUrl, ...goodUrls].map((url) => read(reader, url, SURELY_MS)));
        expect(again).toEqual([[BROKE], ...goodUrls.map(() => [{ value: 0 }])]);
        expect(bad.made()).toBe(connections);
      } finally {
        clock.mockRestore();
        await reader.onApplicationShutdown();
      }
    },
    2 * SURELY_MS,
  );
});
