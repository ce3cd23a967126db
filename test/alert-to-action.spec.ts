import { createSession, ObjectType, Version2c } from 'net-snmp';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { Api, until, type Json } from './program';
import { Scenario } from './scenario';

/** Far beyond what it takes; only the claims on time are strict. */
const WAIT_MS = 10_000;
/** What matching, deciding and sending may take. */
const SLACK_MS = 8_000;
/** Long enough for something wrong to show. */
const QUIET_MS = 1_000;
const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';

describe('from alert to action', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
    await api.create('/sources', { name: 'devices', format: 'snmp', params: { communities: ['public'] } });
  }, 60_000);
  afterAll(() => story?.end());

  const watch = (name: string, changes: object = {}, params: object = {}) =>
    story.fed(name, { wisdomSeconds: 60, ...changes }, params);

  it.concurrent(
    'an alert whose labels match triggers; the same alert again changes nothing but its last-seen',
    async () => {
      await watch('web');
      const answer = await story.fire('web', { annotations: { summary: 'the shop is down' } });
      expect(answer).toMatchObject({ status: 202, body: { rejected: [] } });
      const [{ id }] = answer.body.accepted;
      await story.isTold('web');

      // It is written down that it was seen again when a second has passed.
      await story.world.rows(`UPDATE alerts SET last_seen_at = last_seen_at - interval '2 s' WHERE id = $1`, [
        id,
      ]);
      const again = await story.fire('web', { annotations: { summary: 'the shop is down' } });
      expect(again.body.accepted).toEqual(answer.body.accepted);
      await sleep(QUIET_MS);
      expect(story.told('web')).toHaveLength(1);

      const [alert, ...others] = (await api.get('/alerts?service=web')).body.items;
      expect(others).toEqual([]);
      const executions = (await api.all('/executions?service=web')).map((execution) => execution.id);
      expect(alert).toMatchObject({
        id,
        source: 'api',
        format: 'native',
        status: 'firing',
        labels: { service: 'web' },
        matched: [{ service: 'web', metric: 'outage' }],
        executions,
      });
      expect(executions).toHaveLength(1);
      expect(Date.parse(alert.lastSeenAt)).toBeGreaterThan(Date.parse(alert.receivedAt));
    },
  );

  it.concurrent(
    'with no wisdom time each alert triggers once, and the end of one triggers nothing',
    async () => {
      await watch('together', { wisdomSeconds: 0 });
      const alert = (disk: string, changes: object = {}) => ({
        labels: { service: 'together', disk },
        ...changes,
      });
      await api.post('/alerts', [alert('a'), alert('b'), alert('c')]);
      await story.isTold('together', 3);
      await api.post('/alerts', alert('b', { status: 'resolved' }));
      await sleep(QUIET_MS);
      expect(story.told('together')).toHaveLength(3);
      expect((await story.state('together')).phase).toBe('alarm');
    },
  );

  it.concurrent('in approve mode a person decides, once', async () => {
    const waiting = async (service: string): Promise<string> => {
      await watch(service, { mode: 'approve' });
      await story.fire(service);
      let found: Json[] = [];
      await until(
        async () =>
          (found = await api.all(`/executions?service=${service}&status=awaiting_approval`)).length === 1,
        WAIT_MS,
      );
      return found[0].id;
    };
    const [approved, rejected] = await Promise.all([waiting('approved'), waiting('rejected')]);
    expect(await story.state('approved')).toMatchObject({ phase: 'alarm', reason: 'awaiting_approval' });
    const request = (id: string) => api.get(`/executions/${id}/request`);
    expect(await request(approved)).toMatchObject({ status: 200, body: { request: { method: 'POST' } } });
    const tooLong = await api.post(`/executions/${rejected}/reject`, { note: 'x'.repeat(1_001) });
    expect([tooLong.status, tooLong.body.errors[0].pointer]).toEqual([400, '/note']);
    const { body: ended } = await api.post(`/executions/${rejected}/reject`, { note: 'not <b>now</b>' });
    expect(ended).toMatchObject({ status: 'cancelled' });
    expect(JSON.stringify(ended)).toContain('not <b>now</b>');
    expect((await request(rejected)).status).toBe(409);
    expect((await request('00000000-0000-0000-0000-000000000000')).status).toBe(404);
    expect((await api.post(`/executions/${approved}/approve`, { note: 'go' })).status).toBe(200);
    await story.isTold('approved');
    expect((await api.post(`/executions/${approved}/approve`)).status).toBe(409);
    expect((await api.post(`/executions/${rejected}/approve`)).status).toBe(409);
    expect(story.told('rejected')).toHaveLength(0);

    // Whoever may retry may not approve by that.
    const all = await api.post('/executions/retry', { status: 'cancelled', service: 'rejected' });
    expect(all.body).toEqual({ retried: 0 });
    const { body: again } = await api.post(`/executions/${rejected}/retry`);
    expect(again).toMatchObject({ status: 'awaiting_approval', attempts: [{ outcome: 'person' }] });
    expect(Date.parse(again.expiresAt)).toBeGreaterThan(Date.parse(ended.finishedAt) + 600_000);
    expect(story.told('rejected')).toHaveLength(0);
    expect((await api.post(`/executions/${rejected}/approve`)).status).toBe(200);
    await story.isTold('rejected');
  });

  it.concurrent.each([
    ['cut', false, 'unknown'],
    ['cut-and-gone', true, 'unknown'],
    ['gone', undefined, 'failed'],
  ])(
    'a target that is %s may have done it where an answer was lost, and else has not',
    async (name, ends, status) => {
      const target = createServer((socket) => {
        socket.on('error', () => undefined).once('data', () => socket.destroy());
        if (ends) target.close();
      });
      await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(target.address() as AddressInfo).port}/`;
      if (ends === undefined) target.close();
      const retry = { attempts: 3, backoffSeconds: 0.1, maxBackoffSeconds: 0.1 };
      await api.create('/actions', { name, type: 'webhook', params: { url }, retry });
      await watch(name, { actions: [name] });
      await story.fire(name);
      let found: Json[] = [];
      await until(
        async () => (found = await api.all(`/executions?service=${name}&status=failed,unknown`)).length > 0,
        WAIT_MS,
      );
      target.close();
      expect(found).toMatchObject([{ status }]);
      const { body } = await api.get(`/executions/${found[0].id}`);
      expect(body.attempts.map(({ outcome }: Json) => outcome)).toEqual(
        ends === undefined
          ? Array(3).fill('retryable')
          : ends
            ? ['ambiguous', 'retryable', 'retryable']
            : Array(3).fill('ambiguous'),
      );
    },
  );

  it.concurrent('two rules can not both take the last place: what is in flight counts', async () => {
    // Its executions never end, so the node that was asked for stays in flight.
    await api.create('/actions', {
      name: 'slow',
      type: 'webhook',
      params: { url: 'http://127.0.0.1:9/' },
      retry: { backoffSeconds: 600 },
    });
    await api.create('/infrastructures', {
      name: 'farm',
      maxNodes: 3,
      nodes: { type: 'static_count', params: { value: 2 } },
    });
    const scaling = { infrastructure: 'farm', direction: 'up', actions: ['slow'] };
    await Promise.all([watch('left', scaling), watch('right', scaling)]);
    await Promise.all([story.fire('left'), story.fire('right')]);
    const reasons = async () =>
      (await Promise.all([story.state('left'), story.state('right')])).map(({ reason }) => reason).sort();
    await until(async () => (await reasons()).join() === 'at_max_nodes,triggered', WAIT_MS);
    expect((await api.get('/infrastructures/farm/capacity')).body).toEqual({
      current: 2,
      inFlight: 1,
      effective: 3,
      minNodes: 1,
      maxNodes: 3,
    });
    const stopped = (await Promise.all([story.state('left'), story.state('right')])).find(
      ({ reason }) => reason === 'at_max_nodes',
    );
    expect(stopped.explanation).toContain('farm has 2 nodes (and 1 to come), its maximum is 3');
  });

  it.concurrent('a value for a service that is named goes to its metric', async () => {
    await watch('load', { condition: 'outage > 10' });
    expect((await api.post('/alerts', { service: 'load', value: 3 })).status).toBe(202);
    await until(async () => (await story.state('load')).values.outage.value === 3, WAIT_MS);
    await story.becomes('load', 'ok');
    await api.post('/alerts', { service: 'load', value: 12 });
    await story.isTold('load');
    expect(JSON.parse(story.told('load')[0]!.body)).toMatchObject({ values: { outage: 12 } });
  });

  it.concurrent('of an array the good ones are taken, unless none is good', async () => {
    await watch('array');
    const bad = { labels: { service: 'array' }, status: 'burning' };
    const mixed = await api.post('/alerts', [
      bad,
      { labels: { service: 'array' } },
      { service: 'nobody', value: 1 },
      { value: 'much' },
    ]);
    expect(mixed.status).toBe(202);
    expect(mixed.body.accepted).toHaveLength(1);
    expect(mixed.body.rejected).toMatchObject([
      { index: 0, errors: [{ pointer: '/status' }] },
      { index: 2, errors: [{ pointer: '/service', detail: 'there is no service "nobody"' }] },
      { index: 3, errors: [{ pointer: '/value' }] },
    ]);
    await story.isTold('array');

    const wrong = await api.post('/alerts', [bad, { service: 'nobody' }]);
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get('content-type')).toContain('application/problem+json');
    expect(wrong.body.errors).toMatchObject([{ pointer: '/0/status' }, { pointer: '/1/service' }]);

    const one = await api.post('/alerts', [{ service: 'nobody' }]);
    expect(one.body.errors).toMatchObject([{ pointer: '/0/service' }]);

    const alone = await api.post('/alerts', { service: 'nobody' });
    expect(alone).toMatchObject({ status: 400, body: { errors: [{ pointer: '/service' }] } });
    expect((await api.post('/alerts', [])).status).toBeLessThan(500);
    expect((await api.post('/alerts', 'no object'.repeat(3))).status).toBe(400);
  });

  it.concurrent('a resolution ends it, and what fires later is another alert', async () => {
    await watch('resolved', { wisdomSeconds: 0 });
    await story.fire('resolved');
    await story.isTold('resolved');
    expect((await story.state('resolved')).phase).toBe('alarm');
    await story.fire('resolved', { status: 'resolved' });
    await story.becomes('resolved', 'ok');
    await story.fire('resolved');
    await story.isTold('resolved', 2);
  });

  it.concurrent('the end of its life ends it', async () => {
    await watch('mortal', {}, { ttlSeconds: 2 });
    await story.fire('mortal');
    await story.becomes('mortal', 'alarm');
    await story.becomes('mortal', 'ok');
    const [end] = (await api.get('/services/mortal/decisions')).body.items;
    const [{ receivedAt }] = (await api.get('/alerts?service=mortal')).body.items;
    const livedMs = Date.parse(end.from) - Date.parse(receivedAt);
    expect(livedMs).toBeGreaterThan(1_900);
    expect(livedMs).toBeLessThan(2_000 + SLACK_MS);
  });

  it.concurrent('a hold triggers at its end without a second alert', async () => {
    await watch('held', { holdSeconds: 2 });
    await story.fire('held');
    await story.becomes('held', 'pending');
    const { holdUntil, since } = await story.state('held');
    expect(Date.parse(holdUntil) - Date.parse(since)).toBe(2_000);
    await story.isTold('held');
    const [trigger] = (await api.get('/services/held/decisions')).body.items;
    const lateMs = Date.parse(trigger.from) - Date.parse(holdUntil);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(SLACK_MS);
  });

  it.concurrent('a lasting alert triggers again at the end of the wisdom time', async () => {
    await watch('lasting', { wisdomSeconds: 2 });
    await story.fire('lasting');
    await story.isTold('lasting', 2);
    await story.fire('lasting', { status: 'resolved' });
    await story.becomes('lasting', 'ok');
    const triggers = (await api.get('/services/lasting/decisions')).body.items.filter(
      ({ trigger }: Json) => trigger,
    );
    const apartMs = Date.parse(triggers.at(-2).from) - Date.parse(triggers.at(-1).from);
    expect(apartMs).toBeGreaterThanOrEqual(2_000);
    expect(apartMs).toBeLessThan(2_000 + SLACK_MS);
  });

  it.concurrent('a service that is new while an alert is being evaluated has it, too', async () => {
    const match = { service: 'shared' };
    const outage = { type: 'alert', params: { match } };
    const first = await watch('there', { metrics: { outage } });
    // Whoever commits an evaluation of it waits.
    const holder = new Client({ connectionString: story.world.databaseUrl });
    await holder.connect();
    try {
      await holder.query('BEGIN');
      await holder.query('SELECT FROM services WHERE id = $1 FOR UPDATE', [first.id]);
      await story.fire('shared');
      const waits = `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FROM services WHERE id = ANY%'`;
      await until(async () => (await story.world.rows(waits)).length > 0, WAIT_MS);
      const created = api.create('/services', {
        name: 'new',
        metrics: { outage },
        condition: 'outage > 0',
        actions: ['tell'],
      });
      await Promise.race([created, sleep(QUIET_MS)]);
      // Long enough for its own job, if it was created.
      await sleep(QUIET_MS);
      await holder.query('COMMIT');
      await created;
    } finally {
      await holder.end();
    }
    await until(() => story.told('there').length === 1 && story.told('new').length === 1, WAIT_MS);
  });

  it.concurrent('with a wisdom time of 0 it triggers once per alert', async () => {
    await watch('each', { wisdomSeconds: 0 });
    for (const [dedupKey, triggers] of [
      ['one', 1],
      ['one', 1],
      ['two', 2],
      ['two', 2],
      ['three', 3],
    ] as const) {
      await story.fire('each', { dedupKey });
      await until(() => story.told('each').length >= triggers, WAIT_MS);
      await sleep(QUIET_MS / 2);
      expect(story.told('each')).toHaveLength(triggers);
    }
  });

  it.concurrent('PUT /trap is answered as monscale 2014 answered it', async () => {
    await watch('old');
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const put = (text: string) => story.program.root.put('/trap', text, form);
    expect(await put('name=old&value=0')).toMatchObject({ status: 204, body: '' });
    expect((await put('name=nobody&value=1')).status).toBe(404);
    expect((await put('name=old&value=much')).status).toBe(400);
    expect((await put('name=old')).status).toBe(400);
    expect((await put('value=1')).status).toBe(400);
    expect((await put('name=old&value=2.5')).status).toBe(204);
    await story.isTold('old');
    expect(JSON.parse(story.told('old')[0]!.body)).toMatchObject({ values: { outage: 2.5 } });
    expect((await story.program.root.as(undefined).put('/trap', 'name=old&value=1', form)).status).toBe(401);
  });

  it.concurrent(
    'an SNMP notification is an alert like any other',
    async () => {
      await api.create('/services', {
        name: 'link',
        metrics: {
          down: {
            type: 'alert',
            params: { match: { trap_oid: LINK_DOWN, '1.3.6.1.2.1.2.2.1.1.7': { regex: '^7$' } } },
          },
        },
        condition: 'down == 1',
        actions: ['tell'],
      });
      const session = createSession('127.0.0.1', 'public', {
        version: Version2c,
        trapPort: story.program.port,
      });
      const trap = () =>
        new Promise<void>((resolve, reject) => {
          const varbinds = [{ oid: '1.3.6.1.2.1.2.2.1.1.7', type: ObjectType.Integer, value: 7 }];
          session.trap(LINK_DOWN, varbinds, (error) => (error ? reject(error) : resolve()));
        });
      try {
        // A listener takes a change of the sources within 5 s.
        await until(async () => {
          await trap();
          await sleep(200);
          return story.told('link').length === 1;
        }, WAIT_MS);
      } finally {
        session.close();
      }
      const alerts = (await api.get('/alerts?source=devices')).body.items;
      expect(alerts.at(-1)).toMatchObject({
        source: 'devices',
        format: 'snmp',
        status: 'firing',
        labels: {
          trap_oid: LINK_DOWN,
          source_address: '127.0.0.1',
          version: '2c',
          '1.3.6.1.2.1.2.2.1.1.7': '7',
        },
        matched: [{ service: 'link', metric: 'down' }],
        executions: [story.told('link')[0]!.headers['idempotency-key']],
      });
    },
    20_000,
  );

  it.concurrent('a token of a source is good for its format, as long as the source exists', async () => {
    await watch('sourced');
    const { token, id, ...source } = await api.create('/sources', { name: 'nagios', format: 'native' });
    expect(source).toMatchObject({ name: 'nagios', format: 'native' });
    expect((await api.get('/sources/nagios')).body).not.toHaveProperty('token');
    const nagios = new Api(`${story.program.url}/api/v1`, token);
    const alert = { labels: { service: 'sourced' } };

    expect((await nagios.post('/alerts', alert)).status).toBe(202);
    expect((await nagios.as(undefined).post(`/alerts?token=${token}`, alert)).status).toBe(202);
    for (const path of ['/alerts', '/services', '/sources', '/executions'])
      expect((await nagios.get(path)).status).toBe(403);
    expect((await nagios.delete('/services/sourced')).status).toBe(403);
    const { token: snmpToken } = await api.create('/sources', { name: 'udp', format: 'snmp' });
    expect((await nagios.as(snmpToken).post('/alerts', alert)).status).toBe(403);
    await story.isTold('sourced');
    expect((await api.get('/alerts?service=sourced')).body.items[0].source).toBe('nagios');

    expect((await api.delete(`/sources/${id}`)).status).toBe(204);
    expect((await nagios.post('/alerts', alert)).status).toBe(401);
    await api.delete('/sources/udp');
  });
});
