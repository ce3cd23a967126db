import { setTimeout as sleep } from 'node:timers/promises';
import { inBatches, until, type Api, type Json } from './program';
import { Scenario } from './scenario';

const RACES = 200;

describe('rules that can be trusted', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin(['api,scheduler,worker', 'worker']);
    ({ api } = story);
    await story.useLists();
    const nodes = { type: 'static_count', params: { value: 3 } };
    await api.create('/infrastructures', { name: 'web', minNodes: 1, maxNodes: 10, nodes });
  }, 60_000);
  afterAll(() => story?.end());

  const definition = (name: string, changes: object = {}) =>
    story.watching(name, { wisdomSeconds: 600, ...changes });
  const watch = (name: string, changes: object = {}) => api.create('/services', definition(name, changes));

  it.concurrent(
    'why answers for now and for moments that are past, and a report sums them up',
    async () => {
      await watch('asked');
      await story.becomes('asked', 'ok', 5_000);
      const ok = await api.get('/services/asked/why');
      expect(ok.body).toMatchObject({
        phase: 'ok',
        reason: 'condition_false',
        values: { waiting: { value: 0 } },
        condition: { text: 'waiting > 2', filled: '0 > 2', truth: false },
        toChange: ['"waiting > 2" (waiting is 0) must become true and stay true for 2 s'],
      });
      await story.fill('asked');
      await story.isTold('asked', 1, 8_000);
      const ledger = await story.ledger('asked');
      const holding = ledger.find(({ reason }) => reason === 'holding');
      const at = new Date(Date.parse(holding.from) + 1_100).toISOString();
      const past = (await api.get(`/services/asked/why?at=${at}`)).body;
      expect(past).toMatchObject({
        at,
        phase: 'pending',
        reason: 'holding',
        from: holding.from,
        to: holding.to,
        explanation: holding.explanation,
        condition: { filled: '3 > 2', truth: true },
        guard: {
          reason: 'holding',
          detail: expect.stringMatching(/^its hold time of 2 s is not over; triggers at/),
        },
      });
      // Of the reading within the interval, not of its first.
      expect(Date.parse(past.values.waiting.at)).toBeGreaterThan(Date.parse(holding.from));
      await until(async () => (await story.state('asked')).reason === 'wisdom', 8_000);
      expect((await api.get('/services/asked/why')).body).toMatchObject({
        reason: 'wisdom',
        guard: { reason: 'wisdom' },
        toChange: [expect.stringMatching(/^the wisdom time must end, at /)],
      });
      expect((await api.get('/services/asked/why?at=2020-01-01T00:00:00Z')).status).toBe(404);
      expect((await api.get('/services/asked/why?at=soon')).body.errors).toMatchObject([{ pointer: '/at' }]);

      const report = (await api.get('/services/asked/report?days=1')).body;
      expect(report).toMatchObject({
        triggers: 1,
        secondsAtLimit: 0,
        directionChanges: 0,
        executions: { succeeded: 1 },
      });
      expect(report.secondsInAlarm).toBeGreaterThan(0);
      expect(Object.keys(report.reasons)).toEqual(
        expect.arrayContaining(['condition_false', 'holding', 'triggered']),
      );
      expect((await api.get('/services/asked/report?days=0')).status).toBe(400);
    },
    30_000,
  );

  it.concurrent(
    'a window is made of its readings, and says so while it fills',
    async () => {
      await story.fill('averaged', 6);
      const waiting = story.lengthOf('averaged');
      await watch('averaged', {
        metrics: { waiting: { ...waiting, window: { function: 'avg', seconds: 4 } } },
        condition: 'waiting > 4',
        holdSeconds: 0,
      });
      await story.isTold('averaged', 1, 8_000);
      const triggered = (await story.ledger('averaged')).find(({ reason }) => reason === 'triggered');
      expect(triggered.explanation).toMatch(/^waiting is 6 \(avg 4 s, 1 s of it seen\), over 4/);
      const now = (await api.post('/services/averaged/evaluate')).body.values.waiting;
      expect(now.value).toBe(6);
      await story.fill('averaged', 0);
      const fallen = (await api.post('/services/averaged/evaluate')).body.values.waiting;
      expect(fallen.value).toBeGreaterThan(0);
      expect(fallen.value).toBeLessThan(6);
      await until(async () => {
        const { waiting: windowed } = (await api.get('/services/averaged/state')).body.values;
        return windowed.value > 0 && windowed.value < 6;
      }, 4_000);
      await story.becomes('averaged', 'ok', 8_000);
      const { points } = (await api.get('/services/averaged/samples')).body;
      expect(points.at(-1)[1]).toBe(0);
    },
    30_000,
  );

  it.concurrent(
    'a window without enough readings is missing data; a rate knows a counter that begins anew',
    async () => {
      await story.fill('few');
      const waiting = story.lengthOf('few');
      await watch('few', {
        metrics: {
          many: { ...waiting, window: { function: 'avg', seconds: 60, minSamples: 50 } },
          rate: { ...waiting, window: { function: 'rate', seconds: 60 } },
        },
        condition: 'many > 1 || rate > 5',
      });
      await until(async () => {
        const { values } = await story.state('few');
        return values.rate.value === 0 && /of at least 50 readings in 1 min/.test(values.many.error);
      }, 8_000);
      expect((await story.state('few')).phase).toBe('unknown');
    },
    30_000,
  );

  it.concurrent(
    'a shadow next to an auto service of the same rule has the same ledger, and only one of them acted',
    async () => {
      const scaling = { infrastructure: 'web', direction: 'up', wisdomSeconds: 4 };
      await watch('twin', scaling);
      // They ask the same Redis: in one slot, both are evaluated at the same moments.
      await watch('twin-shadow', {
        ...scaling,
        mode: 'shadow',
        metrics: definition('twin').metrics,
      });
      await story.becomes('twin-shadow', 'ok', 5_000);
      await story.fill('twin');
      await story.isTold('twin', 2, 15_000);
      await story.fill('twin', 0);
      await story.becomes('twin', 'ok', 5_000);
      await story.becomes('twin-shadow', 'ok', 5_000);
      const [one, other] = await Promise.all([story.ledger('twin'), story.ledger('twin-shadow')]);
      const essence = (ledger: Json[]) =>
        ledger
          .filter(({ phase }) => phase !== 'unknown')
          .slice(1)
          .map(({ from, to, phase, reason }) => [from, to, phase, reason.replace('shadowed', 'triggered')]);
      expect(essence(other)).toEqual(essence(one));
      expect(essence(one).filter(([, , , reason]) => reason === 'triggered')).toHaveLength(2);
      expect(story.told('twin-shadow')).toEqual([]);
      const shadowed = await api.all('/executions?service=twin-shadow');
      expect(shadowed.map(({ status, attempts }) => [status, attempts])).toEqual([
        ['shadowed', []],
        ['shadowed', []],
      ]);
    },
    40_000,
  );

  it.concurrent(
    'an up rule and a down rule that work against each other are stopped, and a person may let them go on',
    async () => {
      const nodes = { type: 'static_count', params: { value: 5 } };
      await api.create('/infrastructures', { name: 'torn', maxDirectionChangesPerHour: 1, nodes });
      await story.fill('torn');
      const against = (name: string, direction: string) =>
        watch(name, {
          metrics: { waiting: story.lengthOf('torn') },
          holdSeconds: 0,
          wisdomSeconds: 1,
          infrastructure: 'torn',
          direction,
          actions: [],
        });
      await Promise.all([against('torn-up', 'up'), against('torn-down', 'down')]);
      const flapping = async () => {
        const states = await Promise.all(['torn-up', 'torn-down'].map((name) => story.state(name)));
        return states.every(({ reason }) => reason === 'flapping') && states;
      };
      const [state] = await until(flapping, 15_000);
      expect(state.explanation).toMatch(
        /torn was to go up and down more than 1 times within an hour, so nobody scales it before/,
      );
      const { frozenUntil } = (await api.get('/infrastructures/torn/capacity')).body;
      expect(Date.parse(frozenUntil) - Date.now()).toBeGreaterThan(3_500_000);
      const report = (await api.get('/services/torn-up/report')).body;
      expect(report.directionChanges).toBe(1);
      expect((await api.post('/infrastructures/torn/end-freeze')).body).not.toHaveProperty('frozenUntil');
      expect((await api.post('/infrastructures/torn/end-freeze')).status).toBe(409);
      await until(async () => (await api.get('/services/torn-up/report')).body.directionChanges > 1, 10_000);
    },
    40_000,
  );

  it.concurrent(
    'a rule of monscale 2014 fires as it did there',
    async () => {
      const { hostname, port } = new URL(story.listsUrl);
      const data = {
        redis_host: hostname,
        redis_port: Number(port),
        redis_db: Number(new URL(story.listsUrl).pathname.slice(1) || 0),
        redis_list_name: 'of-2014',
      };
      const threshold = { type: 'Threshold', metric: 'redis_list_length' };
      const plan = await api.post('/import', [
        {
          type: 'ScaleAction',
          name: 'say',
          action: 'log_info_message',
          data: { message: 'more of logstash' },
        },
        { ...threshold, assessment: 'over 2', time_limit: 2, operand: '>', value: 2 },
        { ...threshold, assessment: 'at most 9', time_limit: 0, operand: '<=', value: 9 },
        { type: 'ServiceInfrastructure', name: 'logstash', max_nodes: 8, min_nodes: 1 },
        {
          type: 'MonitoredService',
          name: 'logstash up',
          threshold: ['over 2', 'at most 9'],
          action: ['say'],
          active: true,
          wisdom_time: 3,
          data,
          infrastructure: 'logstash',
        },
      ]);
      expect(plan.body.created).toHaveLength(3);
      // It was asked every 10 s there, of a Redis without a password.
      const metrics = { redis_list_length: { params: { url: story.listsUrl } } };
      expect((await api.patch('/services/logstash up', { intervalSeconds: 1, metrics })).status).toBe(200);
      await story.becomes('logstash up', 'ok', 8_000);
      await story.fill('of-2014');
      const fired = async () =>
        (await story.ledger('logstash up')).filter(({ reason }) => reason === 'triggered');
      await until(async () => (await fired()).length === 2, 15_000);
      const [first, second] = await fired();
      const pending = (await story.ledger('logstash up')).find(({ reason }) => reason === 'holding');
      // The longest time limit first, then once per wisdom time.
      expect(Date.parse(first.from) - Date.parse(pending.from)).toBe(2_000);
      expect(Date.parse(second.from) - Date.parse(first.from)).toBe(3_000);
      const executions = await api.all('/executions?service=logstash up');
      expect(executions[0]).toMatchObject({ action: 'say', justification: expect.any(String) });
      await story.fill('of-2014', 12);
      await story.becomes('logstash up', 'ok', 5_000);
    },
    40_000,
  );

  it.concurrent(
    'what was polled live and what is simulated from history and from a series give the same triggers',
    async () => {
      const rule = {
        wisdomSeconds: 3,
        recovery: 'waiting < 2',
        metrics: {
          waiting: {
            ...story.lengthOf('told'),
            window: { function: 'max', seconds: 2 },
          },
        },
      };
      await watch('told', rule);
      await story.becomes('told', 'ok', 5_000);
      for (const count of [4, 4, 4, 4, 2, 4, 4, 4, 4, 0, 0, 0]) {
        await story.fill('told', count);
        await sleep(1_000);
      }
      await story.becomes('told', 'ok', 6_000);
      const live = (await story.ledger('told')).filter(({ trigger }) => trigger !== undefined);
      expect(live.length).toBeGreaterThanOrEqual(2);

      const history = await api.post('/simulations', { service: 'told' });
      expect(history.status).toBe(200);
      expect(history.body.triggers.map(({ at }: Json) => at)).toEqual(live.map(({ from }) => from));
      expect(history.body.triggers[0].values).toEqual({ waiting: live[0].values.waiting.value });
      const intervals = (await story.ledger('told')).filter(({ phase }) => phase !== 'unknown');
      expect(
        history.body.timeline.slice(0, intervals.length).map(({ from, reason }: Json) => [from, reason]),
      ).toEqual(intervals.map(({ from, reason }) => [from, reason]));

      const { points } = (await api.get('/services/told/samples')).body;
      const first = Date.parse(points[0][0]);
      const series = points.map(([at, value]: [string, number]) => [(Date.parse(at) - first) / 1000, value]);
      const simulated = await api.post('/simulations', { service: 'told', series: { waiting: series } });
      expect(
        simulated.body.triggers.map(({ at }: Json) => new Date(first + at * 1000).toISOString()),
      ).toEqual(live.map(({ from }) => from));
    },
    40_000,
  );

  it.concurrent('a simulation of given numbers, and of what another definition would have done', async () => {
    const service = definition('imagined', {
      metrics: { cpu: story.lengthOf('x') },
      condition: 'cpu > 80',
      intervalSeconds: 10,
      holdSeconds: 20,
      wisdomSeconds: 30,
      infrastructure: 'web',
      direction: 'up',
    });
    const series = {
      cpu: [
        [0, 10],
        [10, 90],
        [20, 90],
        [30, 90],
        [40, 90],
        [50, null],
        [60, 90],
        [70, 90],
        [80, 10],
      ],
    };
    const { status, body } = await api.post('/simulations', { service, series, nodes: 9 });
    expect(status).toBe(200);
    expect(body.triggers).toEqual([
      { at: 30, values: { cpu: 90 }, nodes: { current: 9, desired: 10, delta: 1 } },
    ]);
    expect(body.timeline).toEqual([
      { from: 0, to: 10, phase: 'ok', reason: 'condition_false' },
      { from: 10, to: 30, phase: 'pending', reason: 'holding' },
      { from: 30, to: 40, phase: 'alarm', reason: 'triggered' },
      { from: 40, to: 50, phase: 'alarm', reason: 'holding' },
      { from: 50, to: 60, phase: 'unknown', reason: 'missing_data' },
      { from: 60, to: 80, phase: 'alarm', reason: 'holding' },
      { from: 80, to: 80, phase: 'ok', reason: 'condition_false' },
    ]);
    expect(body.summary).toEqual({
      triggers: 1,
      secondsInAlarm: 40,
      secondsAtLimit: 0,
      escalations: 0,
      secondsMissing: 10,
      transitions: 5,
    });

    const compared = await api.post('/simulations', {
      service: { ...service, holdSeconds: 0 },
      compareWith: service,
      series,
      nodes: 9,
    });
    expect(compared.body.comparison).toMatchObject({
      gained: [{ at: 10 }],
      lost: [{ at: 30 }],
      difference: { triggers: 0, secondsAtLimit: expect.any(Number) },
    });
    expect(compared.body.comparison.difference.secondsAtLimit).toBeGreaterThan(0);
  });

  it.concurrent('a simulation that can not be had says where', async () => {
    const service = definition('wrong');
    const pointers = async (body: object) => {
      const answer = await api.post('/simulations', body);
      expect(answer.status).toBe(400);
      return answer.body.errors.map(({ pointer }: Json) => pointer);
    };
    expect(await pointers({ service: 'nobody' })).toEqual(['/service']);
    expect(await pointers({ service })).toEqual(['/series']);
    expect(await pointers({ service: { ...service, condition: 'wating > 2' } })).toEqual([
      '/service/condition',
    ]);
    expect(
      await pointers({
        service,
        series: {
          waiting: [
            [10, 1],
            [5, 1],
          ],
        },
      }),
    ).toEqual(['/series/waiting/1/0']);
    expect(await pointers({ service, series: { waiting: [[0, 'many']] } })).toEqual(['/series/waiting/0/1']);
    expect(await pointers({ service, series: { waiting: [[-1, 1]] } })).toEqual(['/series/waiting/0/0']);
    expect(await pointers({ service, series: { other: [[0, 1]] } })).toEqual(['/series/other']);
    expect(await pointers({ service, series: { waiting: [] } })).toEqual(['/series']);
    expect(
      await pointers({
        service,
        series: {
          waiting: [
            [0, 1],
            [1e9, 1],
          ],
        },
      }),
    ).toEqual(['/evaluateEverySeconds']);
    const infinite = await api.post(
      '/simulations',
      JSON.stringify({ service, series: { waiting: [[0, 'huge']] } }).replace('"huge"', '1e999'),
    );
    expect(infinite.body.errors).toMatchObject([{ pointer: '/series/waiting/0/1' }]);
    expect(await api.all('/services')).not.toContainEqual(expect.objectContaining({ name: 'wrong' }));
  });

  // Alone: so many services leave the machine no time to poll the others punctually.
  test(`an alert and a poll on one service at the same moment, ${RACES} times: one trigger each`, async () => {
    const names = Array.from({ length: RACES }, (_, index) => `race-${index}`);
    await inBatches(names, 16, (name) =>
      watch(name, {
        metrics: {
          waiting: story.lengthOf('races'),
          outage: { type: 'alert', params: { match: { service: name } } },
        },
        condition: 'waiting > 2 || outage == 1',
        holdSeconds: 0,
        actions: [],
      }),
    );
    const alerts = names.map((service) => ({ labels: { service } }));
    await Promise.all([story.fill('races'), api.post('/alerts', alerts)]);
    const triggers = () =>
      story.world.rows(
        `SELECT s.name, count(t.id)::int AS count FROM services s LEFT JOIN triggers t ON t.service_id = s.id
           WHERE s.name LIKE 'race-%' GROUP BY 1`,
      );
    await until(async () => (await triggers()).every(({ count }) => count > 0), 30_000);
    // Everything that is on its way comes to its end.
    await sleep(3_000);
    expect((await triggers()).filter(({ count }) => count !== 1)).toEqual([]);
  }, 90_000);
});

describe('the kill switch in the API', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    await story.fed('down', { wisdomSeconds: 1 });
    await story.fed('asking', { mode: 'approve' });
  }, 60_000);
  afterAll(() => story?.end());

  test('while it is on nothing triggers, nothing is approved, and it says so; off again, things go on', async () => {
    await story.fire('asking');
    const [waiting] = await until(async () => {
      const found = await api.all('/executions?service=asking');
      return found.length > 0 && found;
    }, 10_000);

    expect((await api.get('/kill-switch')).body).toEqual({ on: false });
    const turned = await api.put('/kill-switch', { on: true, reason: 'a bad night' });
    expect(turned.body).toMatchObject({ on: true, by: 'the administrator', reason: 'a bad night' });
    expect(Math.abs(Date.parse(turned.body.at) - Date.now())).toBeLessThan(60_000);
    const { token } = await api.create('/tokens', { name: 'night watch', role: 'operator' });
    await api.as(token).put('/kill-switch', { on: true, reason: 'a worse night' });
    const shown = (await api.get('/kill-switch')).body;
    expect(shown).toMatchObject({
      on: true,
      by: 'token night watch of the administrator',
      reason: 'a worse night',
    });
    expect(Date.parse(shown.at)).toBeGreaterThan(Date.parse(turned.body.at));
    expect((await api.post(`/executions/${waiting.id}/approve`)).status).toBe(409);

    await story.fire('down');
    await until(async () => {
      const state = await story.state('down');
      return state.reason === 'kill_switch' && /the kill switch is on/.test(state.explanation);
    }, 10_000);
    expect((await api.get('/services/down/why')).body).toMatchObject({
      guard: { reason: 'kill_switch' },
      toChange: ['the kill switch must be turned off'],
    });
    await sleep(1_500);
    expect(story.sink.requests).toEqual([]);

    expect((await api.put('/kill-switch', {})).body.errors).toMatchObject([{ pointer: '/on' }]);
    await api.put('/kill-switch', { on: false });
    await story.fire('down', { labels: { service: 'down', again: 'yes' } });
    await until(() => story.sink.requests.length === 1, 10_000);
    expect((await api.post(`/executions/${waiting.id}/approve`)).status).toBe(200);
    await until(() => story.sink.requests.length === 2, 10_000);
  }, 60_000);
});
