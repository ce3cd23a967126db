import Redis from 'ioredis';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from './databases';
import { inBatches, until, World, type Answer, type Api, type MonscaleProcess } from './program';
import { TcpProxy } from './stand-ins/tcp-proxy';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 20_000;

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

describe('Redis loses all of its data', () => {
  const SERVICES = 20;
  const ACTIONS = 50;
  const sink = new WebhookSink();
  let world: World;

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  it(`in the midst of ${SERVICES * ACTIONS} executions: each ends, and none is done twice`, async () => {
    world = await World.create();
    const url = await sink.start();
    const { api } = await world.start();
    const actions = Array.from({ length: ACTIONS }, (_, index) => `tell-${index}`);
    await inBatches(actions, 8, (name) => api.create('/actions', { name, type: 'webhook', params: { url } }));
    const hosts = Array.from({ length: SERVICES }, (_, index) => `host-${index}`);
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
    const doneBefore = sink.deeds;
    expect(doneBefore).toBeLessThan(SERVICES * ACTIONS);

    const ended = () => api.all('/executions?status=succeeded');
    await until(async () => (await ended()).length === SERVICES * ACTIONS, 60_000);
    await sleep(3_000);
    expect(await api.all('/executions')).toHaveLength(SERVICES * ACTIONS);
    expect([sink.requests.length, sink.deeds]).toEqual([SERVICES * ACTIONS, SERVICES * ACTIONS]);
  }, 120_000);
});

describe('a server that the program needs', () => {
  const sink = new WebhookSink();
  let world: World;
  let postgres: TcpProxy;
  let redis: TcpProxy;
  let program: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    postgres = new TcpProxy(world.databaseUrl);
    redis = new TcpProxy(world.redisUrl);
    const [url, databaseUrl, redisUrl] = await Promise.all([sink.start(), postgres.start(), redis.start()]);
    program = await world.start('all', { databaseUrl, redisUrl });
    ({ api } = program);
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
    });
    await api.create('/services', {
      name: 'polled',
      intervalSeconds: 1,
      metrics: {
        waiting: { type: 'redis_list_length', params: { url: (await testRedisUrl()).redisUrl, key: 'x' } },
      },
      condition: 'waiting > 0',
    });
    for (const name of ['postgres', 'postgres-silent', 'redis', 'redis-silent'])
      await api.create('/services', alertOnly(name, ['tell']));
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await Promise.all([postgres?.stop(), redis?.stop(), sink.stop()]);
  });

  const told = (service: string) => sink.requests.filter(({ path }) => path === `/${service}`);
  const ready = async () => (await program.root.get('/health/ready')).body.checks;
  const samples = async (): Promise<number[]> =>
    (await api.get('/services/polled/samples')).body.points.map(([at]: [string]) => Date.parse(at));

  it.each(['cut', 'silence'] as const)(
    'PostgreSQL is away (%s): what needs it is answered 503 for now, polls wait, and all goes on by itself',
    async (how) => {
      const service = how === 'cut' ? 'postgres' : 'postgres-silent';
      await until(async () => (await samples()).length > 0, WAIT_MS);
      const awayAt = Date.now();
      postgres[how]();
      await until(async () => (await ready()).database.status === 'down', WAIT_MS);
      expect((await program.root.get('/health/ready')).status).toBe(503);
      expect((await program.root.get('/health/live')).status).toBe(200);

      for (const answer of [
        await timed(api.post('/alerts', { labels: { host: service } })),
        await timed(api.get('/services')),
        await timed(api.as('some-token').get('/services')),
      ]) {
        expect(answer).toMatchObject({ status: 503, body: { status: 503, title: 'Service Unavailable' } });
        expect(answer.headers.get('content-type')).toContain('application/problem+json');
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        expect(answer.tookMs).toBeLessThan(15_000);
      }
      const backAt = Date.now();
      postgres.restore();
      await until(async () => (await program.root.get('/health/ready')).status === 200, WAIT_MS);

      expect((await api.post('/alerts', { labels: { host: service } })).status).toBe(202);
      await until(() => told(service).length === 1, WAIT_MS);
      await until(async () => (await samples()).some((at) => at > backAt), WAIT_MS);
      const meanwhile = (await samples()).filter((at) => at > awayAt + 1_000 && at < backAt - 1_000);
      expect(meanwhile).toEqual([]);
    },
    90_000,
  );

  it.each(['cut', 'silence'] as const)(
    'Redis is away (%s): alerts are taken all the same, and acted on when it is back',
    async (how) => {
      const service = how === 'cut' ? 'redis' : 'redis-silent';
      redis[how]();
      await until(async () => (await ready()).redis.status === 'down', WAIT_MS);
      const taken = await timed(api.post('/alerts', { labels: { host: service } }));
      expect(taken.status).toBe(202);
      expect(taken.tookMs).toBeLessThan(4_000);
      const saved = await timed(api.patch('/services/polled', { description: how }));
      expect(saved.status).toBe(200);
      expect(saved.tookMs).toBeLessThan(4_000);
      await sleep(2_000);
      expect(told(service)).toHaveLength(0);
      expect(await api.all(`/alerts?source=api`)).toEqual(
        expect.arrayContaining([expect.objectContaining({ labels: { host: service }, executions: [] })]),
      );

      redis.restore();
      await until(() => told(service).length === 1, WAIT_MS);
      expect((await program.root.get('/health/ready')).status).toBe(200);
      const [execution] = await api.all(`/executions?service=${service}`);
      expect(execution.idempotencyKey).toBe(told(service)[0]!.headers['idempotency-key']);
      const backAt = Date.now();
      await until(async () => (await samples()).some((at) => at > backAt), WAIT_MS);
    },
    90_000,
  );

  it('the program stops in time while both are away', async () => {
    postgres.silence();
    redis.cut();
    const begin = performance.now();
    expect(await program.stop()).toBe(0);
    expect(performance.now() - begin).toBeLessThan(30_000);
  }, 40_000);
});
