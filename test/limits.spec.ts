import { secret, until, type Api, type Json } from './program';
import { Scenario } from './scenario';
import type { WebhookSink } from './stand-ins/webhook-sink';

const SECRET = secret('the-password-of-the-hook');

describe('limits of actions', () => {
  let story: Scenario;
  let api: Api;
  let sink: WebhookSink;
  let url: string;

  beforeAll(async () => {
    const env = { MONSCALE_MAX_ACTIONS_PER_HOUR: '60' };
    // Two workers: a limit is the system's, not a process's.
    story = await Scenario.begin(['all', 'worker'], { env });
    ({ api, sink, sinkUrl: url } = story);
  }, 60_000);
  afterAll(() => story?.end());

  const watch = async (names: string[], action: object, changes: object = {}) => {
    await api.create('/actions', { type: 'webhook', ...action });
    const actions = [(action as { name: string }).name];
    for (const name of names) await story.fed(name, { actions, ...changes });
  };
  const begin = (names: string[]) =>
    api.post(
      '/alerts',
      names.map((service) => ({ labels: { service } })),
    );
  const executionsOf = (action: string): Promise<Json[]> => api.all(`/executions?action=${action}`);
  const count = (executions: Json[], status: string) =>
    executions.filter((execution) => execution.status === status).length;
  const named = (prefix: string, many: number) =>
    Array.from({ length: many }, (_, index) => `${prefix}-${index}`);

  test('an action has no more in flight than it allows; the others say what they wait for', async () => {
    sink.always = { delayMs: 1_500 };
    const names = named('slow', 6);
    await watch(names, { name: 'slow', concurrency: 2, params: { url: `${url}/slow` } });
    await begin(names);
    const held = await until(async () => {
      const executions = await executionsOf('slow');
      return executions.filter((one) => one.held !== undefined).length === 4 && executions;
    }, 10_000);
    expect(count(held, 'running')).toBe(2);
    expect(held.find((one) => one.held)).toMatchObject({
      status: 'queued',
      held: '2 of 2 executions of slow are in flight',
    });
    expect(sink.requests.length).toBeLessThanOrEqual(2);
    // A place that is free is taken at once, not when a sweep comes by.
    const begun = performance.now();
    const ended = await until(async () => {
      const executions = await executionsOf('slow');
      return count(executions, 'succeeded') === 6 && executions;
    }, 15_000);
    expect(performance.now() - begun).toBeLessThan(9_000);
    expect(ended.every((one) => one.held === undefined)).toBe(true);
    expect(sink.deeds).toBe(6);
  }, 40_000);

  test('a target that several actions share has no more in flight than one of them allows', async () => {
    sink.clear();
    sink.always = { delayMs: 1_000 };
    await watch(['any'], { name: 'any', params: { url: `${url}/any` } });
    const names = named('careful', 3);
    await watch(names, { name: 'careful', targetConcurrency: 2, params: { url: `${url}/careful` } });
    await begin(['any', ...names]);
    await until(async () => {
      const [one] = (await executionsOf('careful')).filter(({ held }) => held !== undefined);
      return one?.held === `2 of 2 executions at ${new URL(url).host} are in flight`;
    }, 10_000);
    await until(async () => count(await executionsOf('careful'), 'succeeded') === 3, 15_000);
    sink.always = {};
  }, 40_000);

  test('a service begins no more in an hour than it allows', async () => {
    sink.clear();
    await watch(
      ['eager'],
      { name: 'eager', params: { url: `${url}/eager` } },
      { maxActionsPerHour: 2, wisdomSeconds: 0 },
    );
    for (const host of ['a', 'b', 'c', 'd'])
      await api.post('/alerts', { labels: { service: 'eager', host } });
    const executions = await until(async () => {
      const found = await executionsOf('eager');
      return count(found, 'succeeded') === 2 && found.filter(({ held }) => held).length === 2 && found;
    }, 10_000);
    const [waiting] = executions.filter(({ held }) => held);
    expect(waiting.held).toMatch(
      /^2 of 2 actions of eager began in the last hour; the next may at \d\d:\d\d:\d\dZ$/,
    );
    expect(Date.parse(waiting.nextAttemptAt) - Date.now()).toBeGreaterThan(3_500_000);
    expect(sink.requests).toHaveLength(2);
    // A person may still take one off the queue, and it waits for nothing then.
    const cancelled = await api.post(`/executions/${waiting.id}/cancel`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    expect(cancelled.body).not.toHaveProperty('held');
  }, 30_000);

  test('all services together begin no more in an hour than the program allows', async () => {
    sink.clear();
    // What a person tries counts as well.
    const tried = await api.post('/actions/any/test', { dryRun: false });
    expect(tried.body).toMatchObject({ outcome: 'succeeded' });
    const names = named('many', 60);
    await watch(names, { name: 'many', params: { url: `${url}/many` } });
    await begin(names);
    const executions = await until(async () => {
      const found = await executionsOf('many');
      const [held, done] = [found.filter((one) => one.held).length, count(found, 'succeeded')];
      return held > 0 && held + done === 60 && found;
    }, 20_000);
    // 6, 4 and 2 began before, and the test.
    expect(count(executions, 'succeeded')).toBe(60 - 13);
    expect(executions.find(({ held }) => held).held).toMatch(/^60 of 60 actions of all services began/);

    // Nor is one tried then, however many ask at once; what would be sent is still shown.
    const asked = ['many', 'any', 'slow', 'many'].map((name) =>
      api.post(`/actions/${name}/test`, { dryRun: false }),
    );
    for (const { status, body } of await Promise.all(asked))
      expect([status, body.detail]).toEqual([
        409,
        expect.stringMatching(/^60 of 60 actions of all services began/),
      ]);
    expect((await api.post('/actions/any/test')).body).toMatchObject({
      dryRun: true,
      request: { method: 'POST' },
    });
    expect(await api.all('/executions?kind=test')).toHaveLength(1);
    expect(sink.requests).toHaveLength(48);
    // An hour later there is room again.
    await story.world.rows(
      `UPDATE executions SET started_at = started_at - interval '1 hour' WHERE kind = 'test'`,
    );
    const [one, two] = await Promise.all([1, 2].map(() => api.post('/actions/any/test', { dryRun: false })));
    expect([one!.status, two!.status].sort()).toEqual([200, 409]);
  }, 40_000);

  test('limits that are none are refused by name', async () => {
    const { body } = await api.post('/actions', {
      name: 'wrong',
      type: 'log_message',
      params: { message: 'x' },
      concurrency: 0,
      targetConcurrency: 1.5,
    });
    expect(body.errors).toMatchObject([{ pointer: '/concurrency' }, { pointer: '/targetConcurrency' }]);
  });

  test('an attempt shows what was sent and what the target said, secrets masked', async () => {
    sink.clear();
    sink.always = { status: 400, body: `no such team; you sent ${SECRET}` };
    await watch(['told'], {
      name: 'told',
      params: {
        url: `${url}/told`,
        body: '{"service": "{{ service.name }}"}',
        headers: { Authorization: `Basic ${SECRET}` },
      },
    });
    const [{ id }] = await executionsOf('many');
    await api.post(`/executions/${id}/cancel`);
    await story.world.rows(
      `UPDATE executions SET started_at = started_at - interval '2 hours' WHERE started_at IS NOT NULL`,
    );
    await begin(['told']);
    const [execution] = await until(async () => {
      const found = await executionsOf('told');
      return count(found, 'failed') === 1 && found;
    }, 10_000);
    expect(execution.attempts).toMatchObject([
      {
        outcome: 'permanent',
        request: {
          method: 'POST',
          url: `${url}/told`,
          headers: { Authorization: '***', 'Idempotency-Key': execution.id },
          body: '{"service": "told"}',
        },
        error: expect.stringContaining('answered 400 Bad Request: no such team; you sent '),
      },
    ]);
    expect(JSON.stringify(execution)).not.toContain(SECRET);
  }, 30_000);
});
