import { setTimeout as sleep } from 'node:timers/promises';
import { until, World, type Api, type Json, type MonscaleProcess } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';

const EVENTS = [
  'approval',
  'unknown',
  'failed',
  'silent_source',
  'silence_ending',
  'refused_sender',
  'flapping',
  'blind',
];
const GROUP_SECONDS = 3; // prettier-ignore

describe('contacts', () => {
  const sink = new WebhookSink();
  /** What actions of services do something to. */
  const target = new WebhookSink();
  let url: string;
  let targetUrl: string;
  let world: World;
  let program: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    url = await sink.start();
    targetUrl = await target.start();
    program = await world.start();
    ({ api } = program);
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
    await target.stop();
  });

  const hook = (name: string, more: object = {}) => ({
    name,
    type: 'webhook',
    params: { url: `${url}/${name}`, ...more },
    retry: { attempts: 1 },
  });
  const contact = (name: string, more: object = {}) => ({
    name,
    action: 'tell',
    events: EVENTS,
    groupSeconds: GROUP_SECONDS,
    ...more,
  });
  const fed = (name: string, more: object = {}) => ({
    name,
    intervalSeconds: 1,
    metrics: { load: { type: 'alert', params: { match: { service: name } } } },
    condition: 'load > 80',
    wisdomSeconds: 0,
    actions: ['break'],
    ...more,
  });
  const alarm = (name: string, value = 93) =>
    api.post('/alerts', { labels: { service: name }, dedupKey: name, value, status: value > 80 ? 'firing' : 'resolved' }); // prettier-ignore
  const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
  /** What was said to a contact: each message as it was sent. */
  const said = (name: string): Json[] =>
    sink.requests.map(({ body }) => JSON.parse(body)).filter(({ contact: one }) => one?.name === name);
  const items = (name: string): Json[] => said(name).flatMap(({ message }) => message.items);
  const ends = (name: string): Json[] => said(name).flatMap(({ message }) => message.over);
  const notices = (name: string, query = ''): Promise<Json[]> =>
    api.all(`/contacts/${name}/notices?${query}`);
  const isTold = (name: string, count: number) => until(() => items(name).length >= count, 15_000, `${name} is told`); // prettier-ignore

  test('what is wrong is refused and named, and an action in use is not deleted', async () => {
    await api.create('/actions', hook('tell'));
    await api.create('/actions', { name: 'log', type: 'log_message', params: { message: 'x' } });
    const refused = async (more: object) => {
      const { status, body } = await api.post('/contacts', contact('wrong', more));
      return [status, ...(body.errors ?? []).map(({ pointer, detail }: Json) => `${pointer} ${detail}`)];
    };
    const schedule = (rrule: string, timeZone = 'UTC', durationSeconds = 60) => ({
      schedule: { rrule, timeZone, durationSeconds },
    });
    expect(await refused({ action: 'gone' })).toEqual([400, '/action there is no action "gone"']);
    expect(await refused({ action: 'log' })).toEqual([400, '/action is of type log_message; only chat, email, webhook tell people']); // prettier-ignore
    expect(await refused({ events: [] })).toEqual([400, expect.stringContaining('/events must be a list of at least one of approval,')]); // prettier-ignore
    expect(await refused({ events: ['failed', 'success'] })).toEqual([400, expect.stringContaining('/events/1 must be one of approval,')]); // prettier-ignore
    expect(await refused({ events: ['failed', 'failed'] })).toEqual([400, '/events must not name an event twice']); // prettier-ignore
    expect(await refused({ events: 'failed' })).toEqual([400, expect.stringContaining('/events')]);
    expect(await refused({ maxPerHour: 0 })).toEqual([400, expect.stringContaining('/maxPerHour')]);
    expect(await refused({ maxPerHour: 1_001 })).toEqual([400, expect.stringContaining('/maxPerHour')]);
    expect(await refused({ groupSeconds: -1 })).toEqual([400, expect.stringContaining('/groupSeconds')]);
    expect(await refused({ labels: { team: 1 } })).toEqual([400, expect.stringContaining('/labels')]);
    expect(await refused({ rota: ['anna'] })).toEqual([400, expect.stringContaining('/rota')]);
    expect(await refused(schedule('FREQ=SECONDLY'))).toEqual([
      400,
      expect.stringContaining('/schedule/rrule'),
    ]);
    expect(await refused(schedule('FREQ=DAILY;COUNT=3'))).toEqual([400, expect.stringContaining('/schedule/rrule must not have COUNT')]); // prettier-ignore
    expect(await refused(schedule('FREQ=DAILY;UNTIL=20200101'))).toEqual([400, expect.stringContaining('/schedule/rrule has no window')]); // prettier-ignore
    expect(await refused(schedule('FREQ=DAILY', 'Mars/Olympus'))).toEqual([400, expect.stringContaining('/schedule/timeZone')]); // prettier-ignore
    expect(await refused(schedule('FREQ=DAILY', 'UTC', 0))).toEqual([400, expect.stringContaining('/schedule/durationSeconds')]); // prettier-ignore

    const preview = (more: object) => api.post('/contacts/preview', more);
    const { body } = await preview(schedule('FREQ=DAILY;BYHOUR=8', 'Europe/Madrid', 3_600));
    expect(body.nextWindows).toHaveLength(10);
    expect(Date.parse(body.nextWindows[1].to) - Date.parse(body.nextWindows[1].from)).toBe(3_600_000);
    const endless = await preview(schedule('FREQ=DAILY;COUNT=3'));
    expect([endless.status, endless.body.errors[0].pointer]).toEqual([400, '/schedule/rrule']);
    expect((await preview({})).status).toBe(400);

    const made = await api.create('/contacts', contact('all', { blindForSeconds: 1 }));
    expect(made).toMatchObject({ action: 'tell', maxPerHour: 20, version: 1 });
    expect(made).not.toHaveProperty('askedSince');
    expect((await api.delete('/actions/tell')).body).toMatchObject({ status: 409, detail: 'action tell is in use by contact all' }); // prettier-ignore
    expect((await api.patch('/contacts/all', { description: 'everybody' })).body.version).toBe(2);
    expect((await api.get('/contacts/all/versions')).body.items.map(({ version }: Json) => version)).toEqual([2, 1]); // prettier-ignore
    expect((await api.all('/audit')).filter(({ object }: Json) => object.type === 'contact')).toHaveLength(2);
    expect((await api.get('/contacts?event=blind,failed&action=tell&search=EVERY')).body.items).toHaveLength(
      1,
    );
    expect((await api.get('/contacts?event=nothing')).status).toBe(400);
    expect((await api.get('/contacts/nobody/notices')).status).toBe(404);
  });

  test('each kind of thing is told once, many in one message, and what is over is told, too', async () => {
    await api.create('/actions', { ...hook('break', { url: `${targetUrl}/break`, idempotent: false }) });
    await api.create('/infrastructures', { name: 'pool' });
    await api.create('/services', fed('fails'));
    await api.create('/services', fed('loses'));
    await api.create('/services', fed('asks', { mode: 'approve' }));
    await api.create('/services', fed('scales', { infrastructure: 'pool', direction: 'up' }));
    const dark = { type: 'http_json', params: { url: `${targetUrl}/dark`, path: '$.a' } };
    await api.create('/services', fed('dark', { metrics: { load: dark } }));
    await api.create('/sources', { name: 'mute', format: 'native' });
    await world.rows(`UPDATE sources SET silent_after_seconds = 1`);
    const silence = { match: { labels: { team: 'none' } }, reason: 'patching', startsAt: inSeconds(-600), endsAt: inSeconds(50) }; // prettier-ignore
    const { id: silenceId } = await api.create('/silences', silence);
    await world.rows(
      `INSERT INTO infrastructure_states (infrastructure_id, frozen_until) SELECT id, now() + interval '1 hour' FROM infrastructures
       ON CONFLICT (infrastructure_id) DO UPDATE SET frozen_until = excluded.frozen_until`,
    );
    await world.rows(
      `INSERT INTO trap_refusals (address, reason, count, first_at, last_at) VALUES ('192.0.2.7', 'wrong community', 3, now(), now())`,
    );
    target.always = { status: 400 };
    await Promise.all([alarm('fails'), alarm('asks')]);
    await until(async () => (await api.get('/executions?status=failed')).body.total === 1, 10_000);
    target.always = { drop: 'after' };
    await alarm('loses');

    await isTold('all', 8);
    expect(
      items('all')
        .map(({ event }) => event)
        .sort(),
    ).toEqual([...EVENTS].sort());
    const textOf = (event: string) => items('all').find((one) => one.event === event).text;
    expect(textOf('failed')).toMatch(/^break for fails failed: POST 127\.0\.0\.1:\d+ answered 400/);
    expect(textOf('unknown')).toMatch(/^break for loses ended unknown: /);
    expect(textOf('approval')).toMatch(/^break for asks waits for approval until \d{4}-.+Z: /);
    expect(textOf('silent_source')).toBe('nothing came from mute for 1 s');
    expect(textOf('silence_ending')).toMatch(/^the silence of .+ \("patching"\) ends at /);
    expect(textOf('refused_sender')).toBe('a sender of notifications is refused: wrong community');
    expect(textOf('flapping')).toMatch(/^scales is frozen until .+: pool was to go up and down too often$/);
    expect(textOf('blind')).toMatch(/^dark is blind since /);
    expect(said('all').length).toBeLessThan(6);

    // What tells is an execution like any other.
    const executions = await api.all('/executions?kind=notice');
    await until(async () => (await api.all('/executions?kind=notice&status=succeeded')).length >= executions.length, 10_000); // prettier-ignore
    expect(executions[0]).toMatchObject({ kind: 'notice', action: 'tell', contact: 'all' });
    expect((await notices('all', 'status=told&event=failed'))[0]).toMatchObject({
      event: 'failed',
      status: 'told',
      about: { action: 'break', service: 'fails' },
      execution: expect.any(String),
      toldAt: expect.any(String),
    });

    const idOf = async (service: string) =>
      (await api.all(`/executions?service=${service}&kind=trigger`))[0].id;
    target.always = {};
    expect((await api.post(`/executions/${await idOf('asks')}/reject`, { note: 'not now' })).status).toBe(
      200,
    );
    expect((await api.post(`/executions/${await idOf('fails')}/retry`)).status).toBe(200);
    expect((await api.post(`/executions/${await idOf('loses')}/resolve`, { status: 'succeeded', note: 'seen' })).status).toBe(200); // prettier-ignore
    await api.delete('/services/dark');
    await api.delete(`/silences/${silenceId}`);
    await world.rows(`UPDATE infrastructure_states SET frozen_until = NULL`);
    await world.rows(`UPDATE trap_refusals SET last_at = now() - interval '1 hour'`);
    await world.rows(`UPDATE sources SET silent_after_seconds = NULL`);
    await until(() => ends('all').length >= 8, 20_000, 'all is over');
    const hows = Object.fromEntries(ends('all').map(({ event, how }) => [event, how]));
    expect(hows).toEqual({
      approval: expect.stringContaining('rejected by the administrator: not now'),
      failed: 'it succeeded',
      unknown: 'resolved as succeeded by the administrator: seen',
      silent_source: 'it may be silent now',
      silence_ending: 'ended early by the administrator',
      refused_sender: expect.stringContaining('nothing was refused since '),
      flapping: 'it may scale again',
      blind: 'the service was deleted',
    });
    expect(said('all').at(-1).message.open).toBe(0);
    expect(items('all')).toHaveLength(8);
    expect(ends('all')).toHaveLength(8);
  }, 90_000);

  test('the scope, silences of notifications and acknowledging decide who is told', async () => {
    await api.create('/contacts', contact('web', { labels: { team: 'web' }, events: ['approval'] }));
    await api.create('/contacts', contact('db', { labels: { team: 'db' }, events: ['approval'] }));
    for (const name of ['web-1', 'web-2', 'web-3'])
      await api.create('/services', fed(name, { mode: 'approve', labels: { team: 'web', name } }));
    const silence = await api.create('/silences', {
      match: { services: ['web-2'] },
      mutes: 'notifications',
      reason: 'known',
      endsAt: inSeconds(600),
    });
    await alarm('web-3');
    await until(async () => (await api.post('/services/web-3/acknowledge', { note: 'mine' })).status === 200, 10_000); // prettier-ignore
    await Promise.all([alarm('web-1'), alarm('web-2')]);
    const asked = async (status: string): Promise<string[]> =>
      (await notices('web', `status=${status}`)).map(({ about, waitsFor }) => `${about.service} ${waitsFor}`).sort(); // prettier-ignore
    await until(async () => (await asked('waiting')).length === 2 && items('web').length === 1, 15_000);
    expect(await asked('waiting')).toEqual(['web-2 silence', 'web-3 acknowledged']);
    expect(items('web').map(({ service }) => service)).toEqual(['web-1']);
    expect((await notices('web', 'status=waiting')).map(({ why }) => why).sort()).toEqual([
      expect.stringMatching(/^the administrator acknowledged its alarm \("mine"\) until /),
      expect.stringMatching(/^the administrator silenced it \("known"\) until /),
    ]);
    await api.delete(`/silences/${silence.id}`);
    await api.delete('/services/web-3/acknowledge');
    await isTold('web', 3);
    expect(said('db')).toEqual([]);
    const viewer = await api.create('/tokens', {
      name: 'db',
      role: 'viewer',
      scope: { labels: { team: 'db' } },
    });
    const scoped = api.as(viewer.token);
    expect((await scoped.get('/contacts')).body.items.map(({ name }: Json) => name)).toEqual(['db']);
    expect((await scoped.get('/contacts/web/notices')).status).toBe(404);
    expect((await scoped.get('/executions?kind=notice')).body.total).toBe(0);
  }, 60_000);

  test('an action that becomes one that acts tells nobody: not when it is to be told, nor when it is to run', async () => {
    await api.create('/actions', hook('turns', { url: `${url}/turns` }));
    await api.create(
      '/contacts',
      contact('turned', { action: 'turns', events: ['approval'], labels: { team: 't' } }),
    );
    await api.create('/services', fed('turn', { mode: 'approve', labels: { team: 't' } }));
    const became = { name: 'turns', type: 'log_message', params: { message: 'x' } };
    expect((await api.put('/actions/turns', became)).status).toBe(200);
    await alarm('turn');
    await until(async () => (await notices('turned'))[0]?.waitsFor === 'action', 15_000);
    await api.put('/actions/turns', hook('turns', { url: `${url}/turns` }));
    await isTold('turned', 1);
    const [told] = await api.all('/executions?kind=notice&action=turns');
    await world.rows(`UPDATE executions SET status = 'failed' WHERE id = $1`, [told.id]);
    await api.put('/actions/turns', became);
    expect((await api.post(`/executions/${told.id}/retry`)).status).toBe(200);
    const after = async () => (await api.get(`/executions/${told.id}`)).body;
    await until(
      async () => (await after()).attempts.length === 2 && (await after()).status === 'failed',
      10_000,
    );
    expect((await after()).attempts[1].error).toBe('log_message acts: only chat, email, webhook may tell a contact'); // prettier-ignore
  }, 60_000);

  test('never more messages in an hour than a contact wants; what came and went is counted', async () => {
    await api.create('/contacts', contact('seldom', { events: ['approval'], maxPerHour: 1, groupSeconds: 0, labels: { team: 'few' } })); // prettier-ignore
    for (const name of ['few-1', 'few-2', 'few-3'])
      await api.create('/services', fed(name, { mode: 'approve', labels: { team: 'few' } }));
    await alarm('few-1');
    await isTold('seldom', 1);
    await Promise.all([alarm('few-2'), alarm('few-3')]);
    const waiting = async () => (await notices('seldom', 'status=waiting')).map(({ waitsFor }) => waitsFor);
    await until(async () => (await waiting()).join() === 'limit,limit', 15_000);
    const [{ id }] = await api.all('/executions?service=few-2');
    await api.post(`/executions/${id}/reject`);
    await until(async () => (await notices('seldom', 'status=left_out')).length === 1, 15_000);
    expect((await notices('seldom', 'status=left_out'))[0]).toMatchObject({
      why: 'it was over before it could be told: as many messages as the contact wants in an hour were sent',
      endedHow: expect.stringContaining('rejected by'),
    });
    expect(said('seldom')).toHaveLength(1);
    // An hour later.
    await world.rows(`UPDATE contact_states SET sent_at = '{}'`);
    await until(() => said('seldom').length === 2, 15_000);
    expect(said('seldom')[1].message).toMatchObject({ total: 1, leftOut: 1 });
    expect(said('seldom')[1].message.text).toMatch(/^break for few-3 waits .+\n1 more is not named here$/s);
    const metrics = (await program.root.get('/metrics')).body as string;
    expect(metrics).toContain('monscale_notices_left_out_total{reason="limit"} 1');
    expect(metrics).toMatch(/monscale_notices_told_total\{what="begin"\} \d+/);
    expect(metrics).toMatch(/monscale_notices_oldest_due_seconds \d/);
  }, 60_000);

  test('a power cut in the middle, and a second scheduler, tell nothing twice and lose nothing', async () => {
    await api.create('/contacts', contact('steady', { events: ['approval'], groupSeconds: 1, labels: { team: 'many' } })); // prettier-ignore
    const names = Array.from({ length: 12 }, (_, index) => `many-${index}`);
    for (const name of names)
      await api.create('/services', fed(name, { mode: 'approve', labels: { team: 'many' } }));
    const other = await world.start('scheduler');
    for (const [index, name] of names.entries()) {
      await alarm(name);
      if (index === 5) {
        await isTold('steady', 1);
        await program.kill();
        program = await world.start();
        ({ api } = program);
      }
    }
    await isTold('steady', 12);
    await sleep(2_500);
    expect(
      items('steady')
        .map(({ service }) => service)
        .sort(),
    ).toEqual([...names].sort());
    expect(new Set(items('steady').map(({ id }) => id)).size).toBe(12);
    expect(new Set(said('steady').map(({ execution }) => execution.id)).size).toBe(said('steady').length);
    await other.stop();
  }, 90_000);
});
