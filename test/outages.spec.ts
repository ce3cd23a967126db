import Redis from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from './databases';
import { inBatches, until, World, type Answer, type Api, type MonscaleProcess } from './program';
import { TcpProxy } from './stand-ins/tcp-proxy';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 20_000;
/** Nobody waits for a Redis that is away: its commands are tried for 20 s. */
const SOON_MS = 12_000;
const ACCEPTED_BETWEEN_CUTS = 50;
const EXECUTIONS = { services: 20, actions: 20, all: 400 };

/** `cut`: connections end and none is made; `silence`: nothing comes any more, as when a network is gone. */
const WAYS = ['cut', 'silence'] as const;

const alertOnly = (name: string, actions: string[]) => ({
  name,
  metrics: { outage: { type: 'alert', params: { match: { host: name } } } },
  condition: 'outage > 0',
  wisdomSeconds: 600,
  actions,
});

const timed = async (work: Promise<Answer>): Promise<Answer & { tookMs: number }> => {
  const begin = performance.now();
  return { ...(await work), tookMs: performance.now() - begin };
};

/** A program with a proxy before each of its servers, a polled service, and one that alerts feed for each way. */
class Setting {
  private constructor(
    readonly world: World,
    readonly sink: WebhookSink,
    readonly postgres: TcpProxy,
    readonly redis: TcpProxy,
    readonly program: MonscaleProcess,
  ) {}

  static async create(): Promise<Setting> {
    const world = await World.create();
    const sink = new WebhookSink();
    const postgres = new TcpProxy(world.databaseUrl);
    const redis = new TcpProxy(world.redisUrl);
    const [url, databaseUrl, redisUrl] = await Promise.all([sink.start(), postgres.start(), redis.start()]);
    const program = await world.start('all', { databaseUrl, redisUrl });
    const { api } = program;
    const list = { url: (await testRedisUrl()).redisUrl, key: 'x' };
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
    });
    await api.create('/services', {
      name: 'polled',
      intervalSeconds: 1,
      metrics: { waiting: { type: 'redis_list_length', params: list } },
      condition: 'waiting > 0',
    });
    for (const way of WAYS) await api.create('/services', alertOnly(way, ['tell']));
    return new Setting(world, sink, postgres, redis, program);
  }

  get api(): Api {
    return this.program.api;
  }

  told(service: string) {
    return this.sink.requests.filter(({ path }) => path === `/${service}`);
  }

  ready(): Promise<Answer> {
    return this.program.root.get('/health/ready');
  }

  /** Moments of the readings there are. */
  async readings(): Promise<number[]> {
    const { points } = (await this.api.get('/services/polled/samples')).body;
    return points.map(([at]: [string]) => Date.parse(at));
  }

  async end(): Promise<void> {
    await this.world.end();
    await Promise.all([this.postgres.stop(), this.redis.stop(), this.sink.stop()]);
  }
}

describe('an outage', () => {
  const toEnd: { end(): Promise<unknown> }[] = [];

  afterAll(() => Promise.all(toEnd.map((one) => one.end())));

  async function setUp(): Promise<Setting> {
    const setting = await Setting.create();
    toEnd.push(setting);
    return setting;
  }

  it.concurrent(
    `Redis loses all in the midst of ${EXECUTIONS.all} executions: each ends, and none is done twice`,
    async () => {
      const sink = new WebhookSink();
      const world = await World.create();
      toEnd.push(world, { end: () => sink.stop() });
      const url = await sink.start();
      const { api } = await world.start();
      const actions = Array.from({ length: EXECUTIONS.actions }, (_, index) => `tell-${index}`);
      await inBatches(actions, 8, (name) =>
        api.create('/actions', { name, type: 'webhook', params: { url } }),
      );
      const hosts = Array.from({ length: EXECUTIONS.services }, (_, index) => `host-${index}`);
      await inBatches(hosts, 8, (host) => api.create('/services', alertOnly(host, actions)));
      sink.always = { delayMs: 50 };
      await api.post(
        '/alerts',
        hosts.map((host) => ({ labels: { host } })),
      );

      await until(() => sink.requests.length > 100, WAIT_MS);
      const redis = new Redis(world.redisUrl);
      await redis.flushdb();
      redis.disconnect();
      expect(sink.deeds).toBeLessThan(EXECUTIONS.all);

      const succeeded = () => api.all('/executions?status=succeeded');
      await until(async () => (await succeeded()).length === EXECUTIONS.all, 60_000);
      await sleep(3_000);
      expect(await api.all('/executions')).toHaveLength(EXECUTIONS.all);
      expect([sink.requests.length, sink.deeds]).toEqual([EXECUTIONS.all, EXECUTIONS.all]);
    },
    120_000,
  );

  it.concurrent(
    'Redis loses what was to be done for a new service: it is evaluated all the same, by the alert that lives',
    async () => {
      const sink = new WebhookSink();
      const world = await World.create();
      toEnd.push(world, { end: () => sink.stop() });
      const url = await sink.start();
      const { api } = await world.start('api,scheduler');
      await api.create('/actions', { name: 'tell', type: 'webhook', params: { url } });
      const worker = await world.start('worker');
      await api.post('/alerts', { labels: { host: 'late' } });
      await until(
        async () => (await world.rows('SELECT FROM alerts WHERE processed = revision')).length === 1,
        WAIT_MS,
      );
      await worker.stop();
      await api.create('/services', alertOnly('late', ['tell']));
      const redis = new Redis(world.redisUrl);
      await redis.flushdb();
      redis.disconnect();

      await world.start('worker');
      await until(() => sink.deeds === 1, WAIT_MS);
      const changed = () => world.rows('SELECT FROM changed_services');
      await until(async () => (await changed()).length === 0, WAIT_MS);
    },
    60_000,
  );

  it.concurrent(
    'PostgreSQL is away: what needs it is answered 503 for now, polls wait, and all goes on by itself',
    async () => {
      const setting = await setUp();
      const { api, postgres, program } = setting;
      for (const way of WAYS) {
        await until(async () => (await setting.readings()).length > 0, WAIT_MS);
        const awayAt = Date.now();
        postgres[way]();
        await until(async () => (await setting.ready()).body.checks.database.status === 'down', WAIT_MS);
        expect((await setting.ready()).status).toBe(503);
        expect((await program.root.get('/health/live')).status).toBe(200);

        const answers = await Promise.all([
          timed(api.post('/alerts', { labels: { host: way } })),
          timed(api.get('/services')),
          timed(api.as('some-token').get('/services')),
        ]);
        for (const answer of answers) {
          expect(answer).toMatchObject({ status: 503, body: { status: 503, title: 'Service Unavailable' } });
          expect(answer.headers.get('content-type')).toContain('application/problem+json');
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
          expect(answer.tookMs).toBeLessThan(28_000);
        }
        const backAt = Date.now();
        postgres.restore();
        await until(async () => (await setting.ready()).status === 200, WAIT_MS);

        expect((await api.post('/alerts', { labels: { host: way } })).status).toBe(202);
        await until(() => setting.told(way).length === 1, WAIT_MS);
        await until(async () => (await setting.readings()).some((at) => at > backAt), WAIT_MS);
        const meanwhile = (await setting.readings()).filter(
          (at) => at > awayAt + 1_000 && at < backAt - 1_000,
        );
        expect(meanwhile).toEqual([]);
      }
    },
    120_000,
  );

  it.concurrent(
    'PostgreSQL breaks off in the midst of work, again and again: the program lives, and keeps what it accepted',
    async () => {
      const { api, postgres, program, world } = await setUp();
      const accepted: string[] = [];
      let isOver = false;
      const sender = async (_: unknown, number: number) => {
        for (let count = 0; !isOver; count++) {
          const { status, body } = await api.post('/alerts', { labels: { of: `${number}-${count}` } });
          if (status === 202) accepted.push(body.accepted[0].id);
          else expect(status).toBe(503);
        }
      };
      const senders = Promise.all(Array.from({ length: 12 }, sender));
      const cutting = async () => {
        for (let cuts = 0; cuts < 6; cuts++) {
          const before = accepted.length;
          await until(() => accepted.length >= before + ACCEPTED_BETWEEN_CUTS, WAIT_MS);
          postgres.cut();
          await sleep(200);
          postgres.restore();
        }
      };
      const cut = cutting().finally(() => (isOver = true));
      await Promise.all([cut, senders]).catch((cause: unknown) => {
        throw new Error(`it said: ${program.output.slice(-2_000)}`, { cause });
      });
      const kept = await world.rows('SELECT id FROM alerts WHERE id = ANY($1)', [accepted]);
      expect(kept).toHaveLength(accepted.length);
    },
    120_000,
  );

  it.concurrent(
    'Redis is away: what one process does alone it does, and what goes over queues is done when it is back',
    async () => {
      const setting = await setUp();
      const { api, redis } = setting;
      for (const way of WAYS) {
        redis[way]();
        await until(async () => (await setting.ready()).body.checks.redis.status === 'down', WAIT_MS);
        const taken = await timed(api.post('/alerts', { labels: { host: way } }));
        expect(taken.status).toBe(202);
        expect(taken.tookMs).toBeLessThan(SOON_MS);
        await until(() => setting.told(way).length === 1, WAIT_MS);
        const saved = await timed(api.patch('/services/polled', { description: way }));
        expect(saved.status).toBe(200);
        expect(saved.tookMs).toBeLessThan(SOON_MS);
        const ended = await timed(api.post('/alerts', { labels: { host: way }, status: 'resolved' }));
        expect(ended.status).toBe(202);
        expect(ended.tookMs).toBeLessThan(SOON_MS);
        const isInAlarm = async () => (await api.get(`/services/${way}/state`)).body.phase === 'alarm';
        await sleep(2_000);
        expect(await isInAlarm()).toBe(true);

        redis.restore();
        await until(async () => !(await isInAlarm()), WAIT_MS);
        await until(async () => (await setting.ready()).status === 200, WAIT_MS);
        const [execution, ...others] = await api.all(`/executions?service=${way}`);
        expect(others).toEqual([]);
        expect(setting.told(way).map(({ headers }) => headers['idempotency-key'])).toEqual([
          execution.idempotencyKey,
        ]);
        const backAt = Date.now();
        await until(async () => (await setting.readings()).some((at) => at > backAt), WAIT_MS);
      }
    },
    120_000,
  );

  it.concurrent(
    'Redis is away for longer than its commands are tried, behind a proxy that takes connections for it',
    async () => {
      const setting = await setUp();
      setting.redis.cut();
      await until(async () => (await setting.ready()).body.checks.redis.status === 'down', WAIT_MS);
      // A command is given up after 20 tries, a second apart at most.
      await sleep(25_000);
      setting.redis.restore();
      await until(async () => (await setting.ready()).status === 200, WAIT_MS);
      const backAt = Date.now();
      await until(async () => (await setting.readings()).some((at) => at > backAt), WAIT_MS);
    },
    90_000,
  );

  it.concurrent(
    'the program stops in time while both are away',
    async () => {
      const setting = await setUp();
      setting.postgres.cut();
      setting.redis.cut();
      const begin = performance.now();
      const code = await setting.program.stop();
      // What it said tells why, when it is not 0.
      expect({ code, said: code === 0 ? '' : setting.program.output.slice(-2_000) }).toEqual({
        code: 0,
        said: '',
      });
      expect(performance.now() - begin).toBeLessThan(35_000);
    },
    90_000,
  );
});
