import { setTimeout as sleep } from 'node:timers/promises';
import { until, World, type Api, type Json, type MonscaleProcess } from './program';
import { Farm } from './stand-ins/farm';

const WAIT_MS = 20_000;

/** What nobody has looked at is not `ok`: whoever is alive says so, and the ledger shows the gap. */
describe('when nobody looks', () => {
  let world: World;
  let api: Api;
  let scheduler: MonscaleProcess;
  let worker: MonscaleProcess;
  const farm = new Farm(3);

  beforeAll(async () => {
    world = await World.create();
    const url = await farm.start();
    ({ api } = await world.start('api'));
    scheduler = await world.start('scheduler');
    worker = await world.start('worker');
    await api.create('/actions', { name: 'log', type: 'log_message', params: { message: 'x' } });
    const load = { type: 'http_json', params: { url: `${url}/load`, path: '$.value' } };
    const page = { type: 'alert', params: { match: { alertname: 'Down' } } };
    const common = { intervalSeconds: 2, metrics: { load }, condition: 'load > 70', actions: ['log'] };
    await api.create('/services', { name: 'steady', ...common });
    await api.create('/services', { name: 'held', ...common, condition: 'load > 40', holdSeconds: 600 });
    await api.create('/services', { name: 'missing', ...common, condition: 'isMissing(load)' });
    await api.create('/services', {
      name: 'paged',
      ...common,
      metrics: { load, page },
      condition: 'load > 70 || page == 1',
    });
    // Whoever is polled together with it is not to wait for it.
    const slow = { type: 'http_json', params: { url: `${url}/slow`, path: '$.value' }, timeoutSeconds: 9 };
    await api.create('/services', { name: 'slow', ...common, metrics: { load: slow } });
    await until(async () => (await stateOf('steady')).phase === 'ok', WAIT_MS);
    await until(async () => (await stateOf('held')).phase === 'pending', WAIT_MS);
    await until(async () => (await stateOf('slow')).phase === 'ok', WAIT_MS);
  }, 60_000);
  afterAll(async () => {
    await farm.stop();
    await world?.end();
  });

  const stateOf = async (name: string): Promise<Json> => (await api.get(`/services/${name}/state`)).body;
  const ledgerOf = async (name: string): Promise<Json[]> => api.all(`/services/${name}/decisions`);

  it('says so in state, why, ledger, report, metrics and readiness, and acts on nothing', async () => {
    expect((await scheduler.root.get('/health/ready')).status).toBe(200);
    const killedAt = Date.now();
    await worker.kill();
    await until(async () => (await stateOf('steady')).reason === 'not_polled', WAIT_MS);
    expect(Date.now() - killedAt).toBeGreaterThan(3_500);
    const state = await stateOf('steady');
    expect(state).toMatchObject({
      phase: 'unknown',
      explanation: expect.stringMatching(
        /^nobody has looked since \d\d:\d\d:\d\dZ, and it is to be read every 2 s: what was seen then says nothing about now$/,
      ),
      values: { load: { error: expect.stringMatching(/^nobody has read it since /) } },
    });
    // From the moment it was last seen.
    expect(Date.parse(state.since)).toBeLessThan(killedAt + 500);
    expect((await api.get('/services/steady/why')).body).toMatchObject({
      phase: 'unknown',
      reason: 'not_polled',
      condition: { filled: 'missing > 70', truth: null },
      toChange: [expect.stringMatching(/a worker must look again/)],
    });
    await until(async () => (await ledgerOf('steady'))[0].reason === 'not_polled', WAIT_MS);
    const secondsMissing = async () => (await api.get('/services/steady/report')).body.secondsMissing;
    await until(async () => (await secondsMissing()) > 1, WAIT_MS);

    // Those that were decided last are late last.
    await until(async () => {
      const { status, body } = await scheduler.root.get('/health/ready');
      return (
        status === 503 &&
        /^5 services were not polled for three of their intervals/.test(body.checks.polls.error)
      );
    }, WAIT_MS);
    expect((await scheduler.root.get('/metrics')).body).toMatch(/^monscale_services_not_polled 5$/m);

    // Nobody looked, so nobody knows that it can't be read.
    await until(async () => (await stateOf('missing')).reason === 'not_polled', WAIT_MS);
    expect((await api.get('/executions?service=missing')).body.items).toEqual([]);
    expect(await stateOf('held')).toMatchObject({ phase: 'unknown', reason: 'not_polled' });
  }, 60_000);

  it('goes on from where it was when somebody looks again, and the ledger shows the gap', async () => {
    worker = await world.start('worker');
    await until(async () => (await stateOf('steady')).phase === 'ok', WAIT_MS);
    const [now, gap, before] = await ledgerOf('steady');
    expect([now.reason, gap.reason, before.reason]).toEqual([
      'condition_false',
      'not_polled',
      'condition_false',
    ]);
    expect([gap.from, gap.to]).toEqual([before.to, now.from]);
    expect(Date.parse(gap.to) - Date.parse(gap.from)).toBeGreaterThan(6_000);
    // The hold stood still.
    const [, held] = await until(
      async () => /for (\d+) s of 600 s/.exec((await stateOf('held')).explanation as string) ?? undefined,
      WAIT_MS,
    );
    const seconds = Number(held);
    const intervals = await ledgerOf('held');
    const first = intervals.at(-1);
    expect(seconds).toBeLessThan((Date.now() - Date.parse(first.from)) / 1000 - 5);
    await until(async () => (await scheduler.root.get('/health/ready')).status === 200, WAIT_MS);
  }, 60_000);

  it('a gap in which nobody at all was there is told before anything else is seen', async () => {
    await Promise.all(world.processes.map((one) => one.kill()));
    await sleep(8_000);
    ({ api } = await world.start('all'));
    await until(async () => (await stateOf('steady')).phase === 'ok', WAIT_MS);
    const [now, gap] = await ledgerOf('steady');
    expect([now.reason, gap.reason]).toEqual(['condition_false', 'not_polled']);
    expect(Date.parse(gap.to) - Date.parse(gap.from)).toBeGreaterThan(7_000);
  }, 60_000);
});
