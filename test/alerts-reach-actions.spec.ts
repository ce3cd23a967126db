import { until, type Api, type Json } from './program';
import { Scenario } from './scenario';

const WAIT_MS = 15_000;

/** What an alert says reaches whoever acts on it; what is pushed has a history. */
describe('what alerts say', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    await story.hook('whole');
    await story.hook('restart', {
      body: '{"host": "{{ alert.labels.instance }}", "all": "{% for one in alerts %}{{ one.labels.instance }} {% endfor %}", "total": {{ alertsTotal }}}',
    });
    await story.hook('chat', {}, { name: 'say', type: 'chat' });
  }, 60_000);
  afterAll(() => story?.end());

  const watch = (name: string, more: object = {}) =>
    api.create('/services', {
      name,
      metrics: { down: { type: 'alert', params: { match: { alertname: name } } } },
      condition: 'down > 0',
      ...more,
    });
  const sent = (path: string): Json[] =>
    story.sink.requests.filter((one) => one.path === path).map(({ body }) => JSON.parse(body));
  const alert = (name: string, instance: string) => ({
    labels: { alertname: name, instance },
    annotations: { summary: `${instance} does not answer` },
  });

  test('labels, annotations and source of those that feed a trigger stand in templates, bodies, sentences and why', async () => {
    await watch('HostDown', { actions: ['whole', 'restart', 'say'], onRecovery: ['restart'] });
    await api.post('/alerts', [alert('HostDown', 'db-7')]);
    await until(() => ['/whole', '/restart', '/chat'].every((path) => sent(path).length === 1), WAIT_MS);
    expect(sent('/restart')[0]).toEqual({ host: 'db-7', all: 'db-7 ', total: 1 });
    const [{ alerts, alertsTotal }] = sent('/whole');
    expect([alerts, alertsTotal]).toEqual([
      [{ ...alert('HostDown', 'db-7'), source: 'api', at: expect.stringMatching(/Z$/) }],
      1,
    ]);
    expect(sent('/chat')[0].text).toMatch(
      /^HostDown: down is 1, over 0; HostDown\{instance="db-7"\} since \d\d:\d\d:\d\dZ: db-7 does not answer; triggered at /,
    );
    expect((await api.get('/services/HostDown/why')).body).toMatchObject({
      alerts: [alert('HostDown', 'db-7')],
      alertsTotal: 1,
    });
    // When it is over, it is known whom it was about.
    await api.post('/alerts', [{ ...alert('HostDown', 'db-7'), status: 'resolved' }]);
    await until(() => sent('/restart').length === 2, WAIT_MS);
    expect(sent('/restart')[1]).toMatchObject({ host: 'db-7', total: 1 });
  }, 60_000);

  test('a service that triggers once per alert is told of that alert, whatever fires beside it', async () => {
    story.sink.clear();
    await watch('Each', { actions: ['restart'], wisdomSeconds: 0 });
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();
    // The one that began first comes last.
    for (const [host, seconds] of [
      ['db-1', 60],
      ['db-2', 30],
      ['db-3', 90],
    ] as const) {
      await api.post('/alerts', [{ ...alert('Each', host), at: ago(seconds) }]);
      await until(() => sent('/restart').some((one) => one.host === host), WAIT_MS);
    }
    expect(sent('/restart').map(({ host, total }) => [host, total])).toEqual([
      ['db-1', 1],
      ['db-2', 1],
      ['db-3', 1],
    ]);
    const items: Json[] = await api.all('/alerts?service=Each');
    expect(items.map(({ executions }) => executions.length)).toEqual([1, 1, 1]);
  }, 60_000);

  test('of many all are told, up to a hundred, the newest first', async () => {
    const at = Date.now() - 200_000;
    await api.post(
      '/alerts',
      Array.from({ length: 150 }, (_, n) => ({
        ...alert('Many', `db-${n}`),
        at: new Date(at + n * 1_000).toISOString(),
      })),
    );
    story.sink.clear();
    await watch('Many', { actions: ['whole'], holdSeconds: 1 });
    await until(() => sent('/whole').length === 1, WAIT_MS);
    const [{ alerts, alertsTotal }] = sent('/whole');
    expect(alertsTotal).toBe(150);
    expect(alerts.map((one: Json) => one.labels.instance)).toEqual(
      Array.from({ length: 100 }, (_, n) => `db-${149 - n}`),
    );
    expect((await story.state('Many')).explanation).toMatch(
      /Many\{instance="db-149"\} since .* \(and 149 more\)/,
    );
  }, 60_000);

  test('numbers that are sent are samples at their own time, and windows are made of them', async () => {
    await watch('queue', {
      metrics: {
        length: {
          type: 'alert',
          params: { match: { q: 'orders' } },
          window: { function: 'avg', seconds: 600 },
        },
      },
      condition: 'length > 1000',
    });
    const at = (ago: number) => new Date(Math.floor(Date.now() / 1000) * 1000 - ago * 1000).toISOString();
    const moments = [at(120), at(60), at(5)];
    for (const [index, value] of [10, 20, 60].entries())
      await api.post('/alerts', { service: 'queue', value, at: moments[index] });
    const state = await until(async () => {
      const one = await story.state('queue');
      return one.values.length.value === 30 && one;
    }, WAIT_MS);
    expect(state.values.length.at).toBe(new Date(moments[2]!).toISOString());
    const { points } = (await api.get(`/services/queue/samples?metric=length&from=${at(300)}`)).body;
    expect(points).toEqual(moments.map((one, index) => [one, [10, 20, 60][index]]));

    // One that is sent again is another value, and its time is that of its receipt.
    await api.post('/alerts', { service: 'queue', value: 7 });
    await until(async () => (await story.state('queue')).values.length.value < 30, WAIT_MS);
    const first = (await story.state('queue')).values.length.at;
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    await api.post('/alerts', { service: 'queue', value: 7 });
    await until(async () => {
      const answer = await api.get(`/services/queue/samples?metric=length&from=${at(30)}`);
      return answer.body.points.filter(([, value]: [string, number]) => value === 7).length === 2;
    }, WAIT_MS);
    await until(async () => (await story.state('queue')).values.length.at > first, WAIT_MS);

    const { timeline, summary } = (
      await api.post('/simulations', {
        service: {
          name: 'queue',
          metrics: { length: { type: 'alert', params: { match: { q: 'orders' } } } },
          condition: 'length > 50',
        },
        from: at(300),
      })
    ).body;
    expect([timeline.map(({ reason }: Json) => reason), summary.triggers]).toEqual([
      ['condition_false', 'triggered', 'condition_false'],
      1,
    ]);
  }, 60_000);

  test('every number that is sent with its time is a sample, in whatever order and together with others', async () => {
    await watch('disk', {
      metrics: { free: { type: 'alert', params: { match: { disk: 'a' } } } },
      condition: 'free < 5',
    });
    const at = (ago: number) => new Date(Math.floor(Date.now() / 1000) * 1000 - ago * 1000).toISOString();
    const [a, b, c, d, e] = [at(100), at(80), at(60), at(40), at(20)] as [
      string,
      string,
      string,
      string,
      string,
    ];
    const number = (value: number, when: string) => ({ service: 'disk', value, at: when });
    await api.post('/alerts', [number(10, a), number(30, c), number(20, b), number(50, e)]);
    await until(async () => (await story.state('disk')).values.free.value === 50, WAIT_MS);
    // Late, on its own: it is the past, not what is now.
    await api.post('/alerts', number(40, d));
    const points = await until(async () => {
      const found = (await api.get(`/services/disk/samples?metric=free&from=${at(300)}`)).body.points;
      return found.length === 5 && found;
    }, WAIT_MS);
    expect(points).toEqual([a, b, c, d, e].map((one, index) => [one, 10 * (index + 1)]));
    expect((await story.state('disk')).values.free).toEqual({ value: 50, at: new Date(e).toISOString() });
  }, 60_000);

  test.each([
    ['avg', 'n > 50', 'alarm', 'ok', 0],
    ['max', 'n > 50', 'alarm', 'ok', 0],
    ['count', 'n >= 2', 'alarm', 'ok', 0],
    ['sum', 'n > 100', 'alarm', 'ok', 0],
    ['rate', 'n > 0', 'alarm', 'unknown', undefined],
    ['delta', 'n > 0', 'alarm', 'unknown', undefined],
  ])(
    'what alerts said leaves a window though nothing new arrives: %s',
    async (name, condition, first, last, value) => {
      const service = `moving-${name}`;
      const n = {
        type: 'alert',
        params: { match: { for: service } },
        window: { function: name, seconds: 5 },
      };
      await watch(service, { metrics: { n }, condition, intervalSeconds: 1 });
      const at = (agoMs: number) => new Date(Date.now() - agoMs).toISOString();
      const number = (sent: number, agoMs: number) => ({ service, value: sent, at: at(agoMs) });
      await api.post('/alerts', [number(60, 1_500), number(70, 500)]);
      await until(async () => (await story.state(service)).phase === first, WAIT_MS);
      if (value === 0 && name !== 'count' && name !== 'sum')
        await api.post('/alerts', { service, status: 'resolved' });
      await until(async () => (await story.state(service)).phase === last, WAIT_MS);
      await until(async () => (await story.state(service)).values.n.value === value, WAIT_MS);
    },
    60_000,
  );
});
