/** Names that every object has from elsewhere, wherever a name may come from outside; and what is stored and does not work. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, secret, until, World, type Json, type MonscaleProcess } from './program';
import { INHERITED } from './nasty-json';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 15_000;

describe('names from outside', () => {
  const sink = new WebhookSink();
  let world: World;
  let program: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const url = await sink.start();
    program = await world.start();
    ({ api } = program);
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: {
        url: `${url}/told`,
        body: '{"label": "{{ alert.labels.constructor }}", "absent": "{{ alert.labels.toString }}", "name": "{{ service.constructor }}"}',
      },
    });
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  const state = async (service: string): Promise<Json> => (await api.get(`/services/${service}/state`)).body;
  const send = (alert: object) => api.post('/alerts', alert);
  const metricNames = INHERITED.filter((name) => /^[a-z]\w*$/i.test(name) && name !== 'prototype');
  const counted = async (name: string): Promise<number> => {
    const { body } = await program.root.get('/metrics');
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(body as string)?.[1] ?? 0);
  };

  it('metrics may have them: read, windowed, told, simulated, exported', async () => {
    const metrics = Object.fromEntries(
      metricNames.map((name, index) => [
        name,
        index === 0
          ? { type: 'alert', params: { match: { alertname: 'Inherited' } } }
          : {
              type: 'static_count',
              params: { value: index },
              ...(index === 1 ? { window: { function: 'max', seconds: 60 } } : {}),
            },
      ]),
    );
    const [fed, windowed, last] = [metricNames[0]!, metricNames[1]!, metricNames.at(-1)!];
    const service = {
      name: 'inherited',
      intervalSeconds: 1,
      wisdomSeconds: 0,
      repeat: false,
      metrics,
      condition: `${fed} > 0 && ${windowed} > 0 && ${last} > 0 && !isMissing(${last})`,
      recovery: `${fed} < 1`,
      actions: ['tell'],
    };
    await api.create('/services', service);
    await until(async () => (await state('inherited')).reason === 'condition_false', WAIT_MS);
    const { values } = await state('inherited');
    expect(Object.keys(values).sort()).toEqual([...metricNames].sort());
    metricNames.forEach((name, index) => expect(values[name].value).toBe(index));

    const labels = { alertname: 'Inherited', constructor: 'a "label"' };
    expect((await send({ labels, value: 7 })).status).toBe(202);
    await until(async () => (await state('inherited')).phase === 'alarm', WAIT_MS);
    expect((await state('inherited')).values[fed].value).toBe(7);
    const [told] = await until(() => sink.requests.length > 0 && sink.requests, WAIT_MS);
    expect(JSON.parse(told!.body)).toEqual({ label: 'a "label"', absent: 'null', name: 'null' });

    for (const name of metricNames) {
      const samples = await api.get(`/services/inherited/samples?metric=${name}`);
      expect([name, samples.status, samples.body.points.length > 0]).toEqual([name, 200, true]);
    }
    for (const path of ['why', 'decisions', 'end-wisdom'])
      expect((await api.get(`/services/inherited/${path}`)).status).not.toBe(500);
    expect((await api.post('/services/inherited/evaluate')).body.values[last].value).toBeGreaterThan(0);
    const series = Object.fromEntries(metricNames.map((name) => [name, [[0, 5], [10, 0], [20, 5]]])); // prettier-ignore
    const simulated = await api.post('/simulations', { service, series });
    expect([simulated.status, simulated.body.summary?.triggers]).toEqual([200, 2]);
    const exported = (await api.get('/export')).body.services.find((one: Json) => one.name === 'inherited');
    expect(Object.keys(exported.metrics).sort()).toEqual([...metricNames].sort());
    const patched = await api.patch('/services/inherited', { metrics: { toString: null }, condition: '1 > 2', recovery: null }); // prettier-ignore
    expect(patched.status).toBe(200);
    expect(Object.hasOwn(patched.body.metrics, 'toString')).toBe(false);
  });

  it('a metric that nobody has read is missing, whatever every object has of its name', async () => {
    const params = { url: 'http://127.0.0.1:9/', path: '$.constructor' };
    await api.create('/services', {
      name: 'unread',
      intervalSeconds: 1,
      metrics: { constructor: { type: 'http_json', params }, valueOf: { type: 'http_json', params } },
      condition: 'isMissing(constructor) && valueOf > 1',
    });
    const read = await until(async () => {
      const one = await state('unread');
      return one.reason === 'missing_data' && one.values.constructor.error !== 'not read lately' && one;
    }, WAIT_MS);
    expect(read.values.constructor.error).toMatch(/127\.0\.0\.1|connect/i);
    expect(read.explanation).not.toMatch(/native code|function/i);
  });

  it('labels, params, filters, forms, headers and paths: taken, or refused by name', async () => {
    for (const name of INHERITED) {
      const quoted = JSON.stringify(name);
      const match = `{${quoted}: {"regex": ".*"}}`;
      const service = `{"name": "asks-${name}", "metrics": {"m": {"type": "alert", "params": {"match": ${match}}}}, "condition": "m > 1"}`;
      const answers = {
        service: await api.post('/services', service),
        label: await api.post('/alerts', `{"labels": {${quoted}: "x"}}`),
        key: await api.post('/alerts', `{"labels": {"a": "b"}, ${quoted}: {"a": 1}}`),
        param: await api.post('/services', `{"name": "x", "metrics": {"m": {"type": "static_count", "params": {${quoted}: 1}}}, "condition": "m > 1"}`), // prettier-ignore
        type: await api.post(
          '/services',
          `{"name": "x", "metrics": {"m": {"type": ${quoted}}}, "condition": "m > 1"}`,
        ),
        variable: await api.post('/services', `{"name": "x", "metrics": {"m": {"type": "static_count", "params": {"value": 1}}}, "condition": "${name} > 1"}`), // prettier-ignore
        policy: await api.post('/services', `{"name": "x", "metrics": {"m": {"type": "static_count", "params": {"value": 1}}}, "condition": "m > 1", "policy": {"type": ${quoted}}}`), // prettier-ignore
        format: await api.post('/sources', `{"name": "x", "format": ${quoted}}`),
        alerts: await api.post(`/alerts/${name}`, '{}'),
        patch: await api.patch(
          '/services/unread',
          `{"labels": {${quoted}: "x"}, ${quoted}: {"prototype": {"y": 1}}}`,
        ),
        section: await api.post('/import?dryRun=true', `{${quoted}: []}`),
        yaml: await api.post('/import?dryRun=true', `${name}: []\n<<: {services: []}\n`, {
          'Content-Type': 'application/yaml',
        }),
        old: await api.post('/import?dryRun=true', `[{"type": ${quoted}, "name": "x", ${quoted}: 1}]`),
        form: await program.root.put('/trap', `${name}=1&name=unread&value=1`, { 'Content-Type': 'application/x-www-form-urlencoded' }), // prettier-ignore
        filter: await api.get(`/alerts?${name}=1`),
        metric: await api.get(`/services/unread/samples?metric=${name}&function=${name}`),
        service_: await api.get(`/services/${name}`),
        encoding: await api.post('/alerts', '{}', { 'Content-Encoding': name }),
        series: await api.post('/simulations', `{"service": "unread", "series": {${quoted}: [[0, 1]]}}`),
        test: await api.post('/actions/tell/test', `{"variables": {${quoted}: {${quoted}: 1}}}`),
      };
      for (const [place, { status, body }] of Object.entries(answers)) {
        expect([name, place, status, status < 500]).toEqual([name, place, status, true]);
        if (status === 400) expect(`${place}: ${JSON.stringify(body)}`).toMatch(/detail/);
      }
      expect([name, answers.type.status, answers.policy.status, answers.format.status]).toEqual([name, 400, 400, 400]); // prettier-ignore
      expect([name, answers.encoding.status]).toEqual([name, 415]);
      expect(({} as Json).y).toBeUndefined();
    }
    // Those that ask for an absent label have it in every alert.
    const { body } = await send({ labels: { alertname: 'Anything' }, dedupKey: 'anything' });
    expect(body.rejected).toEqual([]);
    await until(async () => {
      const { body: list } = await api.get('/alerts?service=asks-toString');
      return list.items.some(({ dedupKey }: Json) => dedupKey === 'anything');
    }, WAIT_MS);
    const { token } = await api.create('/sources', { name: 'toString', format: 'native' });
    const sender = new Api(`${program.url}/api/v1`, secret(token as string));
    expect((await sender.post('/alerts', { labels: { constructor: 'x' } })).status).toBe(202);
  });

  it('what is stored and does not work is skipped, counted and named, and costs nobody else', async () => {
    const alertService = (name: string, changes: object = {}) =>
      api.create('/services', {
        name,
        intervalSeconds: 1,
        metrics: { outage: { type: 'alert', params: { match: { alertname: name } } } },
        condition: 'outage > 0',
        ...changes,
      });
    const polled = { metrics: { n: { type: 'static_count', params: { value: 1 } } }, condition: 'n > 0' };
    const names = ['bad-regex', 'bad-match', 'bad-condition', 'bad-type', 'bad-policy', 'bad-params'];
    for (const name of names)
      await alertService(name, ['bad-regex', 'bad-match'].includes(name) ? {} : polled);
    await alertService('good');
    await api.create('/services', { name: 'good-polled', intervalSeconds: 1, ...polled });
    const change = (name: string, set: string) =>
      world.rows(`UPDATE services SET version = version + 1, ${set} WHERE name = '${name}'`);
    await change('bad-regex', `metrics = jsonb_set(metrics, '{outage,params,match}', '{"alertname": {"regex": "("}}')`); // prettier-ignore
    await change('bad-match', `metrics = jsonb_set(metrics, '{outage,params}', '{"match": [null], "ttlSeconds": "x"}')`); // prettier-ignore
    await change('bad-condition', `condition = 'n >'`);
    await change('bad-type', `metrics = jsonb_set(metrics, '{n,type}', '"of_another_release"')`);
    await change('bad-policy', `expect = '{"condition": "nothing > 1", "withinSeconds": 5}'`);
    await change('bad-params', `metrics = jsonb_set(metrics, '{n,params}', '{"value": "x"}')`);
    await program.stop();
    program = await world.start();
    ({ api } = program);

    expect((await send({ labels: { alertname: 'good' } })).status).toBe(202);
    expect((await send({ labels: { alertname: 'bad-regex' } })).status).toBe(202);
    for (const name of ['good', 'good-polled'])
      await until(async () => (await state(name)).phase === 'alarm', WAIT_MS, `${name} is in alarm`);
    for (const name of ['bad-condition', 'bad-type', 'bad-policy', 'bad-params']) {
      const told = await until(async () => {
        const one = await state(name);
        return one.reason === 'missing_data' && one;
      }, WAIT_MS, `${name} is missing data`); // prettier-ignore
      expect([name, told.phase]).toEqual([name, 'unknown']);
      expect(told.values.n.error.length).toBeGreaterThan(10);
    }
    for (const name of ['bad-regex', 'bad-match'])
      expect((await state(name)).values.outage.error).toMatch(/match/);
    const listed = (await api.all('/services')).map(({ name }) => name as string);
    expect(listed).toEqual(expect.arrayContaining([...names, 'good', 'good-polled']));
    expect((await api.get('/export')).body.services.map(({ name }: Json) => name)).toContain('good');
    expect(await counted('monscale_subscriptions_skipped_total')).toBeGreaterThan(0);
    expect(await counted('monscale_services_skipped_total')).toBeGreaterThan(0);
    await sleep(2_000);
    const said = program.output.split('\n').filter((line) => line.includes('bad-regex'));
    expect(said.filter((line) => line.includes('no alert can feed'))).toHaveLength(1);
    expect(program.output.match(/service bad-condition is skipped/g)).toHaveLength(1);
  });
});
