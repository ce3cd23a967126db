import Redis from 'ioredis';
import { createSession, Version2c } from 'net-snmp';
import { setTimeout as sleep } from 'node:timers/promises';
import { testRedisUrl } from './databases';
import { inBatches, MonscaleProcess, until, World, type Api } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';

const SERVICES = 300;
const WAIT_MS = 20_000;
/** In which each ends that waits for nothing; who waits in vain takes 28 s. */
const STOP_MS = 20_000;
const COLD_START = '1.3.6.1.6.3.1.1.5.1';

const alertOnly = (name: string, match: object) => ({
  name,
  metrics: { outage: { type: 'alert', params: { match } } },
  condition: 'outage > 0',
  wisdomSeconds: 600,
  actions: ['tell'],
});

describe('roles as processes of their own, two schedulers and two workers among them', () => {
  const sink = new WebhookSink();
  const roles: Record<string, MonscaleProcess> = {};
  let world: World;
  let api: Api;

  beforeAll(async () => {
    // All come to an empty database at the same time.
    world = await World.create({ isNew: true });
    const url = await sink.start();
    const names = ['api', 'scheduler', 'scheduler 2', 'worker', 'worker 2', 'trap'];
    await Promise.all(names.map(async (name) => (roles[name] = await world.start(name.replace(/ .*/, '')))));
    ({ api } = roles.api!);
    await api.create('/sources', { name: 'devices', format: 'snmp' });
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
    });
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  const told = (service: string) => sink.requests.filter(({ path }) => path === `/${service}`);

  it.concurrent('each tells how it is', async () => {
    for (const [name, { root }] of Object.entries(roles)) {
      const role = name.replace(/ .*/, '');
      expect((await root.get('/health/live')).body).toEqual({ status: 'up', roles: [role] });
      const up = { status: 'up' };
      const common = { database: up, redis: up, clock: up };
      const own: Record<string, object> = {
        scheduler: { scheduler: up, polls: up },
        trap: { spool: up, sources: up },
      };
      const ready = async () => (await root.get('/health/ready')).body;
      // A spool is opened once its listener knows whose notifications it is for.
      await until(async () => (await ready()).status === 'up', WAIT_MS, `${name} is up`).catch(
        () => undefined,
      );
      expect(await ready()).toEqual({ status: 'up', roles: [role], checks: { ...common, ...own[role] } });
      const metrics = await root.get('/metrics');
      expect(metrics.status).toBe(200);
      expect(metrics.body).toMatch(/^# TYPE monscale_\w+ /m);
      expect((await root.get('/api/v1/services')).status).toBe(role === 'api' ? 200 : 404);
    }
  });

  it.concurrent(
    'a poll leads to an action',
    async () => {
      const { redisUrl } = await testRedisUrl();
      const lists = new Redis(redisUrl);
      await lists.rpush('orders', 1, 2, 3);
      lists.disconnect();
      await api.create('/services', {
        name: 'orders',
        intervalSeconds: 1,
        metrics: { waiting: { type: 'redis_list_length', params: { url: redisUrl, key: 'orders' } } },
        condition: 'waiting > 2',
        holdSeconds: 1,
        actions: ['tell'],
      });
      await until(() => told('orders').length === 1, WAIT_MS);
      expect(JSON.parse(told('orders')[0]!.body)).toMatchObject({ values: { waiting: 3 } });
      // Two schedulers say the same second, and one reading comes of it.
      const moments = (await api.get('/services/orders/samples')).body.points.map(([at]: [string]) => at);
      expect(new Set(moments).size).toBe(moments.length);
    },
    30_000,
  );

  it.concurrent(
    'an alert and an SNMP notification lead to an action',
    async () => {
      await api.create('/services', alertOnly('shop', { alertname: 'ShopDown' }));
      await api.create('/services', alertOnly('booted', { trap_oid: COLD_START }));
      await api.post('/alerts', { labels: { alertname: 'ShopDown' } });
      const session = createSession('127.0.0.1', 'public', {
        version: Version2c,
        trapPort: roles.trap!.port,
      });
      try {
        await until(async () => {
          session.trap(COLD_START, () => undefined);
          await sleep(200);
          return told('booted').length === 1;
        }, WAIT_MS);
      } finally {
        session.close();
      }
      await until(() => told('shop').length === 1, WAIT_MS);
      const { items } = (await api.get('/alerts?source=devices')).body;
      expect(items.at(-1)).toMatchObject({ labels: { trap_oid: COLD_START }, format: 'snmp' });
    },
    40_000,
  );

  it(`${SERVICES} breaches at once are ${SERVICES} triggers, each executed once`, async () => {
    const names = Array.from({ length: SERVICES }, (_, index) => `many-${index}`);
    await inBatches(names, 16, (name) => api.create('/services', alertOnly(name, { host: name })));
    sink.clear();
    const alerts = names.map((name) => ({ labels: { host: name } }));
    // Its sender sends it twice, as senders do.
    const answers = await Promise.all([api.post('/alerts', alerts), api.post('/alerts', alerts)]);
    for (const { status, body } of answers) {
      expect(status).toBe(202);
      expect(body.accepted).toHaveLength(SERVICES);
    }
    await until(() => sink.deeds >= SERVICES, 60_000);
    await until(async () => (await api.all('/executions?status=succeeded')).length >= SERVICES, WAIT_MS);
    // Two rounds of the sweeps: what they put back must not run again.
    await sleep(5_000);
    const keys = sink.requests.map(({ headers }) => headers['idempotency-key']);
    expect([sink.requests.length, new Set(keys).size]).toEqual([SERVICES, SERVICES]);
    expect(new Set(sink.requests.map(({ path }) => path)).size).toBe(SERVICES);

    const executions = (await api.all('/executions')).filter(({ service }) => names.includes(service));
    expect(executions).toHaveLength(SERVICES);
    expect(new Set(executions.map(({ trigger }) => trigger)).size).toBe(SERVICES);
    expect(
      executions.filter(({ status, attempts }) => status !== 'succeeded' || attempts.length > 1),
    ).toEqual([]);
    const [{ triggers }] = await world.rows(
      `SELECT count(*)::int AS triggers FROM triggers t JOIN services s ON s.id = t.service_id WHERE s.name LIKE 'many-%'`,
    );
    expect(triggers).toBe(SERVICES);
  }, 180_000);

  it('each ends at once when it has nothing to do, with exit code 0', async () => {
    const ends = await Promise.all(
      Object.entries(roles).map(async ([name, program]) => {
        const begin = performance.now();
        return { name, code: await program.stop(), ms: performance.now() - begin };
      }),
    );
    for (const { name, code, ms } of ends) expect([name, code, ms < STOP_MS]).toEqual([name, 0, true]);
  }, 40_000);
});

describe('from the decision to its execution', () => {
  const sink = new WebhookSink();
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const url = await sink.start();
    ({ api } = await world.start('api,scheduler'));
    await api.create('/actions', { name: 'tell', type: 'webhook', params: { url } });
    await api.create('/services', alertOnly('shop', { host: 'shop' }));
    await api.create('/services', alertOnly('stock', { host: 'stock' }));
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  const handedOver = async ({ root }: MonscaleProcess) =>
    Number(/^monscale_executions_handed_over_total (\d+)$/m.exec((await root.get('/metrics')).body)![1]);
  const succeeded = async () => (await api.all('/executions?status=succeeded')).length;

  it('goes over the queue where the decision is made by one who does not execute', async () => {
    const deciding = await world.start('worker', { env: { MONSCALE_QUEUES: 'polls,alerts' } });
    await api.post('/alerts', { labels: { host: 'shop' } });
    const [execution] = await until(async () => {
      const executions = await api.all('/executions');
      return executions.length === 1 && executions;
    }, WAIT_MS);
    expect(execution).toMatchObject({ status: 'queued', attempts: [] });
    const executing = await world.start('worker', { env: { MONSCALE_QUEUES: 'actions' } });
    await until(async () => (await succeeded()) === 1, WAIT_MS);
    expect(await Promise.all([deciding, executing].map(handedOver))).toEqual([0, 0]);
    await Promise.all([deciding.stop(), executing.stop()]);
  }, 40_000);

  it('is short where both are done by the same process', async () => {
    const worker = await world.start('worker');
    await api.post('/alerts', { labels: { host: 'stock' } });
    await until(async () => (await succeeded()) === 2, WAIT_MS);
    expect(await handedOver(worker)).toBe(1);
    const executions = await api.all('/executions?service=stock');
    expect(executions).toMatchObject([{ attempts: [{ outcome: 'succeeded' }] }]);
    const [{ created_at: decidedAt, started_at: begunAt, tries }] = await world.rows(
      `SELECT created_at, started_at, tries FROM executions WHERE service_name = 'stock'`,
    );
    expect([begunAt >= decidedAt, tries]).toEqual([true, 1]);
    expect([sink.requests.length, sink.deeds]).toEqual([2, 2]);
  }, 40_000);
});

describe('a program that is asked to end', () => {
  const sink = new WebhookSink();
  let world: World;

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  it('finishes what runs, and leaves what waits to the next start', async () => {
    const count = 100; // more than one worker runs at a time
    world = await World.create();
    const url = await sink.start();
    sink.always = { delayMs: 1_000 };
    const first = await world.start();
    await first.api.create('/actions', { name: 'tell', type: 'webhook', params: { url, idempotent: false } });
    const hosts = Array.from({ length: count }, (_, index) => `host-${index}`);
    await inBatches(hosts, 8, (host) => first.api.create('/services', alertOnly(host, { host })));
    await first.api.post(
      '/alerts',
      hosts.map((host) => ({ labels: { host } })),
    );
    await until(() => sink.requests.length > 0, WAIT_MS);
    const begin = performance.now();
    expect(await first.stop()).toBe(0);
    expect(performance.now() - begin).toBeLessThan(STOP_MS);
    const done = await world.rows(`SELECT status, count(*)::int FROM executions GROUP BY 1`);
    // Nothing is left half-way.
    expect(done.map(({ status }) => status).filter((status) => status !== 'queued')).toEqual(['succeeded']);

    const { api } = await world.start();
    await until(async () => (await api.all('/executions?status=succeeded')).length === count, WAIT_MS);
    const executions = await api.all('/executions');
    expect(executions.filter(({ attempts }) => attempts.length !== 1)).toEqual([]);
    expect([sink.requests.length, sink.deeds]).toEqual([count, count]);
  }, 60_000);
});

describe('the environment', () => {
  const refusal = async (env: Record<string, string>): Promise<{ code: number | null; output: string }> => {
    const program = new MonscaleProcess({ env }, 0);
    return { code: await program.ended, output: program.output };
  };

  it.concurrent('an unknown role is refused, and the known ones are named', async () => {
    const { code, output } = await refusal({ MONSCALE_ROLE: 'api,wroker' });
    expect(code).toBe(1);
    expect(output).toMatch(
      /MONSCALE_ROLE: there is no "wroker"; known are api, scheduler, worker, trap and all/,
    );
  });

  it.concurrent('every mistake is told at once, by name, and no secret with it', async () => {
    const { code, output } = await refusal({
      MONSCALE_HTTP_PORT: 'http',
      MONSCALE_SECRET_KEY: 'hush-too-short',
      MONSCALE_KILL_SWITCH: 'maybe',
      MONSCALE_QUEUES: 'pols',
      DATABASE_URL: 'mysql://user:hush@host/db',
    });
    expect(code).toBe(1);
    const mistakes = ['HTTP_PORT', 'SECRET_KEY', 'KILL_SWITCH', 'QUEUES'].map((name) => `MONSCALE_${name}`);
    for (const name of [...mistakes, 'DATABASE_URL', 'REDIS_URL']) expect(output).toContain(`${name}: `);
    expect(output).not.toContain('hush');
  });

  it.concurrent('a role alone needs servers of its own', async () => {
    const { code, output } = await refusal({ MONSCALE_ROLE: 'api' });
    expect(code).toBe(1);
    expect(output).toContain('DATABASE_URL, REDIS_URL: must be set unless MONSCALE_ROLE is all');
  });
});
