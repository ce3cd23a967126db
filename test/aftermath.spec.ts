import { until, type Api, type Json } from './program';
import { Scenario } from './scenario';

describe('what follows from a trigger', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    for (const name of ['scale', 'page', 'boss', 'relax'])
      await story.hook(name, { body: '{"why": "{{ trigger.justification }}"}' });
  }, 60_000);
  afterAll(() => story?.end());

  beforeEach(() => story.sink.clear());

  const service = (name: string, changes: object = {}) => ({
    name,
    metrics: { load: { type: 'alert', params: { match: { service: name } } } },
    condition: 'load > 80',
    actions: ['scale'],
    ...changes,
  });
  const tell = (name: string, value: number) =>
    api.post('/alerts', { labels: { service: name }, dedupKey: name, value });
  const paths = () => story.sink.requests.map(({ path }) => path);
  const decisionsOf = async (name: string): Promise<Json[]> =>
    (await api.get(`/services/${name}/decisions`)).body.items;

  test('steps are taken while the alarm lasts, without another alert, each once', async () => {
    const then = [
      { afterSeconds: 1, actions: ['page'] },
      { afterSeconds: 2.5, actions: ['boss', 'page'] },
    ];
    expect(await api.create('/services', service('web', { then, onRecovery: ['relax'] }))).toMatchObject({
      then,
    });
    await tell('web', 93);
    await until(() => paths().length === 4, 10_000);
    expect(paths().slice(0, 2)).toEqual(['/scale', '/page']);
    expect(paths().slice(2).sort()).toEqual(['/boss', '/page']);
    expect(JSON.parse(story.sink.requests[1]!.body).why).toMatch(
      /^still in alarm [1-9]\d*(\.\d)? s after its first trigger; load is 93/,
    );
    const page = (await api.all('/executions?service=web&action=page')).at(-1);
    expect(page.justification).toMatch(/still in alarm/);
    const executions = (await decisionsOf('web')).flatMap((decision) => decision.executions ?? []);
    expect(executions).toContain(page.id);
    await tell('web', 10);
    await until(() => paths().includes('/relax'), 10_000);
    expect(paths()).toHaveLength(5);
  }, 30_000);

  test('an alarm that has ended in time goes no further', async () => {
    await api.create('/services', service('brief', { then: [{ afterSeconds: 2, actions: ['boss'] }] }));
    await tell('brief', 93);
    await until(() => paths().length === 1, 10_000);
    await tell('brief', 10);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(paths()).toEqual(['/scale']);
  }, 30_000);

  test('whether the action helped is on record, and changes nothing', async () => {
    const expectation = { condition: 'load < 60', withinSeconds: 2 };
    const created = await api.create('/services', service('good', { expect: expectation }));
    expect(created).toMatchObject({ expect: expectation });
    await api.create('/services', service('bad', { expect: expectation }));
    await Promise.all([tell('good', 93), tell('bad', 93)]);
    await until(() => paths().length === 2, 10_000);
    await until(async () => (await api.all('/executions?status=succeeded')).length >= 2, 10_000);
    await tell('good', 55);
    const effectOf = (name: string) =>
      until(async () => (await decisionsOf(name)).find(({ effect }) => effect !== undefined), 10_000);
    expect((await effectOf('good')).effect).toEqual({
      outcome: 'helped',
      at: expect.stringMatching(/^20.*Z$/),
      explanation: expect.stringMatching(/^load < 60 is true \d(\.\d)? s after the trigger; load is 55$/),
    });
    expect((await effectOf('bad')).effect).toMatchObject({
      outcome: 'not_helped',
      explanation: expect.stringMatching(/^load < 60 is not true 2(\.\d)? s after the trigger; load is 93$/),
    });
    expect((await api.get('/services/good/report')).body.effects).toEqual({ helped: 1 });
    expect(paths()).toHaveLength(2);
  }, 30_000);

  test('an action that did not succeed did not help', async () => {
    story.sink.always = { status: 404 };
    await api.create(
      '/services',
      service('failing', { expect: { condition: 'load < 60', withinSeconds: 30 } }),
    );
    await tell('failing', 93);
    await until(
      async () => (await api.all('/executions?service=failing&status=failed')).length === 1,
      10_000,
    );
    await tell('failing', 10);
    const { effect } = await until(
      async () => (await decisionsOf('failing')).find((decision) => decision.effect !== undefined),
      10_000,
    );
    expect(effect).toMatchObject({ outcome: 'not_executed' });
  }, 30_000);

  test('mistakes are told by their place, and actions of a step are in use', async () => {
    const then = [
      { afterSeconds: 60, actions: ['boss', 'nobody'] },
      { afterSeconds: 90, actions: ['page'] },
    ];
    const wrong = await api.post('/services', {
      ...service('wrong'),
      then,
      expect: { condition: 'lod < 60', withinSeconds: 60 },
    });
    expect(wrong.body.errors.map(({ pointer }: Json) => pointer)).toEqual([
      '/then/0/actions/1',
      '/expect/condition',
    ]);
    const falling = [
      { afterSeconds: 60, actions: ['page'] },
      { afterSeconds: 60, actions: [] },
    ];
    expect((await api.post('/services', { ...service('wrong'), then: falling })).body.errors).toMatchObject([
      { pointer: '/then/1/afterSeconds' },
      { pointer: '/then/1/actions' },
    ]);
    expect((await api.delete('/actions/boss')).body.detail).toContain('brief');
  });
});
