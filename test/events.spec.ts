import { setTimeout as sleep } from 'node:timers/promises';
import { EventSourceClient } from './event-source';
import { inBatches, until, World, type Api, type Json, type MonscaleProcess } from './program';

/** Longest time from a commit to its event that people do not notice, milliseconds. */
const SOON_MS = 2_000;
/** Time after which what is not told will not be, milliseconds. */
const LATE_MS = 2_500;

describe('events, over two processes', () => {
  let world: World;
  let one: MonscaleProcess;
  let other: MonscaleProcess;
  let api: Api;
  const open: EventSourceClient[] = [];

  const listen = async (
    process: MonscaleProcess,
    given: Parameters<typeof EventSourceClient.open>[1] = {},
  ): Promise<EventSourceClient> => {
    const client = await EventSourceClient.open(process.url, given);
    open.push(client);
    return client;
  };

  const watch = (name: string, given: object = {}): Promise<Json> =>
    api.create('/services', {
      name,
      metrics: { m: { type: 'alert', params: { match: { host: name } } } },
      condition: 'm > 0',
      wisdomSeconds: 0,
      ...given,
    });
  const say = (host: string, status: string) =>
    api.post('/alerts', { labels: { host }, status, value: status === 'firing' ? 1 : 0 });
  const tokenOf = async (body: object): Promise<{ id: string; token: string }> =>
    (await api.create('/tokens', { name: 'of a test', ...body })) as { id: string; token: string };
  const named = (name: string) => (data: Json) => data.name === name;

  beforeAll(async () => {
    world = await World.create();
    one = await world.start('all');
    other = await world.start('api');
    ({ api } = one);
    await api.create('/actions', {
      name: 'tell',
      type: 'log_message',
      params: { message: 'hello' },
      labels: { team: 'web' },
    });
  }, 60_000);

  afterAll(async () => {
    for (const client of open) client.close();
    await world?.end();
  });

  test('what one process commits, clients of the other hear: definitions, alerts, states, executions, silences, the kill switch', async () => {
    const client = await listen(other);
    expect(client.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'x-content-type-options': 'nosniff',
    });
    const { id } = await watch('web', { actions: ['tell'] });
    const made = await client.heard('definition', named('web'));
    expect(made.data).toEqual({ type: 'definition', id, kind: 'service', name: 'web', change: 'created' });
    const began = performance.now();
    await say('web', 'firing');
    await client.heard('alert', ({ status }) => status === 'firing');
    const { data } = await client.heard('state', ({ phase }) => phase === 'alarm');
    expect(performance.now() - began).toBeLessThan(3 * SOON_MS);
    expect(data).toMatchObject({ type: 'state', id, name: 'web', phase: 'alarm', reason: 'triggered' });
    const done = await client.heard('execution', ({ status }) => status === 'succeeded');
    expect(done.data).toMatchObject({ type: 'execution', name: 'web', service: 'web' });
    await say('web', 'resolved');
    await client.heard('state', ({ phase }) => phase === 'ok');

    const silence = await api.create('/silences', {
      match: { services: ['web'] }, mutes: 'actions', reason: 'maintenance', endsAt: new Date(Date.now() + 3_600_000).toISOString(),
    }); // prettier-ignore
    await client.heard('silence', ({ id }) => id === silence.id);
    await api.put('/kill-switch', { on: true, reason: 'a test' });
    expect((await client.heard('killSwitch')).data).toMatchObject({
      type: 'killSwitch',
      on: true,
      reason: 'a test',
    });
    await api.put('/kill-switch', { on: false, reason: '' });
    await client.heard('killSwitch', ({ on }) => on === false);
    expect((await api.delete(`/silences/${silence.id}`)).status).toBe(204);
    await until(() => client.events.filter(({ event }) => event === 'silence').length === 2, SOON_MS);
    const ids = client.events.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('what was refused or rolled back is not told', async () => {
    const client = await listen(one);
    await watch('kept');
    await client.heard('definition', named('kept'));
    expect((await api.post('/services', { name: 'kept', metrics: {}, condition: 'true' })).status).toBe(400);
    const plan = { services: [{ name: 'half' }, { name: '' }] };
    expect((await api.post('/import', plan)).status).toBe(400);
    const rolledBack = await world.rows(`SELECT id FROM services WHERE name = 'kept'`);
    await world.rows(
      `DO $$ BEGIN INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
         VALUES (gen_random_uuid(), '${rolledBack[0].id}', now(), 'alarm', 'rolled_back', '', '{}');
       RAISE 'no'; EXCEPTION WHEN raise_exception THEN NULL; END $$`,
    );
    await sleep(LATE_MS);
    expect(client.events.filter(({ data }) => data.name === 'half' || data.reason === 'rolled_back')).toEqual(
      [],
    );
  });

  test('a client that comes back to another process is told what it missed, once, and nothing that it knew', async () => {
    const first = await listen(one);
    await inBatches(['r1', 'r2', 'r3'], 3, (name) => watch(name));
    await until(() => ['r1', 'r2', 'r3'].every((name) => first.events.some(({ data }) => data.name === name)), 5_000);
    // Left in the midst of what came together.
    const known = first.events.findIndex(({ event }) => event === 'definition');
    first.close();
    await inBatches(['r4', 'r5'], 2, (name) => watch(name));
    const back = await listen(other, { lastId: first.events[known]!.id });
    await watch('r6');
    await back.heard('definition', named('r6'));
    const told = (client: EventSourceClient) => client.events.filter(({ event }) => event === 'definition').map(({ data }) => data.name as string);
    expect([...told(first).slice(0, 1), ...told(back)].sort()).toEqual(['r1', 'r2', 'r3', 'r4', 'r5', 'r6']);
  }); // prettier-ignore

  // prettier-ignore
  test.each(['nonsense', '1', 'abc-1-1', '../../etc/passwd', "x'; DROP TABLE services", `db-1-1${'.1'.repeat(90)}`])(
    'an id that says nothing here (%p) is answered with one resync', async (lastId) => {
      const client = await listen(one, { lastId });
      expect(client.events.map(({ event, data }) => [event, data.type])).toEqual([['resync', 'resync']]);
      client.close();
    });

  test('after more changes than are told one by one, clients are told once to read everything again', async () => {
    const client = await listen(one);
    const behind = client.lastId;
    await world.rows(
      `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
       SELECT gen_random_uuid(), id, now(), 'ok', 'condition_false', '', '{}' FROM services, generate_series(1, 600) WHERE name = 'web'`,
    );
    await client.heard('resync');
    await watch('after a resync');
    await client.heard('definition', named('after a resync'));
    expect(client.events.filter(({ data }) => data.name === 'web')).toEqual([]);
    const back = await listen(other, { lastId: behind });
    expect(back.events.map(({ event }) => event)).toEqual(['resync']);
  });

  test('a client that takes nothing costs a bounded buffer, and is told to read everything again when it goes on', async () => {
    const [client, reader] = await Promise.all([listen(other), listen(other)]);
    client.hang();
    const { id } = await watch('of a client that hangs');
    const [rounds, changes] = [4, 400];
    for (let round = 1; round <= rounds; round++) {
      await world.rows(
        `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
         SELECT gen_random_uuid(), $1, now(), 'ok', repeat('x', 10000), '', '{}' FROM generate_series(1, ${changes})`,
        [id],
      );
      // Each round is told one by one, whatever the machine does: changes of two together are too many for that.
      const read = () => reader.events.filter(({ data }) => /^x+$/.test(data.reason)).length;
      await until(() => read() >= round * changes, 10_000, `round ${round} is told to who reads`);
    }
    client.goOn();
    await client.heard('resync');
    await watch('after it hung');
    await client.heard('definition', named('after it hung'));
    expect(client.events.length).toBeLessThan(rounds * changes);
    const resyncs = [client, reader].map(
      ({ events }) => events.filter(({ event }) => event === 'resync').length,
    );
    expect(resyncs).toEqual([1, 0]);
  }, 60_000);

  test('a reader hears of what is in the scope alone, also when it moves', async () => {
    const { token } = await tokenOf({ role: 'viewer', scope: { labels: { team: 'web' } } });
    const [all, team] = await Promise.all([listen(one), listen(other, { token })]);
    await watch('of web', { labels: { team: 'web' } });
    await watch('of db', { labels: { team: 'db' } });
    await say('of db', 'firing');
    await say('of web', 'firing');
    await api.patch('/services/of db', { description: 'changed' });
    await team.heard('state', ({ name, phase }) => name === 'of web' && phase === 'alarm');
    await team.heard('alert', () => true);
    await all.heard('state', ({ name, phase }) => name === 'of db' && phase === 'alarm');
    await api.patch('/services/of web', { labels: { team: 'db' }, name: 'moved' });
    const lost = await team.heard('definition', ({ change }) => change === 'deleted');
    expect(lost.data).toMatchObject({ name: 'of web', kind: 'service' });
    await api.put('/kill-switch', { on: false, reason: 'told to all' });
    await team.heard('killSwitch');
    await say('of db', 'resolved');
    await all.heard('state', ({ name, phase }) => name === 'of db' && phase === 'ok');
    expect(JSON.stringify(team.events)).not.toMatch(/of db|moved/);
    expect(new Set(team.events.map(({ event }) => event))).toEqual(
      new Set(['definition', 'state', 'alert', 'killSwitch']),
    );
  });

  test('who may not read is refused, and a token of a source, and who is nobody', async () => {
    const source = await api.create('/sources', { name: 'sender', format: 'native' });
    const approver = await tokenOf({ role: null, approve: true });
    const statuses = await Promise.all(
      [source.token as string, approver.token, 'unknown', ''].map(
        async (token) => (await listen(one, { token })).status,
      ),
    );
    expect(statuses).toEqual([403, 403, 401, 401]);
    expect((await one.api.send('HEAD', '/events')).status).toBe(200);
    expect((await one.api.send('POST', '/events')).status).toBe(405);
  });

  test('what is revoked is not told any more, and the stream of a token that is gone ends', async () => {
    const { id, token } = await tokenOf({ role: 'viewer' });
    const client = await listen(other, { token });
    await watch('before');
    await client.heard('definition', named('before'));
    expect((await api.delete(`/tokens/${id}`)).status).toBe(204);
    await watch('afterwards');
    await until(() => client.isOver, 5_000, 'the stream ends');
    expect(client.events.filter(({ data }) => data.name === 'afterwards')).toEqual([]);
    expect((await listen(other, { token })).status).toBe(401);
  });

  test('a session hears by its cookie; a changed grant counts at once; signing out, and a disabled user, end the stream', async () => {
    const password = 'correct horse battery staple';
    const sources = [];
    for (const name of ['anna', 'ben']) {
      await api.create('/users', { name, password });
      await api.create('/grants', {
        subject: { user: name },
        role: 'viewer',
        scope: { labels: { team: name } },
      });
      const answer = await one.api.as(undefined).post('/session', { username: name, password });
      expect(answer.status).toBe(200);
      const cookie = answer.headers.get('set-cookie')!.split(';')[0]!;
      sources.push({ name, cookie, client: await listen(other, { cookie }) });
    }
    const [anna, ben] = sources as [(typeof sources)[0], (typeof sources)[0]];
    await watch('of anna', { labels: { team: 'anna' } });
    await watch('of ben', { labels: { team: 'ben' } });
    await Promise.all([
      anna.client.heard('definition', named('of anna')),
      ben.client.heard('definition', named('of ben')),
    ]);
    const grant = (await api.all('/grants')).find(({ subject }: Json) =>
      JSON.stringify(subject).includes('ben'),
    );
    await api.patch(`/grants/${grant.id}`, { scope: { labels: { team: 'nobody' } } });
    await watch('of ben, too', { labels: { team: 'ben' } });
    // What they see is another thing now.
    await ben.client.heard('resync');
    const signedOut = await one.api
      .as(undefined)
      .delete('/session', { Cookie: anna.cookie, 'Sec-Fetch-Site': 'same-origin' });
    expect(signedOut.status).toBe(204);
    await until(() => anna.client.isOver, 5_000, 'the stream of the session ends');
    await api.patch('/users/ben', { disabled: true });
    await until(() => ben.client.isOver, 5_000, 'the stream of the user ends');
    expect(ben.client.events.filter(({ data }) => data.name === 'of ben, too')).toEqual([]);
    expect(anna.client.events.filter(({ data }) => data.name === 'of ben')).toEqual([]);
  }, 60_000);

  test('a quiet stream shows life, from which a client goes on; a process that stops ends its streams', async () => {
    const [client, kept] = await Promise.all([listen(other), listen(one)]);
    const begun = client.comments;
    await until(() => client.comments > begun, 15_000, 'a sign of life');
    const stopping = other.stop();
    await until(() => client.isOver, 5_000, 'the stream ends');
    expect(await stopping).toBe(0);
    await watch('meanwhile');
    const back = await listen(one, { lastId: client.lastId });
    expect(back.events.map(({ data }) => data.name)).toContain('meanwhile');
    await kept.heard('definition', named('meanwhile'));
  }, 90_000);
});
