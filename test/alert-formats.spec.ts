/** Alerts of other systems, from their request to what is done about it. */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ADMIN_TOKEN, Api, secret, until, type Json } from './program';
import { Scenario } from './scenario';
import { SNS_HOST } from './stand-ins/certificates';
import { notification, SnsWebStandIn, subscription, unsubscription } from './stand-ins/sns-web';

const WAIT_MS = 10_000;
/** Long enough for something wrong to show. */
const QUIET_MS = 1_000;
const TOPIC = 'arn:aws:sns:eu-west-1:123456789012:alarms';
const HMAC = secret('the-hmac-secret-of-grafana');

describe('alerts of other systems', () => {
  const sns = new SnsWebStandIn();
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    const ca = join(process.env.TEST_FOLDER ?? tmpdir(), 'sns-ca.pem');
    writeFileSync(ca, SNS_HOST.cert);
    story = await Scenario.begin(['all'], {
      env: {
        NODE_OPTIONS: `--require ${join(__dirname, 'stand-ins/reroute.cjs')}`,
        NODE_EXTRA_CA_CERTS: ca,
        SNS_STAND_IN_PORT: new URL(await sns.start()).port,
      },
    });
    ({ api } = story);
  }, 60_000);

  afterAll(async () => {
    await story?.end();
    await sns.stop();
  });

  const watch = (name: string, match: object, changes: object = {}, params: object = {}) =>
    story.fed(name, { wisdomSeconds: 0, ...changes }, { match, ...params });
  const isIn = async (service: string, phase: string) => (await story.state(service)).phase === phase;

  /** A source of its own, and how its sender speaks. */
  async function source(format: string, changes: object = {}) {
    const made = await api.create('/sources', { name: `${format} sender`, format, ...changes });
    return {
      id: made.id as string,
      token: secret(made.token),
      sender: new Api(`${story.program.url}/api/v1`, made.token),
    };
  }

  it.concurrent(
    'Alertmanager: a message that is repeated triggers once, and its end ends the alarm',
    async () => {
      const { sender } = await source('alertmanager');
      await watch('am', { alertname: 'AmDown' });
      const message = (status: string) => ({
        version: '4',
        status,
        alerts: [
          {
            status,
            labels: { alertname: 'AmDown' },
            annotations: { summary: 'down' },
            startsAt: '2026-11-22T09:00:00Z',
            endsAt: status === 'firing' ? '0001-01-01T00:00:00Z' : '2026-11-22T09:05:00Z',
            fingerprint: 'c6eadffa33fcdf37',
          },
        ],
      });
      const answer = await sender.post('/alerts/alertmanager', message('firing'));
      expect(answer).toMatchObject({
        status: 202,
        body: { accepted: [{ dedupKey: 'c6eadffa33fcdf37' }], rejected: [] },
      });
      await story.isTold('am');
      expect((await sender.post('/alerts/alertmanager', message('firing'))).body).toEqual(answer.body);
      await sleep(QUIET_MS);
      expect(story.told('am')).toHaveLength(1);
      await sender.post('/alerts/alertmanager', message('resolved'));
      await story.becomes('am', 'ok');
      expect(await story.alerts('am')).toMatchObject([
        { source: 'alertmanager sender', format: 'alertmanager', status: 'resolved' },
      ]);
    },
  );

  it.concurrent(
    'Prometheus: refreshed without a second trigger, and over when it is not refreshed',
    async () => {
      const { token } = await source('alertmanager', { name: 'prometheus' });
      await watch('prom', { alertname: 'PromDown' });
      const post = (startsAt: string, lifeMs: number) =>
        story.program.root.as(token).post('/api/v2/alerts', [
          {
            labels: { alertname: 'PromDown' },
            annotations: {},
            generatorURL: 'http://prometheus/graph',
            startsAt,
            endsAt: new Date(Date.now() + lifeMs).toISOString(),
          },
        ]);
      expect((await post('2026-11-22T09:00:00Z', 60_000)).status).toBe(200);
      await story.isTold('prom');
      // A Prometheus that was started again, or the other of a pair.
      expect((await post('2026-11-22T09:00:30Z', 2_000)).status).toBe(200);
      await story.becomes('prom', 'ok');
      expect(story.told('prom')).toHaveLength(1);
      expect(await story.alerts('prom')).toHaveLength(1);
    },
  );

  it.concurrent('Grafana: the number of a query is the value, and another number is news', async () => {
    const { sender } = await source('grafana', { params: { hmacSecret: HMAC } });
    await watch('graf', { alertname: 'GrafMemory' }, { condition: 'outage > 40' }, { value: '$.values.B' });
    const send = (value: unknown, sign = true) => {
      const body = JSON.stringify({
        version: '1',
        orgId: 1,
        alerts: [
          {
            status: 'firing',
            labels: { alertname: 'GrafMemory' },
            annotations: {},
            startsAt: '2026-11-22T09:00:00Z',
            endsAt: '0001-01-01T00:00:00Z',
            fingerprint: 'f',
            values: { B: value, C: 1 },
          },
        ],
      });
      const signature = createHmac('sha256', HMAC).update(body).digest('hex');
      return sender.put('/alerts/grafana', body, sign ? { 'X-Grafana-Alerting-Signature': signature } : {});
    };
    expect((await send(1, false)).status).toBe(403);
    expect((await send(30)).status).toBe(202);
    await until(async () => (await story.state('graf')).values.outage?.value === 30, WAIT_MS);
    expect(story.told('graf')).toHaveLength(0);
    await send(44.5);
    await story.isTold('graf');
    expect(JSON.parse(story.told('graf')[0]!.body)).toMatchObject({ values: { outage: 44.5 } });
    await send(44.5);
    await sleep(QUIET_MS);
    expect(story.told('graf')).toHaveLength(1);
    await send('many');
    await until(async () => (await story.state('graf')).reason === 'missing_data', WAIT_MS);
    expect((await story.state('graf')).values.outage.error).toMatch(/no number/);
    expect(await story.alerts('graf')).toHaveLength(1);
  });

  it.concurrent(
    'SNS: a subscription is confirmed, an alarm fires and ends, and nobody else is believed',
    async () => {
      const { token, sender } = await source('sns', { params: { topicArns: [TOPIC] } });
      await watch('cloud', { AlarmName: 'too-many', FunctionName: 'shop' });
      const send = (message: object) =>
        sender.as(undefined).post(`/alerts/sns?token=${token}`, JSON.stringify(message), {
          'Content-Type': 'text/plain; charset=UTF-8',
          'x-amz-sns-message-type': 'Notification',
        });
      const alarm = (NewStateValue: string, second = 51) => ({
        AlarmName: 'too-many',
        NewStateValue,
        StateChangeTime: `2026-11-22T15:43:${second}.730+0000`,
        Region: 'EU (Ireland)',
        AWSAccountId: '123456789012',
        Trigger: {
          MetricName: 'Invocations',
          Namespace: 'AWS/Lambda',
          Dimensions: [{ name: 'FunctionName', value: 'shop' }],
        },
      });
      expect((await send(subscription(TOPIC))).body).toEqual({ accepted: [], rejected: [] });
      expect(sns.asked.at(-1)).toContain('ConfirmSubscription');
      expect((await send(notification(TOPIC, alarm('ALARM')))).status).toBe(202);
      await story.isTold('cloud');
      expect((await send(notification(TOPIC, alarm('INSUFFICIENT_DATA')))).body.accepted).toEqual([]);
      await send(notification(TOPIC, alarm('OK', 52)));
      await story.becomes('cloud', 'ok');
      // SNS may send it again, or in another order.
      await send(notification(TOPIC, alarm('ALARM', 51)));
      const last = notification(TOPIC, alarm('ALARM', 55));
      const { body: taken } = await send(last);
      await story.isTold('cloud', 2);
      await send(notification(TOPIC, alarm('OK', 54)));
      await sleep(QUIET_MS);
      expect(await isIn('cloud', 'alarm')).toBe(true);
      expect(story.told('cloud')).toHaveLength(2);

      // Whoever has recorded a message may send it again: not even the life of its alert is longer for that.
      const seen = async () => (await story.alerts('cloud'))[0].lastSeenAt;
      const before = await seen();
      expect(await send(last)).toMatchObject({ status: 202, body: taken });
      expect(await seen()).toBe(before);
      const old = notification(TOPIC, alarm('OK', 59), { Timestamp: '2026-11-22T09:00:00Z' });
      expect(await send(old)).toMatchObject({
        status: 403,
        body: { detail: expect.stringMatching(/older than an hour/) },
      });
      expect((await send(unsubscription(TOPIC))).status).toBe(202);
      expect(await isIn('cloud', 'alarm')).toBe(true);

      const asked = sns.asked.length;
      const forged = { ...notification(TOPIC, alarm('ALARM')), Message: '{}' };
      expect(await send(forged)).toMatchObject({
        status: 403,
        body: {
          detail: 'Signature is not the signature of this message',
        },
      });
      expect((await send(notification('arn:aws:sns:eu-west-1:1:other', 'x'))).status).toBe(403);
      expect((await send(subscription(TOPIC, { SubscribeURL: 'http://169.254.169.254/' }))).status).toBe(403);
      expect((await api.post('/alerts/sns', notification(TOPIC, alarm('ALARM')))).status).toBe(403);
      expect(sns.asked).toHaveLength(asked);
    },
  );

  it.concurrent('CloudEvents: each event triggers, in every mode', async () => {
    const { sender } = await source('cloudevents');
    await watch('events', { type: 'com.example.full' }, {}, { value: '$.data.waiting' });
    const event = { specversion: '1.0', type: 'com.example.full', source: '/shop', data: { waiting: 7 } };
    const type = (mode: string) => ({ 'Content-Type': `application/cloudevents${mode}+json` });
    expect((await sender.post('/alerts/cloudevents', { ...event, id: '1' }, type(''))).status).toBe(202);
    await story.isTold('events');
    await sender.post(
      '/alerts/cloudevents',
      [
        { ...event, id: '1' },
        { ...event, id: '2' },
      ],
      type('-batch'),
    );
    await story.isTold('events', 2);
    await sender.post('/alerts/cloudevents', '{"waiting": 9}', {
      'ce-specversion': '1.0',
      'ce-id': '3',
      'ce-source': '/shop',
      'ce-type': 'com.example.full',
    });
    await story.isTold('events', 3);
    const values = story.told('events').map(({ body }) => JSON.parse(body).values.outage);
    expect(values).toEqual([7, 7, 9]);

    const handshake = await sender.as(undefined).send('OPTIONS', '/alerts/cloudevents', undefined, {
      'WebHook-Request-Origin': 'eventemitter.example.com',
    });
    expect(handshake.status).toBe(200);
    expect(handshake.headers.get('webhook-allowed-origin')).toBe('eventemitter.example.com');
    expect(handshake.headers.get('webhook-allowed-rate')).toBe('*');
  });

  it.concurrent('PagerDuty: the routing key lets in, and answers are in its own shape', async () => {
    const { token, sender } = await source('pagerduty');
    await watch('pager', { component: 'mysql' });
    const send = (event: object, key = token) =>
      sender.as(undefined).post('/alerts/pagerduty/v2/enqueue', { routing_key: key, ...event });
    const payload = { summary: 'disk is full', source: 'web-3', severity: 'critical', component: 'mysql' };
    expect(await send({ event_action: 'trigger', dedup_key: 'disk', payload })).toMatchObject({
      status: 202,
      body: { status: 'success', message: 'Event processed', dedup_key: 'disk' },
    });
    await story.isTold('pager');
    expect((await send({ event_action: 'acknowledge', dedup_key: 'disk' })).status).toBe(202);
    expect(await isIn('pager', 'alarm')).toBe(true);
    expect((await send({ event_action: 'resolve', dedup_key: 'disk' })).status).toBe(202);
    await story.becomes('pager', 'ok');
    expect(await send({ event_action: 'trigger' })).toMatchObject({
      status: 400,
      body: { status: 'invalid event', errors: ['payload is required to trigger'] },
    });
    expect((await send({ event_action: 'trigger', payload }, 'wrong')).status).toBe(401);
    expect((await story.alerts('pager'))[0].labels).toMatchObject({
      component: 'mysql',
      summary: 'disk is full',
    });
  });

  it.concurrent('Icinga: a check result by basic authentication, with its performance data', async () => {
    const { token } = await source('icinga');
    await watch(
      'ping',
      { host: 'web-1', service: 'ping' },
      { condition: 'outage > 1000' },
      { value: '$.performance.rta' },
    );
    const send = (exit_status: number, rta: number, password = token) =>
      story.program.root.as(undefined).post(
        '/v1/actions/process-check-result',
        JSON.stringify({
          type: 'Service',
          filter: 'host.name=="web-1" && service.name=="ping"',
          exit_status,
          plugin_output: 'PING',
          performance_data: [`rta=${rta}ms;3000;5000;0`, 'pl=100%;80;100;0'],
        }),
        {
          Authorization: `Basic ${Buffer.from(`root:${password}`).toString('base64')}`,
          'Content-Type': 'application/x-www-form-urlencoded',
        },
      );
    expect(await send(2, 5000)).toMatchObject({
      status: 200,
      body: {
        results: [{ code: 200, status: "Successfully processed check result for object 'web-1!ping'." }],
      },
    });
    await story.isTold('ping');
    expect((await send(3, 0)).status).toBe(200);
    await send(0, 10);
    await story.becomes('ping', 'ok');
    expect((await send(2, 5000, 'wrong')).status).toBe(401);
    expect(await send(7, 1)).toMatchObject({ status: 400, body: { error: 400, status: expect.any(String) } });
  });

  it.concurrent('Zabbix: a problem and its recovery', async () => {
    const { sender } = await source('zabbix');
    await watch('zab', { tag_scope: 'performance' });
    const event = {
      event_id: '5',
      event_value: '1',
      event_name: 'High CPU',
      event_tags: [{ tag: 'scope', value: 'performance' }],
    };
    await sender.post('/alerts/zabbix', event);
    await story.isTold('zab');
    await sender.post('/alerts/zabbix', { ...event, event_value: '0' });
    await story.becomes('zab', 'ok');
  });

  it.concurrent('whatever format it is, its shape says it', async () => {
    const { sender } = await source('auto');
    const shapes: [string, unknown][] = [
      ['native', { labels: { auto: 'native' } }],
      ['alertmanager', { version: '4', alerts: [{ status: 'firing', labels: { auto: 'alertmanager' } }] }],
      ['alertmanager', [{ labels: { auto: 'prometheus' }, generatorURL: 'http://p' }]],
      ['grafana', { version: '1', alerts: [{ status: 'firing', labels: { auto: 'grafana' }, values: {} }] }],
      ['cloudevents', { specversion: '1.0', id: '1', source: '/a', type: 't', auto: 'cloudevents' }],
      ['pagerduty', { event_action: 'trigger', payload: { summary: 's', source: 'auto', severity: 'info' } }],
      ['icinga', { host: 'auto', exit_status: 1, plugin_output: '' }],
      ['zabbix', { event_id: 99, event_value: 1 }],
    ];
    for (const [format, body] of shapes) {
      const { status } = await sender.post('/alerts/auto', body);
      expect([format, status]).toEqual([format, format === 'icinga' ? 200 : 202]);
    }
    const read = (await api.get('/alerts?source=auto%20sender')).body.items.map(({ format }: Json) => format);
    expect(read.reverse()).toEqual(shapes.map(([format]) => format));
    expect((await sender.post('/alerts/auto', { nothing: 'known' })).body.errors).toMatchObject([
      { pointer: '' },
    ]);
    expect((await sender.post('/alerts/auto', notification(TOPIC, 'x'))).status).toBe(403);
    expect((await sender.post('/alerts', { labels: {} })).status).toBe(403);
  });

  it('in a storm of new alerts each is kept as it is, and those that are known are seen again or end', async () => {
    await watch('stormy', { storm: 'asked' });
    const post = (alerts: object[]) => api.post('/alerts/alertmanager', { version: '4', alerts });
    const alert = (key: string, changes: object = {}) => ({
      status: 'firing',
      labels: { storm: 'any', key },
      startsAt: '2026-01-01T00:00:00Z',
      ...changes,
    });
    const storm = (name: string, size: number) =>
      Array.from({ length: size }, (_, index) => alert(`${name} ${index}`));
    const strange = alert('tab\t, line\n, return\r, \\N, {"a", b} and \\.');
    const late = alert('far away', { startsAt: '9999-12-31T23:59:59-12:00' });
    const asked = alert('asked', { labels: { storm: 'asked' } });

    expect((await post(storm('first', 300))).status).toBe(202);
    const accepted: Json[] = [];
    for (const alerts of [
      [...storm('second', 300), strange, late, asked],
      // What is known stands among what is new: it is seen again, it ends, it begins anew.
      [...storm('third', 300), strange, alert('second 1', { status: 'resolved' })],
      [...storm('fourth', 300), alert('second 2', { startsAt: '2026-01-02T00:00:00Z' })],
      [alert('fourth 0'), ...storm('fifth', 300), alert('fourth 0', { status: 'resolved' })],
    ]) {
      const answer = await post(alerts);
      expect(answer).toMatchObject({ status: 202, body: { rejected: [] } });
      expect(answer.body.accepted).toHaveLength(alerts.length);
      accepted.push(answer.body.accepted);
    }
    await story.isTold('stormy');

    const kept = (await api.all('/alerts?source=api')).filter(({ labels }) => labels.storm !== undefined);
    const ofKey = (key: string) => kept.filter(({ labels }) => labels.key === key);
    expect(kept).toHaveLength(5 * 300 + 3 + 1);
    expect(ofKey(strange.labels.key)).toMatchObject([{ status: 'firing', id: accepted[0]![300].id }]);
    expect(accepted[1]![300]).toEqual(accepted[0]![300]);
    expect(ofKey('far away')).toMatchObject([{ at: '+010000-01-01T11:59:59.000Z' }]);
    expect(ofKey('second 1')).toMatchObject([{ status: 'resolved', id: accepted[0]![1].id }]);
    expect(ofKey('second 2')).toHaveLength(2);
    expect(ofKey('fourth 0')).toMatchObject([{ status: 'resolved' }]);
  });

  it.concurrent('a token is good for its own path alone, and not for longer than its source', async () => {
    const { id, sender, token } = await source('grafana', { name: 'short-lived' });
    const message = { version: '1', alerts: [{ status: 'firing', labels: { alertname: 'x' } }] };
    expect((await sender.post('/alerts/grafana', message)).status).toBe(202);
    for (const path of ['/alerts', '/alerts/alertmanager', '/alerts/sns', '/alerts/auto', '/alerts/nothing'])
      expect([path, (await sender.post(path, message)).status]).toEqual([path, 403]);
    for (const path of ['/api/v2/alerts', '/v1/actions/process-check-result'])
      expect((await story.program.root.as(token).post(path, [])).status).toBe(403);
    await api.delete(`/sources/${id}`);
    expect((await sender.post('/alerts/grafana', message)).status).toBe(401);
    expect((await api.post('/alerts/nothing', {})).status).toBe(404);
    expect((await api.post('/alerts/snmp', {})).status).toBe(404);
  });

  it.concurrent('the last payloads of a source say what became of them, without what lets in', async () => {
    const { id, token, sender } = await source('pagerduty', { name: 'shown' });
    await watch('shown', { component: 'shown' });
    const payload = { summary: 's', source: 'web-3', severity: 'critical', component: 'shown' };
    await sender.post('/alerts/pagerduty', {
      routing_key: token,
      event_action: 'trigger',
      dedup_key: 'shown',
      payload,
    });
    await sender.post('/alerts/pagerduty', { routing_key: token, event_action: 'explode' });
    await sender.post('/alerts/pagerduty', `{"routing_key": "${token}", `);
    await story.isTold('shown');
    const { items } = (await api.get(`/sources/${id}/recent`)).body;
    expect(items).toMatchObject([
      {
        status: 400,
        format: 'pagerduty',
        alerts: [],
        errors: [{ detail: expect.stringMatching(/^is no JSON/) }],
      },
      { status: 400, errors: [{ pointer: '/event_action' }] },
      {
        status: 202,
        alertCount: 1,
        errors: [],
        alerts: [{ dedupKey: 'shown', status: 'firing', matched: [{ service: 'shown', metric: 'outage' }] }],
      },
    ]);
    expect(items[2].payload).toContain('"summary":"s"');
    expect(JSON.stringify(items)).not.toContain(token);
    expect((await api.get(`/sources/${id}`)).body).toMatchObject({
      lastSeenAt: expect.any(String),
      alertsPerMinute: 1,
    });
    // What is only shown is not part of it, and may be sent back.
    const {
      id: _,
      version: _v,
      createdAt: _c,
      updatedAt: _u,
      ...definition
    } = (await api.get(`/sources/${id}`)).body;
    expect((await api.put(`/sources/${id}`, definition)).status).toBe(200);
    expect((await api.patch(`/sources/${id}`, { silentAfterSeconds: 3600 })).body).toMatchObject({
      silentAfterSeconds: 3600,
    });
    expect((await sender.get(`/sources/${id}/recent`)).status).toBe(403);
  });

  it.concurrent(
    'a source that is silent is an alert, until it speaks',
    async () => {
      const { sender } = await source('native', { name: 'heartbeat', silentAfterSeconds: 10 });
      await watch('dead', { alertname: 'source_silent', source: 'heartbeat' });
      await sender.post('/alerts', { labels: { heart: 'beats' } });
      await sleep(5_000);
      expect(story.told('dead')).toHaveLength(0);
      await story.isTold('dead', 1, 15_000);
      await sleep(5_000);
      expect(story.told('dead')).toHaveLength(1);
      await sender.post('/alerts', { labels: { heart: 'beats' } });
      await story.becomes('dead', 'ok');
      expect(await story.alerts('dead')).toMatchObject([{ source: 'monscale', status: 'resolved' }]);
      await api.delete('/sources/heartbeat');
    },
    60_000,
  );

  describe('what is wrong is refused, and nothing worse', () => {
    const FORMATS = [
      'native',
      'alertmanager',
      'grafana',
      'sns',
      'cloudevents',
      'pagerduty',
      'icinga',
      'zabbix',
      'auto',
    ];
    const pathOf = (format: string) => (format === 'native' ? '/alerts' : `/alerts/${format}`);
    const WRONG = [
      '',
      '{',
      'null',
      '5',
      '"text"',
      '[5]',
      '{"a": "\u0000"}',
      '{"__proto__": {"x": 1}}',
      '{"constructor": {"prototype": {"x": 1}}}',
      '['.repeat(100_000),
      `${'['.repeat(100_000)}${']'.repeat(100_000)}`,
      `${'{"labels":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
    ];

    it.concurrent.each(FORMATS)('%s', async (format) => {
      for (const body of WRONG) {
        const { status, body: answer } = await api.post(pathOf(format), body);
        expect([body.slice(0, 40), status]).toEqual([body.slice(0, 40), status === 403 ? 403 : 400]);
        expect(JSON.stringify(answer).length).toBeLessThan(2_000);
      }
    });

    it.concurrent('more than 10,000 alerts', async () => {
      const alert = { labels: { a: 'b' }, startsAt: '2026-11-22T09:00:00Z' };
      const many = Array.from({ length: 10_001 }, () => alert);
      expect((await api.post('/alerts/alertmanager', { version: '4', alerts: many })).status).toBe(413);
      expect((await story.program.root.post('/api/v2/alerts', many)).status).toBe(413);
      expect((await api.post('/alerts', many)).status).toBe(413);
      expect((await api.post('/alerts/cloudevents', many)).status).toBe(413);
    });

    it.concurrent('a body may be compressed, and is as large as it inflates to', async () => {
      const send = async (encoding: string, body: Buffer) => {
        const response = await fetch(`${story.program.url}/api/v1/alerts`, {
          method: 'POST',
          headers: {
            Authorization: `Bearer ${ADMIN_TOKEN}`,
            'Content-Type': 'application/json',
            'Content-Encoding': encoding,
          },
          body: new Uint8Array(body),
        });
        return { status: response.status, body: (await response.json()) as Json };
      };
      const alert = Buffer.from('{"labels": {"alertname": "Compressed"}}');
      for (const [encoding, compress] of [
        ['gzip', gzipSync],
        ['deflate', deflateSync],
        ['deflate', deflateRawSync],
        ['br', brotliCompressSync],
      ] as const) {
        expect(await send(encoding, compress(alert))).toMatchObject({ status: 202, body: { rejected: [] } });
      }
      const bomb = Buffer.from(`{"labels": {"a": "${'b'.repeat(9 * 1024 * 1024)}"}}`);
      expect((await send('gzip', gzipSync(bomb))).status).toBe(413);
      expect((await send('gzip', alert)).status).toBe(400);
      expect((await send('gzip', gzipSync(alert).subarray(0, 20))).status).toBe(400);
      expect((await send('zstd', alert)).status).toBe(415);
    });

    it.concurrent('a body is read in the charset that it declares', async () => {
      await watch('charsets', { alertname: 'Tür' });
      const send = (path: string, body: Buffer, charset: string, method = 'POST') =>
        fetch(`${story.program.url}/api/v1${path}`, {
          method,
          headers: { Authorization: `Bearer ${ADMIN_TOKEN}`, 'Content-Type': `application/json${charset}` },
          body: new Uint8Array(body),
        });
      const alert = '{"labels": {"alertname": "Tür"}}';
      const latin = Buffer.from(alert, 'latin1');
      expect((await send('/alerts', latin, '; charset=ISO-8859-1')).status).toBe(202);
      await until(() => isIn('charsets', 'alarm'), WAIT_MS);
      expect((await send('/alerts', Buffer.from(alert, 'utf16le'), ';charset="utf-16le"')).status).toBe(202);
      expect((await send('/alerts', latin, '; charset=utf-7')).status).toBe(415);
      // A definition would be kept with other letters than were sent.
      const change = Buffer.from('{"description": "Tür"}', 'latin1');
      expect((await send('/services/charsets', change, '', 'PATCH')).status).toBe(400);
      expect((await send('/services/charsets', change, '; charset=latin1', 'PATCH')).status).toBe(200);
      expect((await api.get('/services/charsets')).body.description).toBe('Tür');
    });

    it.concurrent('a slash at the end of a path makes no other path', async () => {
      const alert = { labels: { alertname: 'Slash' } };
      const { token } = await source('alertmanager', { name: 'slashes' });
      const statusOf = async (path: string, body: object, bearer: string, method = 'POST') => {
        const headers = { Authorization: `Bearer ${bearer}` };
        return (await fetch(story.program.url + path, { method, headers, body: JSON.stringify(body) }))
          .status;
      };
      expect(await statusOf('/api/v1/alerts/', alert, ADMIN_TOKEN)).toBe(202);
      expect(await statusOf('/api/v1/alerts/alertmanager/', { alerts: [alert] }, token)).toBe(202);
      expect(await statusOf('/api/v2/alerts/', [alert], token)).toBe(200);
      expect(await statusOf('/api/v1/alerts/', alert, token)).toBe(403);
      expect(await statusOf('/api/v1/alerts/alertmanager/', {}, token, 'DELETE')).toBe(405);
    });

    it.concurrent('texts that PostgreSQL can not hold are kept as far as they can be', async () => {
      const labels = '{"alertname": "nul \\u0000 and \\ud800 half", "\\u0000": "x"}';
      for (const [path, body] of [
        ['/alerts', `{"labels": ${labels}}`],
        ['/alerts/alertmanager', `{"alerts": [{"labels": ${labels}, "annotations": ${labels}}]}`],
        ['/alerts/grafana', `{"alerts": [{"labels": ${labels}, "values": {"\\u0000": "\\udfff"}}]}`],
      ] as const) {
        expect([path, (await api.post(path, body)).status]).toEqual([path, 202]);
        const [alert] = (await api.get('/alerts?limit=500')).body.items.filter(
          ({ labels }: Json) => labels.alertname === 'nul \ufffd and \ufffd half',
        );
        expect(alert.labels).toHaveProperty('\ufffd', 'x');
      }
    });

    it.concurrent('times far away, numbers without end and keys without end', async () => {
      const alert = (name: string, changes: object) => ({
        status: 'firing',
        labels: { alertname: 'far', name },
        fingerprint: name,
        ...changes,
      });
      const alerts = [
        alert('1970', { startsAt: '1970-01-01T00:00:00Z' }),
        alert('2300', { startsAt: '2300-01-01T00:00:00Z', endsAt: '9999-12-31T23:59:59Z' }),
        alert('0001', { startsAt: '0001-01-01T00:00:00Z' }),
        alert('0000', { startsAt: '0000-01-01T00:00:00Z' }),
        alert('k'.repeat(20_000), {}),
      ];
      const answer = await api.post('/alerts/alertmanager', { version: '4', alerts });
      expect(answer).toMatchObject({ status: 202, body: { rejected: [] } });
      const endless = `{"version": "1", "alerts": [{"labels": {"alertname": "endless"}, "values": {"A": 1e400}}]}`;
      expect((await api.post('/alerts/grafana', endless)).status).toBe(202);
      expect((await api.post('/alerts', '{"value": 1e400, "labels": {"a": "b"}}')).status).toBe(400);
    });

    it.concurrent('other media types are taken where alerts are, and nowhere else', async () => {
      const type = { 'Content-Type': 'application/x-thing' };
      expect((await api.post('/alerts', '{"labels": {"a": "b"}}', type)).status).toBe(202);
      expect((await api.post('/services', '{}', type)).status).toBe(415);
    });
  });
});
