import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, World, type Api, type Json, type MonscaleProcess } from './program';
import { Scenario } from './scenario';
import { KubernetesStandIn, type Workload } from './stand-ins/kubernetes';
import { SnsStandIn } from './stand-ins/sns';
import { WebhookSink } from './stand-ins/webhook-sink';

const SECRET = secret('not-for-anybody-s-eyes');

describe('an action tried by a person', () => {
  const sink = new WebhookSink();
  let world: World;
  let api: Api;
  let url: string;

  beforeAll(async () => {
    world = await World.create();
    url = await sink.start();
    ({ api } = await world.start());
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: {
        url: `${url}/{{ service.name }}`,
        headers: { Authorization: `Bearer ${SECRET}` },
        body: '{"nodes": {{ nodes.desired }}, "why": "{{ trigger.justification }}"}',
      },
    });
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  test('shows the request that would be sent, secrets masked, and sends nothing', async () => {
    const { status, body } = await api.post('/actions/tell/test', {
      variables: { service: { name: 'web' }, nodes: { current: 4, desired: 5, delta: 1 } },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      dryRun: true,
      request: { method: 'POST', url: `${url}/web`, body: '{"nodes": 5, "why": "a test by a person"}' },
    });
    expect(JSON.stringify(body)).not.toContain(SECRET);
    expect((await api.post('/actions/tell/test')).body).toMatchObject({ dryRun: true, request: {} });
    expect(sink.requests).toEqual([]);
  });

  test('is tried once when it is asked for: an execution of kind test, of no service', async () => {
    const { body } = await api.post('/actions/tell/test', { dryRun: false });
    expect(body).toMatchObject({ dryRun: false, outcome: 'succeeded' });
    expect(sink.requests).toMatchObject([{ path: '/test', headers: { authorization: `Bearer ${SECRET}` } }]);
    const [execution, ...others] = await api.all('/executions?kind=test');
    expect(execution).toMatchObject({
      id: body.execution,
      kind: 'test',
      action: 'tell',
      status: 'succeeded',
      justification: 'a test by the administrator',
      idempotencyKey: sink.requests[0]!.headers['idempotency-key'],
      attempts: [{ outcome: 'succeeded', request: { method: 'POST', url: `${url}/test` } }],
      finishedAt: expect.any(String),
    });
    expect(JSON.stringify(execution)).not.toContain(SECRET);
    expect(Object.keys(execution)).not.toEqual(expect.arrayContaining(['service']));
    expect(others).toEqual([]);
    expect(await api.all('/executions?action=tell')).toHaveLength(1);
    expect(await api.all('/executions?kind=trigger')).toEqual([]);
    expect(await api.all('/executions?service=test')).toEqual([]);
  });

  test('is never tried again, whatever came of it', async () => {
    sink.next.push({ status: 503 });
    const { body } = await api.post('/actions/tell/test', { dryRun: false });
    expect(body).toMatchObject({ outcome: 'retryable' });
    const { body: execution } = await api.get(`/executions/${body.execution}`);
    expect(execution).toMatchObject({ status: 'failed', attempts: [{ outcome: 'retryable' }] });
    const retried = await api.post(`/executions/${body.execution}/retry`);
    expect([retried.status, retried.body.detail]).toEqual([409, expect.stringMatching(/not retried/)]);
    expect((await api.post('/executions/retry', { action: 'tell' })).body).toEqual({ retried: 0 });
  });

  test('counts under the limits of all executions, and begins nothing beyond them', async () => {
    await api.create('/actions', {
      name: 'slow',
      type: 'webhook',
      concurrency: 1,
      params: { url: `${url}/slow` },
    });
    sink.next.push({ delayMs: 1_000 });
    const first = api.post('/actions/slow/test', { dryRun: false });
    const running = await until(
      async () => (await api.all('/executions?action=slow&status=running'))[0],
      5_000,
    );
    // It was written down before it was sent.
    expect(running).toMatchObject({ kind: 'test', attempts: [{ request: { url: `${url}/slow` } }] });
    const second = await api.post('/actions/slow/test', { dryRun: false });
    expect([second.status, second.body.detail]).toEqual([409, '1 of 1 executions of slow are in flight']);
    expect((await first).body).toMatchObject({ outcome: 'succeeded' });
    expect(await api.all('/executions?action=slow')).toHaveLength(1);
  });

  test('whose process dies ends unknown, and is not sent again', async () => {
    await storeOldReferences();
    const other = await world.start('api');
    await until(() => /18 more can't have their secrets/.test(other.output), 5_000);
    expect(other.output).toMatch(
      /actions old-1 can't have its secrets: .*\\"env\\":\\"DATABASE_URL\\".* must name a variable MONSCALE_PARAM_/,
    );
    expect(other.output).toMatch(
      /actions old-2 can't have its secrets: .*\\"file\\":\\"\/etc\/passwd\\".* does not lie below/,
    );
    expect(other.output.match(/can't have its secrets/g)).toHaveLength(20);
    expect(other.output).not.toMatch(/actions (allowed|tell|slow) can't/);
    await world.rows(`DELETE FROM actions WHERE name LIKE 'old-%' OR name = 'allowed'`);
    sink.requests.length = 0;
    sink.next.push({ hang: true });
    void other.api.post('/actions/slow/test', { dryRun: false }).catch(() => undefined);
    await until(() => sink.requests.length === 1, 5_000);
    await other.kill();
    // Its time is over; another process finds that.
    await world.rows(`UPDATE executions SET expires_at = now() - interval '1 s' WHERE status = 'running'`);
    const lost = await until(
      async () => (await api.all('/executions?action=slow&status=unknown'))[0],
      10_000,
    );
    expect(lost).toMatchObject({
      kind: 'test',
      attempts: [{ outcome: 'lost', error: expect.stringMatching(/stopped before the end was known/) }],
    });
    expect(sink.requests).toHaveLength(1);
  }, 30_000);

  /** As they were stored when definitions could name any variable and file. */
  async function storeOldReferences(): Promise<void> {
    const params = (secretOf: object) => JSON.stringify({ url: 'http://127.0.0.1:1/', secret: secretOf });
    const definitions: [string, string][] = [
      ['allowed', params({ env: 'MONSCALE_PARAM_ALLOWED' })],
      ...Array.from({ length: 38 }, (_, index): [string, string] => [
        `old-${index}`,
        params(index % 2 ? { env: 'DATABASE_URL' } : { file: '/etc/passwd' }),
      ]),
    ];
    for (const [name, stored] of definitions)
      await world.rows(
        `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
         SELECT ('00000000-0000-4000-8000-' || lpad($1::int::text, 12, '0'))::uuid, $2, '', 'webhook', $3, 30, retry, 1, now(), now()
         FROM actions WHERE name = 'tell'`,
        [definitions.findIndex(([one]) => one === name), name, stored],
      );
  }

  test('says what is wrong', async () => {
    await api.create('/actions', {
      name: 'nowhere',
      type: 'webhook',
      params: { url: 'http://127.0.0.1:1/' },
    });
    const refused = await api.post('/actions/nowhere/test', { dryRun: false });
    expect(refused.body).toMatchObject({
      outcome: 'retryable',
      error: expect.stringContaining('127.0.0.1:1'),
    });
    await api.create('/actions', {
      name: 'secretless',
      type: 'webhook',
      params: { url: 'http://127.0.0.1:1/', secret: { env: 'MONSCALE_PARAM_NOT_SET' } },
    });
    const missing = await api.post('/actions/secretless/test');
    expect(missing.body).toMatchObject({
      outcome: 'retryable',
      error: expect.stringContaining('MONSCALE_PARAM_NOT_SET'),
    });
    expect((await api.post('/actions/nobody/test')).status).toBe(404);
    const wrong = await api.post('/actions/tell/test', { dryRun: 'yes', variables: [] });
    expect(wrong.body.errors).toMatchObject([{ pointer: '/dryRun' }, { pointer: '/variables' }]);
  });

  test('does not act under the kill switch', async () => {
    await api.put('/kill-switch', { on: true });
    const before = await api.all('/executions');
    expect((await api.post('/actions/tell/test', { dryRun: false })).status).toBe(409);
    expect(await api.all('/executions')).toEqual(before);
    expect((await api.post('/actions/tell/test')).status).toBe(200);
    await api.put('/kill-switch', { on: false });
  });
});

describe('what is done when an alarm has ended', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    const body = '{"why": "{{ trigger.reason }}"}';
    for (const name of ['page', 'relax']) await story.hook(name, { body });
  }, 60_000);
  afterAll(() => story?.end());

  const watch = (name: string, changes: object = {}) =>
    story.fed(name, { actions: ['page'], onRecovery: ['relax'], ...changes });
  const tell = (service: string, status: string) => story.fire(service, { status });

  test('once, and only when there was a trigger', async () => {
    expect(await watch('web')).toMatchObject({ onRecovery: ['relax'] });
    await watch('patient', { holdSeconds: 600 });
    await Promise.all([tell('web', 'firing'), tell('patient', 'firing')]);
    await until(() => story.sink.requests.length === 1, 10_000);
    await Promise.all([tell('web', 'resolved'), tell('patient', 'resolved')]);
    await until(() => story.sink.requests.length === 2, 10_000);
    await story.becomes('web', 'ok');
    await story.becomes('patient', 'ok');
    await tell('web', 'resolved');
    await sleep(500);
    expect(story.sink.requests.map(({ path, body }) => [path, JSON.parse(body).why])).toEqual([
      ['/page', 'triggered'],
      ['/relax', 'condition_false'],
    ]);
    expect((await api.get('/services/web/report')).body).toMatchObject({
      triggers: 1,
      executions: { succeeded: 2 },
    });
  }, 30_000);

  test('in shadow nothing is done then either', async () => {
    await watch('shade', { mode: 'shadow' });
    await tell('shade', 'firing');
    await until(async () => (await api.all('/executions?service=shade')).length === 1, 10_000);
    await tell('shade', 'resolved');
    const executions = await until(async () => {
      const found = await api.all('/executions?service=shade');
      return found.length === 2 && found;
    }, 10_000);
    expect(executions.map(({ status }) => status)).toEqual(['shadowed', 'shadowed']);
  }, 30_000);

  test('an action that is wrong is told by its place, and one that is used is not deleted', async () => {
    const refused = await api.post('/services', {
      name: 'wrong',
      metrics: { outage: { type: 'alert', params: { match: {} } } },
      condition: 'outage == 1',
      onRecovery: ['relax', 'nobody'],
    });
    expect(refused.body.errors).toMatchObject([{ pointer: '/onRecovery/1' }]);
    expect((await api.delete('/actions/relax')).status).toBe(409);
  });
});

describe('what a target accepts and ends later', () => {
  const cluster = new KubernetesStandIn({ token: secret('the-token-of-the-cluster') });
  const workloads: Record<string, Workload> = {};
  let world: World;
  let worker: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const server = await cluster.start();
    ({ api } = await world.start('api,scheduler'));
    worker = await world.start('worker');
    for (const name of ['web', 'shop', 'never', 'gone']) {
      workloads[name] = cluster.addWorkload(`farm/deployments/${name}`, 2);
      await api.create('/actions', {
        name,
        type: 'kubernetes_scale',
        params: { namespace: 'farm', name, replicas: '5', cluster: { server, token: cluster.token } },
      });
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage == 1',
        actions: [name],
      });
    }
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await cluster.stop();
  });

  const begin = (service: string) => api.post('/alerts', { labels: { service } });
  const executionOf = async (service: string): Promise<Json> =>
    (await api.all(`/executions?service=${service}`))[0];
  const reaches = (service: string, status: string) =>
    until(async () => {
      const execution = await executionOf(service);
      return execution?.status === status && execution;
    }, 15_000);

  test('waits until the target has ended it, also when its worker is killed meanwhile', async () => {
    cluster.followMs = undefined;
    await begin('web');
    const waiting = await reaches('web', 'waiting');
    expect(waiting.attempts).toMatchObject([{ outcome: 'accepted', startedAt: expect.any(String) }]);
    expect(waiting.attempts[0]).not.toHaveProperty('finishedAt');
    expect(waiting).not.toHaveProperty('finishedAt');
    await worker.kill();
    worker = await world.start('worker');
    await sleep(3_000);
    expect((await executionOf('web')).status).toBe('waiting');
    workloads.web!.observed = 5;
    const ended = await reaches('web', 'succeeded');
    expect(ended.attempts).toHaveLength(1);
    expect(ended.attempts[0]).toMatchObject({ outcome: 'succeeded', finishedAt: expect.any(String) });
    expect(cluster.requests.filter((line) => line.startsWith('PUT'))).toHaveLength(1);
  }, 60_000);

  test('a person may give it up', async () => {
    cluster.followMs = undefined;
    await begin('never');
    const { id } = await reaches('never', 'waiting');
    const cancelled = await api.post(`/executions/${id}/cancel`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled' });
    expect(cancelled.body.attempts.at(-1).error).toMatch(/the target had accepted it and is not told/);
    expect((await api.post(`/executions/${id}/cancel`)).status).toBe(409);
    cluster.followMs = 0;
  }, 30_000);

  test('what failed is retried all at once', async () => {
    cluster.next.get.push({ status: 403, message: 'not yours' }, { status: 403, message: 'not yours' });
    await Promise.all([begin('shop'), begin('gone')]);
    await Promise.all([reaches('shop', 'failed'), reaches('gone', 'failed')]);
    expect((await api.post('/executions/retry', { service: 'nobody' })).body).toEqual({ retried: 0 });
    expect((await api.post('/executions/retry', { status: 'running' })).status).toBe(400);
    expect((await api.post('/executions/retry', { service: 'shop' })).body).toEqual({ retried: 1 });
    await reaches('shop', 'succeeded');
    expect((await api.post('/executions/retry')).body).toEqual({ retried: 1 });
    await reaches('gone', 'succeeded');
  }, 40_000);
});

describe('a target that forgets keys', () => {
  const KEY = secret('the-secret-of-the-access-key');
  const sns = new SnsStandIn({ AKIDEXAMPLE: KEY });
  let world: World;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const endpoint = await sns.start();
    ({ api } = await world.start());
    const topicArn = 'arn:aws:sns:eu-west-1:123456789012:scaling.fifo';
    sns.addTopic(topicArn);
    await api.create('/actions', {
      name: 'publish',
      type: 'sns_publish',
      params: { topicArn, message: 'more', endpoint, accessKeyId: 'AKIDEXAMPLE', secretAccessKey: KEY },
      retry: { attempts: 5, backoffSeconds: 2 },
    });
    for (const name of ['soon', 'late']) {
      await api.create('/services', {
        name,
        metrics: { outage: { type: 'alert', params: { match: { service: name } } } },
        condition: 'outage == 1',
        actions: ['publish'],
      });
    }
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sns.stop();
  });

  const lose = async (service: string) => {
    sns.next.push({ dropAfter: true });
    await api.post('/alerts', { labels: { service } });
    return until(async () => {
      const [execution] = await api.all(`/executions?service=${service}`);
      return execution?.attempts[0]?.outcome === 'ambiguous' && execution;
    }, 10_000);
  };
  const ends = (id: string) =>
    until(async () => {
      const { body } = await api.get(`/executions/${id}`);
      return body.finishedAt !== undefined && body;
    }, 15_000);

  test('is asked again while it knows the key', async () => {
    const { id } = await lose('soon');
    expect(await ends(id)).toMatchObject({ status: 'succeeded', attempts: [{}, { outcome: 'succeeded' }] });
    expect(sns.messages).toHaveLength(1);
  }, 30_000);

  test('and not after that: nobody can tell then', async () => {
    const { id } = await lose('late');
    // As if all workers had been away for five minutes.
    await world.rows(
      `UPDATE executions SET started_at = started_at - interval '5 minutes',
         attempts = jsonb_set(attempts, '{0,startedAt}', to_jsonb(to_char(started_at - interval '5 minutes', 'YYYY-MM-DD"T"HH24:MI:SS.MSOF')))
       WHERE id = $1`,
      [id],
    );
    const { status, attempts } = await ends(id);
    expect(status).toBe('unknown');
    expect(attempts[1].error).toMatch(/^an answer was lost at .* does not know its key any more$/);
    expect(sns.messages).toHaveLength(2);
  }, 30_000);
});
