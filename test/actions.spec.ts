import { World, type Api } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';

const SECRET = 'not-for-anybody-s-eyes';

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

  test('is tried once when it is asked for, and makes no execution', async () => {
    const { body } = await api.post('/actions/tell/test', { dryRun: false });
    expect(body).toMatchObject({ dryRun: false, outcome: 'succeeded' });
    expect(sink.requests).toMatchObject([{ path: '/test', headers: { authorization: `Bearer ${SECRET}` } }]);
    expect(await api.all('/executions')).toEqual([]);
  });

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
      params: { url: 'http://127.0.0.1:1/', secret: { env: 'NOT_SET_ANYWHERE' } },
    });
    const missing = await api.post('/actions/secretless/test');
    expect(missing.body).toMatchObject({
      outcome: 'permanent',
      error: expect.stringContaining('NOT_SET_ANYWHERE'),
    });
    expect((await api.post('/actions/nobody/test')).status).toBe(404);
    const wrong = await api.post('/actions/tell/test', { dryRun: 'yes', variables: [] });
    expect(wrong.body.errors).toMatchObject([{ pointer: '/dryRun' }, { pointer: '/variables' }]);
  });

  test('does not act under the kill switch', async () => {
    await api.put('/kill-switch', { on: true });
    expect((await api.post('/actions/tell/test', { dryRun: false })).status).toBe(409);
    expect((await api.post('/actions/tell/test')).status).toBe(200);
    await api.put('/kill-switch', { on: false });
  });
});
