import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inBatches, until, World, type MonscaleProcess } from './program';

const THROWER = { NODE_OPTIONS: `-r ${join(__dirname, 'stand-ins/thrower.cjs')}` };

/** Processes of one program behind one port. */
describe('several processes that share a port', () => {
  let world: World;
  let program: MonscaleProcess;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start('all', {
      env: { MONSCALE_API_PROCESSES: '3', MONSCALE_WORKER_PROCESSES: '2', ...THROWER },
    });
  }, 60_000);

  afterAll(() => world?.end());

  const metric = (text: string, name: string): number =>
    text
      .split('\n')
      .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  const metricsNow = async (): Promise<string> => (await program.root.get('/metrics')).body;
  /** Members that have logged; the process that starts them logs, too. */
  const processesIn = (lines: string): number[] => [
    ...new Set(
      [...lines.matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid)).filter((pid) => pid !== program.pid),
    ),
  ];

  test('all of them answer, and their metrics are one', async () => {
    const before = metric(await metricsNow(), 'monscale_alerts_received_total');
    // A connection goes to one of them: each request here has its own.
    for (let n = 0; n < 12; n++)
      await program.api.post('/alerts', { labels: { n: String(n) } }, { Connection: 'close' });
    expect(metric(await metricsNow(), 'monscale_alerts_received_total') - before).toBe(12);
    expect(metric(await metricsNow(), 'monscale_queue_jobs')).toBeLessThan(12);
    expect((await program.api.get('/alerts')).body.items).toHaveLength(12);
  }, 30_000);

  test('one alert posted to all of them at once is one alert, and one trigger', async () => {
    await program.api.create('/actions', { name: 'say', type: 'log_message', params: { message: 'x' } });
    await program.api.create('/services', {
      name: 'web',
      metrics: { outage: { type: 'alert', params: { match: { alertname: 'WebDown' } } } },
      condition: 'outage == 1',
      actions: ['say'],
    });
    const answers = await Promise.all(
      Array.from({ length: 30 }, () =>
        program.api.post('/alerts', { labels: { alertname: 'WebDown' } }, { Connection: 'close' }),
      ),
    );
    const ids = answers.map(({ body }) => body.accepted[0].id as string);
    expect(new Set(ids).size).toBe(1);
    await until(async () => (await program.api.all('/executions?status=succeeded')).length === 1, 10_000);
    await sleep(1_000);
    expect(await program.api.all('/executions')).toHaveLength(1);
  }, 30_000);

  test('where one alert ends as another begins, the one that lives counts, whoever looks first', async () => {
    const { api } = program;
    const hosts = Array.from({ length: 30 }, (_, n) => `host-${n}`);
    await inBatches(hosts, 8, (host) =>
      api.create('/services', {
        name: host,
        metrics: { outage: { type: 'alert', params: { match: { host } } } },
        condition: 'outage == 1',
        wisdomSeconds: 600,
      }),
    );
    const tell = (host: string, kind: string, status: string) =>
      api.post('/alerts', { labels: { host, kind }, status }, { Connection: 'close' });
    const phases = async () => {
      const states = await Promise.all(hosts.map((host) => api.get(`/services/${host}/state`)));
      return [...new Set(states.map(({ body }) => body.phase))];
    };
    await Promise.all(hosts.map((host) => tell(host, 'a', 'firing')));
    for (const [ends, begins] of ['ab', 'ba', 'ab', 'ba']) {
      await Promise.all(
        hosts.flatMap((host) => [tell(host, ends!, 'resolved'), tell(host, begins!, 'firing')]),
      );
      await sleep(1_000);
      await until(async () => (await phases()).join() === 'alarm', 10_000);
    }
  }, 60_000);

  test('one that dies is started again, and the others answer meanwhile', async () => {
    const [first] = processesIn(program.output);
    process.kill(first!, 'SIGKILL');
    // A connection that was handed to it before its end was noticed is lost; the next ones are not.
    await until(() => program.output.includes('it is started again'), 5_000);
    const answer = await fetch(`${program.url}/health/live`, { headers: { Connection: 'close' } });
    expect(answer.status).toBe(200);
    const isBack = () => processesIn(program.output).length > 1;
    await until(isBack, 15_000, 'another process logs');
    await until(async () => (await program.root.get('/health/ready')).status === 200, 15_000);
  }, 60_000);

  test('one with exceptions that nobody caught drains, and is started again; it is told and counted', async () => {
    const last = processesIn(program.output).at(-1)!;
    const began = program.output.length;
    process.kill(last, 'SIGWINCH');
    const since = () => program.output.slice(began);
    await until(() => since().includes('ended (1); it is started again'), 15_000);
    expect(since()).toMatch(
      /"pid":\d+.*an exception that nobody caught: Error: (a|another) fault of ours.* at /,
    );
    expect(since()).toContain('an exception that nobody caught: draining');
    await until(async () => metric(await metricsNow(), 'monscale_uncaught_exceptions_total') > 0, 15_000);
    await until(async () => (await program.root.get('/health/ready')).status === 200, 15_000);
  }, 60_000);

  test('one alone ends with a code that says so, and drains before', async () => {
    const alone = await world.start('api', { env: THROWER });
    process.kill(alone.pid, 'SIGWINCH');
    expect(await alone.ended).toBe(1);
    expect(alone.output).toMatch(/exception that nobody caught: draining.*stopped"/s);
  }, 60_000);

  test('a wrong port is told, and nothing is left running', async () => {
    const port = new URL(program.url).port;
    const other = world.start('api', { env: { MONSCALE_API_PROCESSES: '2', MONSCALE_HTTP_PORT: port } });
    await expect(other).rejects.toThrow(/is taken by another program/);
  }, 60_000);

  test('all of them drain', async () => {
    expect(await program.stop()).toBe(0);
    await expect(program.root.get('/health/live')).rejects.toThrow();
  }, 40_000);
});
