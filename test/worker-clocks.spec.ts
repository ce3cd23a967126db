import { setTimeout as sleep } from 'node:timers/promises';
import { until, World, type Api, type Json } from './program';
import { MachineClock } from './stand-ins/machine-clock';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 20_000;

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
    // Its lease would have ended after 30 s.
    expect(tookMs).toBeLessThan(25_000);
    const keys = new Set(told('killed-again').map(({ headers }) => headers['idempotency-key']));
    expect([told('killed').length, told('killed-again').length, keys.size]).toEqual([1, 2, 1]);
    await other.stop();
  }, 60_000);
});
