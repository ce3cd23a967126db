import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { testPort } from './ports';
import { MonscaleProcess, until, World, type Api, type Json, type ProcessOptions } from './program';
import { Farm } from './stand-ins/farm';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 20_000;
const HOUR = 3_600;
const PRELOAD = join(__dirname, 'stand-ins', 'shifted-clock.cjs');

/** The clock of one machine. */
class MachineClock {
  private readonly folder = mkdtempSync(join(tmpdir(), 'clock-'));
  private readonly file = join(this.folder, 'seconds');

  constructor(seconds: number) {
    this.shift(seconds);
  }

  /** How far it is ahead from now on. */
  shift(seconds: number): void {
    writeFileSync(this.file, String(seconds));
  }

  get options(): ProcessOptions {
    return { env: { NODE_OPTIONS: `--require ${PRELOAD}`, SHIFTED_CLOCK: this.file } };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

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
  /** Polls go on: each interval of the next seconds has its reading. */
  async function expectSteady(name: string, seconds: number): Promise<void> {
    const from = Date.now();
    await sleep(seconds * 1000);
    const later = (await readings(name)).filter((at) => at >= from);
    expect(later.length).toBeGreaterThanOrEqual(Math.floor(seconds / 2) - 1);
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
    await expectSteady('steady', 6);
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
      await expectSteady('steady', 6);
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
    await expectSteady('steady', 6);
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

describe('workers that know another time, sleep or die', () => {
  const sink = new WebhookSink();
  const clocks: MachineClock[] = [];
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const url = await sink.start();
    ({ api } = await world.start('api,scheduler'));
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}`, idempotent: false },
      timeoutSeconds: 20,
    });
    await api.create('/actions', {
      name: 'again',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
      timeoutSeconds: 20,
      retry: { attempts: 5, backoffSeconds: 1, maxBackoffSeconds: 1 },
    });
  }, 60_000);
  afterAll(async () => {
    await world?.end();
    await sink.stop();
    for (const one of clocks) one.remove();
  });

  async function alertOf(host: string, action: string): Promise<void> {
    await api.create('/services', {
      name: host,
      metrics: { outage: { type: 'alert', params: { match: { host } } } },
      condition: 'outage > 0',
      wisdomSeconds: 600,
      actions: [action],
    });
    await api.post('/alerts', { labels: { host } });
  }
  const told = (host: string) => sink.requests.filter(({ path }) => path === `/${host}`);
  const executionOf = async (host: string): Promise<Json> =>
    (await api.all(`/executions?service=${host}`))[0];
  const shifted = (seconds: number): MachineClock => {
    const made = new MachineClock(seconds);
    clocks.push(made);
    return made;
  };

  it('a webhook that is delivered and answered succeeds, whatever the clock of another worker says', async () => {
    sink.always = { delayMs: 3_000 };
    const [right, ...wrong] = await Promise.all([
      world.start('worker'),
      ...[600, -600].map((seconds) => {
        const clock = shifted(0);
        return world.start('worker', clock.options).then((program) => {
          clock.shift(seconds);
          return program;
        });
      }),
    ]);
    const hosts = Array.from({ length: 12 }, (_, index) => `beside-${index}`);
    await Promise.all(hosts.map((host) => alertOf(host, 'tell')));
    await until(async () => (await api.all('/executions?status=succeeded')).length === hosts.length, WAIT_MS);
    for (const host of hosts) {
      const { status, attempts } = await executionOf(host);
      expect([status, attempts.length, told(host).length]).toEqual(['succeeded', 1, 1]);
      const [{ startedAt, finishedAt }] = attempts;
      expect(Date.parse(finishedAt as string) - Date.parse(startedAt as string)).toBeGreaterThanOrEqual(
        2_900,
      );
      expect(Math.abs(Date.parse(finishedAt as string) - Date.now())).toBeLessThan(30_000);
    }
    await Promise.all([right, ...wrong].map((one) => one.stop()));
  }, 60_000);

  it('one that is stopped amid a webhook finishes nothing that was taken from it, and sends nothing', async () => {
    sink.always = { delayMs: 4_000 };
    const sleeper = await world.start('worker');
    const other = await world.start('worker', { env: { MONSCALE_QUEUES: 'actions' } });
    await alertOf('slept', 'tell');
    await until(() => told('slept').length === 1, WAIT_MS);
    process.kill(sleeper.pid, 'SIGSTOP');
    const stoppedAt = performance.now();
    try {
      // Redis may hand the job to the one that sleeps, as its connection still waits for one: then it is found to be stalled.
      await until(async () => (await executionOf('slept')).status === 'unknown', 40_000);
      await sleep(Math.max(0, 13_000 - (performance.now() - stoppedAt)));
    } finally {
      process.kill(sleeper.pid, 'SIGCONT');
    }
    await until(() => /was taken over before its end could be written down/.test(sleeper.output), WAIT_MS);
    const { status, attempts } = await executionOf('slept');
    expect([status, attempts.length, attempts[0].outcome]).toEqual(['unknown', 1, 'lost']);
    expect(told('slept')).toHaveLength(1);
    // It goes on as one that lives.
    sink.always = {};
    await other.stop();
    await alertOf('awake', 'tell');
    await until(async () => (await executionOf('awake'))?.status === 'succeeded', WAIT_MS);
    await sleeper.stop();
  }, 90_000);

  it('what one that was killed had in hand is taken up within ten seconds', async () => {
    sink.always = { hang: true };
    const killed = await world.start('worker');
    const other = await world.start('worker', { env: { MONSCALE_QUEUES: 'actions' } });
    await alertOf('killed', 'tell');
    await alertOf('killed-again', 'again');
    await until(() => told('killed').length + told('killed-again').length === 2, WAIT_MS);
    sink.always = {};
    const killedAt = performance.now();
    await killed.kill();
    await until(async () => (await executionOf('killed')).status === 'unknown', 10_000);
    // The same key makes it safe to ask again.
    await until(async () => (await executionOf('killed-again')).status === 'succeeded', WAIT_MS);
    const tookMs = performance.now() - killedAt;
    expect(tookMs).toBeLessThan(13_000);
    const keys = new Set(told('killed-again').map(({ headers }) => headers['idempotency-key']));
    expect([told('killed').length, told('killed-again').length, keys.size]).toEqual([1, 2, 1]);
    await other.stop();
  }, 60_000);
});
