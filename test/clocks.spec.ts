import { setTimeout as sleep } from 'node:timers/promises';
import { testPort } from './ports';
import { MonscaleProcess, until, World, type Api, type Json } from './program';
import { Farm } from './stand-ins/farm';
import { MachineClock } from './stand-ins/machine-clock';

const WAIT_MS = 20_000;
const HOUR = 3_600;

async function metric({ root }: MonscaleProcess, name: string): Promise<number> {
  const { body } = await root.get('/metrics');
  return Number(new RegExp(`^${name.replace(/[{}]/g, '\\$&')} (\\S+)$`, 'm').exec(body as string)?.[1]);
}

describe('clocks of processes that are wrong', () => {
  const farm = new Farm(3);
  const clocks: MachineClock[] = [];
  let world: World;
  let api: Api;
  let scheduler: MonscaleProcess;
  let clock: MachineClock;

  const newClock = (seconds: number): MachineClock => {
    const made = new MachineClock(seconds);
    clocks.push(made);
    return made;
  };
  const readings = async (name: string): Promise<number[]> =>
    (await api.get(`/services/${name}/samples`)).body.points.map(([at]: [string]) => Date.parse(at));
  const stateOf = async (name: string): Promise<Json> => (await api.get(`/services/${name}/state`)).body;
  /** Polls go on. */
  async function expectSteady(name: string): Promise<void> {
    const from = Date.now();
    const later = await until(async () => {
      const found = (await readings(name)).filter((at) => at >= from);
      return found.length >= 2 && found;
    }, WAIT_MS);
    // None of the future, none twice.
    expect(Math.max(...later)).toBeLessThan(Date.now() + 1_000);
    expect(new Set(later).size).toBe(later.length);
  }

  beforeAll(async () => {
    world = await World.create();
    const url = await farm.start();
    ({ api } = await world.start('api'));
    clock = newClock(0);
    scheduler = await world.start('scheduler,worker', clock.options);
    await api.create('/actions', { name: 'log', type: 'log_message', params: { message: 'x' } });
    const load = { type: 'http_json', params: { url: `${url}/load`, path: '$.value' } };
    const common = { intervalSeconds: 2, metrics: { load }, condition: 'load > 70', actions: ['log'] };
    await api.create('/services', { name: 'steady', ...common });
    await api.create('/services', { name: 'held', ...common, condition: 'load > 40', holdSeconds: 600 });
    await until(async () => (await stateOf('held')).phase === 'pending', WAIT_MS);
  }, 60_000);
  afterAll(async () => {
    await farm.stop();
    await world?.end();
    for (const one of clocks) one.remove();
  });

  it('a second scheduler an hour ahead is told of, is not ready, and stops nothing', async () => {
    const { databaseUrl, redisUrl } = world;
    const second = new MonscaleProcess(
      { roles: 'scheduler', databaseUrl, redisUrl, ...newClock(HOUR).options },
      await testPort(),
    );
    world.processes.push(second);
    await until(() => second.output.includes('ready: scheduler'), WAIT_MS);
    await sleep(8_000);
    const { status, body } = await second.root.get('/health/ready');
    expect([status, body.checks.clock.error]).toEqual([
      503,
      expect.stringMatching(
        /^the clock of this machine is 3600\.\d s ahead of PostgreSQL's: set one of them right/,
      ),
    ]);
    await second.kill();
    expect(second.output.match(/ahead of PostgreSQL's, by which everything goes/g)).toHaveLength(1);
    expect(
      (await world.rows('SELECT extract(epoch FROM ticked_until - now()) AS s FROM poll_clock'))[0].s * 1,
    ).toBeLessThan(2);
    await expectSteady('steady');
  }, 90_000);

  it.each([-HOUR, HOUR, 5])(
    'the clock of a machine is set by %i s under its processes',
    async (seconds) => {
      const before = await stateOf('held');
      const saidBefore = scheduler.output.length;
      clock.shift(seconds);
      await until(
        async () => Math.abs((await metric(scheduler, 'monscale_clock_offset_seconds')) + seconds) < 1,
        5_000,
      );
      const { status, body } = await scheduler.root.get('/health/ready');
      if (Math.abs(seconds) > 30) {
        expect(status).toBe(503);
        expect(body.checks.clock.error).toMatch(
          seconds < 0
            ? /^the clock of this machine is 3600\.\d s behind PostgreSQL's: set one of them right/
            : /^the clock of this machine is 3600\.\d s ahead of PostgreSQL's: set one of them right/,
        );
      } else expect(body.checks.clock).toEqual({ status: 'up' });
      await expectSteady('steady');
      // Its hold goes on as if nothing had been.
      const after = await stateOf('held');
      expect([after.phase, after.holdUntil, after.since]).toEqual([
        'pending',
        before.holdUntil,
        before.since,
      ]);
      clock.shift(0);
      const said = () => scheduler.output.slice(saidBefore).match(/by which everything goes|agree again/g);
      await until(() => said()?.length === 2, 5_000);
      expect(said()).toEqual(['by which everything goes', 'agree again']);
      expect((await scheduler.root.get('/health/ready')).status).toBe(200);
    },
    60_000,
  );

  it('what lies in the future in the tables is set right, counted and told, and nothing waits for it', async () => {
    await world.rows(`UPDATE poll_clock SET ticked_until = now() + interval '1 hour'`);
    await world.rows(`UPDATE polled_ranges SET polled_at = now() + interval '1 hour'`);
    await world.rows(
      `UPDATE service_states SET state = state || jsonb_build_object('pendingSince', extract(epoch FROM now() + interval '1 hour') * 1000,
         'lastTriggeredAt', extract(epoch FROM now() + interval '1 hour') * 1000)
       WHERE service_id = (SELECT id FROM services WHERE name = 'held')`,
    );
    await until(async () => {
      const { explanation, holdUntil } = await stateOf('held');
      expect(explanation).not.toMatch(/ -\d/);
      return Date.parse(holdUntil as string) < Date.now() + 601_000;
    }, WAIT_MS);
    await expectSteady('steady');
    expect(await metric(scheduler, 'monscale_moments_ahead_total{what="tick"}')).toBe(1);
    // Whoever evaluates it next sets it right.
    const said = world.processes.map(({ output }) => output).join('');
    expect(said).toContain('stored moments lay in the future and were set right: the states of held');
    expect(scheduler.output).toMatch(
      /stored moments lay in the future and were set right: polls were put on the queue up to 3\d\d\d s ahead/,
    );
    expect((await scheduler.root.get('/health/ready')).body).toMatchObject({ status: 'up' });
  }, 60_000);
});
