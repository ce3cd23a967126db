import { setTimeout as sleep } from 'node:timers/promises';
import { until, type Api, type Json } from './program';
import { Scenario } from './scenario';
import { MachineClock } from './stand-ins/machine-clock';

const WAIT_MS = 20_000;

describe('workers that know another time, sleep or die', () => {
  const clocks: MachineClock[] = [];
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin(['api,scheduler']);
    ({ api } = story);
    const url = `${story.sinkUrl}/{{ service.name }}`;
    await story.hook('once', { url, idempotent: false }, { timeoutSeconds: 20 });
    const retry = { attempts: 5, backoffSeconds: 1, maxBackoffSeconds: 1 };
    await story.hook('again', { url }, { timeoutSeconds: 20, retry });
  }, 60_000);
  afterAll(async () => {
    await story?.end();
    for (const one of clocks) one.remove();
  });

  async function alertOf(name: string, action: string): Promise<void> {
    await story.fed(name, { wisdomSeconds: 600, actions: [action] });
    await story.fire(name);
  }
  const executionOf = async (host: string): Promise<Json> =>
    (await api.all(`/executions?service=${host}`))[0];
  const shifted = (seconds: number): MachineClock => {
    const made = new MachineClock(seconds);
    clocks.push(made);
    return made;
  };

  it('a webhook that is delivered and answered succeeds, whatever the clock of another worker says', async () => {
    story.sink.always = { delayMs: 3_000 };
    const [right, ...wrong] = await Promise.all([
      story.world.start('worker'),
      ...[600, -600].map((seconds) => {
        const clock = shifted(0);
        return story.world.start('worker', clock.options).then((program) => {
          clock.shift(seconds);
          return program;
        });
      }),
    ]);
    const hosts = Array.from({ length: 12 }, (_, index) => `beside-${index}`);
    await Promise.all(hosts.map((host) => alertOf(host, 'once')));
    await until(async () => (await api.all('/executions?status=succeeded')).length === hosts.length, WAIT_MS);
    for (const host of hosts) {
      const { status, attempts } = await executionOf(host);
      expect([status, attempts.length, story.told(host).length]).toEqual(['succeeded', 1, 1]);
      const [{ startedAt, finishedAt }] = attempts;
      expect(Date.parse(finishedAt as string) - Date.parse(startedAt as string)).toBeGreaterThanOrEqual(
        2_900,
      );
      expect(Math.abs(Date.parse(finishedAt as string) - Date.now())).toBeLessThan(30_000);
    }
    await Promise.all([right, ...wrong].map((one) => one.stop()));
  }, 60_000);

  it('one that is stopped amid a webhook finishes nothing that was taken from it, and sends nothing', async () => {
    story.sink.always = { delayMs: 4_000 };
    const sleeper = await story.world.start('worker');
    const other = await story.world.start('worker', { env: { MONSCALE_QUEUES: 'actions' } });
    await alertOf('slept', 'once');
    await story.isTold('slept', 1, WAIT_MS);
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
    expect(story.told('slept')).toHaveLength(1);
    // It goes on as one that lives.
    story.sink.always = {};
    await other.stop();
    await alertOf('awake', 'once');
    await until(async () => (await executionOf('awake'))?.status === 'succeeded', WAIT_MS);
    await sleeper.stop();
  }, 90_000);

  it('what one that was killed had in hand is taken up within ten seconds', async () => {
    story.sink.always = { hang: true };
    const killed = await story.world.start('worker');
    const other = await story.world.start('worker', { env: { MONSCALE_QUEUES: 'actions' } });
    await alertOf('killed', 'once');
    await alertOf('killed-again', 'again');
    await until(() => story.told('killed').length + story.told('killed-again').length === 2, WAIT_MS);
    story.sink.always = {};
    const killedAt = performance.now();
    await killed.kill();
    await until(async () => (await executionOf('killed')).status === 'unknown', 10_000);
    // The same key makes it safe to ask again.
    await until(async () => (await executionOf('killed-again')).status === 'succeeded', WAIT_MS);
    const tookMs = performance.now() - killedAt;
    // Its lease would have ended after 30 s.
    expect(tookMs).toBeLessThan(25_000);
    const keys = new Set(story.told('killed-again').map(({ headers }) => headers['idempotency-key']));
    expect([story.told('killed').length, story.told('killed-again').length, keys.size]).toEqual([1, 2, 1]);
    await other.stop();
  }, 60_000);
});
