/** What other systems say, taken as they mean it: late, blind, formatted for people, in older versions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Api, secret, until, type Json } from './program';
import { Scenario } from './scenario';

const WAIT_MS = 10_000;
/** Long enough for something wrong to show. */
const QUIET_MS = 700;

describe('what other systems say', () => {
  let story: Scenario;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin();
    ({ api } = story);
  }, 60_000);
  afterAll(() => story?.end());

  const watch = (name: string, match: object, params: object = {}, changes: object = {}) =>
    story.fed(name, { wisdomSeconds: 0, ...changes }, { match, ...params });
  const outage = async (service: string): Promise<Json> => (await story.state(service)).values.outage;

  async function source(format: string, name: string) {
    const { token, id } = await api.create('/sources', { name, format });
    const recent = async (): Promise<Json[]> => (await api.get(`/sources/${id}/recent`)).body.items;
    return { token: secret(token), sender: new Api(`${story.program.url}/api/v1`, token), recent };
  }

  const T1 = Date.now() - 600_000;
  const T2 = Date.now() - 20_000;
  const iso = (ms: number) => new Date(ms).toISOString();

  /** How each format says that something fires, or is over, and since when. */
  const FORMATS: Record<string, { path: string; body: (isFiring: boolean, ms: number) => unknown }> = {
    alertmanager: {
      path: '/alerts/alertmanager',
      body: (isFiring, ms) => ({
        version: '4',
        alerts: [
          {
            status: isFiring ? 'firing' : 'resolved',
            labels: { order: 'alertmanager' },
            startsAt: iso(ms),
            endsAt: isFiring ? '0001-01-01T00:00:00Z' : iso(ms + 5_000),
            fingerprint: 'order',
          },
        ],
      }),
    },
    grafana: {
      path: '/alerts/grafana',
      body: (isFiring, ms) => ({
        version: '1',
        orgId: 1,
        alerts: [
          {
            status: isFiring ? 'firing' : 'resolved',
            labels: { alertname: 'Order', order: 'grafana' },
            startsAt: iso(ms),
            endsAt: isFiring ? '0001-01-01T00:00:00Z' : iso(ms + 5_000),
            values: { A: 1 },
          },
        ],
      }),
    },
    native: {
      path: '/alerts',
      body: (isFiring, ms) => ({
        status: isFiring ? 'firing' : 'resolved',
        labels: { order: 'native' },
        at: iso(ms),
      }),
    },
    icinga: {
      path: '/alerts/icinga',
      body: (isFiring, ms) => ({
        host: 'order-icinga',
        exit_status: isFiring ? 1 : 0,
        plugin_output: 'x',
        execution_end: ms / 1000,
      }),
    },
    pagerduty: {
      path: '/alerts/pagerduty',
      body: (isFiring, ms) => ({
        event_action: isFiring ? 'trigger' : 'resolve',
        dedup_key: 'order',
        payload: {
          summary: 's',
          source: 'w',
          severity: 'info',
          component: 'order-pagerduty',
          timestamp: iso(ms),
        },
      }),
    },
  };
  const MATCHES: Record<string, object> = {
    icinga: { host: 'order-icinga' },
    pagerduty: { component: 'order-pagerduty' },
  };

  it.concurrent.each(Object.keys(FORMATS))(
    '%s: what is told late ends and begins nothing that came after it, and is told apart',
    async (format) => {
      const { path, body } = FORMATS[format]!;
      const { sender, recent } = await source(format, `late ${format}`);
      const service = `order-${format}`;
      await watch(service, MATCHES[format] ?? { order: format });
      const send = async (isFiring: boolean, ms: number) =>
        expect((await sender.post(path, body(isFiring, ms))).status).toBeLessThan(300);

      await send(true, T1);
      await story.becomes(service, 'alarm');
      await send(false, T1);
      await story.becomes(service, 'ok');
      await send(true, T1);
      await sleep(QUIET_MS);
      expect((await story.state(service)).phase).toBe('ok');
      await send(true, T2);
      await story.becomes(service, 'alarm');
      await send(false, T1);
      await sleep(QUIET_MS);
      expect((await story.state(service)).phase).toBe('alarm');
      expect((await recent()).map(({ notes }) => notes)).toMatchObject([
        [{ index: 0, detail: expect.stringMatching(/^changed nothing: a later report/) }],
        [],
        [{ index: 0 }],
        [],
        [],
      ]);
      await story.isTold(service, 2);
      await send(false, T2);
      await story.becomes(service, 'ok');
      expect(story.told(service)).toHaveLength(2);
      const metrics = (await story.program.root.get('/metrics')).body as string;
      expect(metrics).toMatch(new RegExp(`alerts_overtaken_total\\{format="${format}"\\} [2-9]`));
    },
    60_000,
  );

  it.concurrent('Zabbix: a problem that comes after its recovery begins nothing', async () => {
    const { sender } = await source('zabbix', 'late zabbix');
    await watch('late-zabbix', { event_name: 'Late' });
    const send = (event_value: number) =>
      sender.post('/alerts/zabbix', {
        event_id: 77,
        event_value,
        event_name: 'Late',
        event_datetime_timestamp: Math.floor(T1 / 1000),
      });
    await send(0);
    await send(1);
    await sleep(QUIET_MS);
    expect((await story.state('late-zabbix')).phase).not.toBe('alarm');
    expect(story.told('late-zabbix')).toEqual([]);
  });

  it.concurrent('who can not look begins and ends nothing, in whatever format, and it is said', async () => {
    const blind: [string, string, object, string][] = [
      [
        'grafana',
        '/alerts/grafana',
        {
          version: '1',
          alerts: [{ status: 'firing', labels: { alertname: 'DatasourceNoData', blind: '1' } }],
        },
        'DatasourceNoData says that Grafana could not look: nothing begins or ends by it',
      ],
      [
        'alertmanager',
        '/alerts/alertmanager',
        {
          version: '4',
          alerts: [
            { status: 'firing', labels: { alertname: 'DatasourceError', rulename: 'High CPU', blind: '1' } },
          ],
        },
        'DatasourceError says that Grafana could not look: nothing begins or ends by it',
      ],
      [
        'icinga',
        '/alerts/icinga',
        { service: 'web-1!blind', exit_status: 3, plugin_output: 'timeout' },
        'UNKNOWN says that nobody can tell: nothing begins or ends by it',
      ],
      [
        'zabbix',
        '/alerts/zabbix',
        { event_id: 1, event_value: 1, event_source: 3, event_tags: { blind: '1' } },
        'an internal event says what Zabbix can or can not look at: nothing begins or ends by it',
      ],
      [
        'pagerduty',
        '/alerts/pagerduty',
        { event_action: 'acknowledge', dedup_key: 'blind' },
        'an acknowledgement says that somebody looks at it: nothing begins or ends by it',
      ],
    ];
    for (const [format, path, body, detail] of blind) {
      const { sender, recent } = await source(format, `blind ${format}`);
      expect((await sender.post(path, body)).status).toBeLessThan(300);
      expect(await recent()).toMatchObject([
        { status: expect.any(Number), alertCount: 0, errors: [], notes: [{ index: 0, detail }] },
      ]);
      expect((await api.get(`/alerts?source=blind%20${format}`)).body.items).toEqual([]);
    }
  });

  it.concurrent('of a message with a blind alert and a wrong one, the blind one is taken', async () => {
    const blind = { status: 'firing', labels: { alertname: 'DatasourceNoData', rulename: 'r' } };
    const answer = await api.post('/alerts/alertmanager', { version: '4', alerts: [{ labels: 5 }, blind] });
    expect(answer).toMatchObject({ status: 202, body: { accepted: [], rejected: [{ index: 0 }] } });
  });

  it.concurrent('numbers that are written for people are read, or it is said why they are none', async () => {
    await watch(
      'numbers',
      { host: 'numbers' },
      { value: '$.performance.time' },
      { condition: 'outage > 1e9' },
    );
    const send = (performance_data: string) =>
      api.post('/alerts/icinga', {
        service: 'numbers!http',
        exit_status: 1,
        plugin_output: 'x',
        performance_data,
      });
    await send('time=6.049175s;;;0;10 size=5B');
    await until(async () => (await outage('numbers'))?.value === 6.049175, WAIT_MS);
    await send('time=6,049175s;;;0,000000;10,000000');
    await until(async () => (await story.state('numbers')).reason === 'missing_data', WAIT_MS);
    expect((await outage('numbers')).error).toBe(
      'the alert has no number where this metric looks for it: at $.performance.time there is a text that is no number',
    );
    await send('size=5B');
    await until(
      async () => (await outage('numbers')).error?.endsWith('there is nothing at $.performance.time'),
      WAIT_MS,
    );
    await send('time=12ms');
    await until(async () => (await outage('numbers'))?.value === 12, WAIT_MS);
  });

  it.concurrent("PagerDuty's Events API v1 and change events are answered as PagerDuty does", async () => {
    const { token, recent } = await source('pagerduty', 'v1');
    await watch('v1', { host: 'web-3' }, { value: '$.details.free' });
    const sender = story.program.root.as(undefined);
    const event = {
      service_key: token,
      event_type: 'trigger',
      incident_key: 'web-3/disk',
      description: 'disk is full',
      client: 'Nagios',
      details: { host: 'web-3', free: 7 },
    };
    const under = '/api/v1/alerts/pagerduty';
    const v1 = '/generic/2010-04-15/create_event.json';
    for (const path of [under, under + v1, v1])
      expect(await sender.post(path, event)).toMatchObject({
        status: 200,
        body: { status: 'success', message: 'Event processed', incident_key: 'web-3/disk' },
      });
    await story.becomes('v1', 'alarm');
    expect(JSON.parse(story.told('v1')[0]!.body).values.outage).toBe(7);
    expect(await sender.post(v1, { ...event, event_type: 'acknowledge' })).toMatchObject({ status: 200 });
    expect((await story.state('v1')).phase).toBe('alarm');
    await sender.post(v1, { service_key: token, event_type: 'resolve', incident_key: 'web-3/disk' });
    await story.becomes('v1', 'ok');
    expect(await sender.post(v1, { service_key: token, event_type: 'trigger' })).toMatchObject({
      status: 400,
      body: {
        status: 'invalid event',
        message: 'Event object is invalid',
        errors: ['description must be a text that is not blank'],
      },
    });
    expect((await sender.post(v1, { ...event, service_key: 'wrong' })).status).toBe(401);

    const change = { routing_key: token, payload: { summary: 'deployed', source: 'ci' } };
    for (const path of [`${under}/v2/change/enqueue`, '/v2/change/enqueue'])
      expect(await sender.post(path, change)).toMatchObject({
        status: 202,
        body: { status: 'success', message: 'Change event processed' },
      });
    expect(await sender.post('/v2/change/enqueue', { routing_key: token })).toMatchObject({
      status: 400,
      body: { errors: ['payload.summary must be a text that is not blank'] },
    });
    expect((await sender.post('/v2/change/enqueue', { payload: change.payload })).status).toBe(401);
    expect(story.told('v1')).toHaveLength(1);
    const items = await recent();
    expect(items[1]).toMatchObject({ notes: [{ detail: expect.stringMatching(/^a change event/) }] });
    expect(JSON.stringify(items)).not.toContain(token);
  });

  it.concurrent('CloudEvents: the media type says the mode, and headers are read by the letter', async () => {
    const { sender } = await source('cloudevents', 'letters');
    await watch('letters', { type: 'com.example.letters' }, { value: '$.data.waiting' });
    const event = { specversion: '1.0', source: '/shop', type: 'com.example.letters' };
    const binary = {
      'ce-specversion': '"1.0"',
      'ce-source': '"/shop"',
      'ce-type': '"com.example.letters"',
      'ce-id': '"1"',
    };
    await sender.post('/alerts/cloudevents', '{"waiting": 11}', binary);
    await story.isTold('letters');
    const structured = { ...binary, 'Content-Type': 'application/cloudevents+json; charset=UTF-8' };
    await sender.post('/alerts/cloudevents', { ...event, id: '2', data: { waiting: 12 } }, structured);
    await story.isTold('letters', 2);
    const data_base64 = Buffer.from('{"waiting": 13}').toString('base64');
    await sender
      .post('/alerts/auto', { ...event, id: '3', data_base64 })
      .then(({ status }) => expect(status).toBe(403));
    await api.post('/alerts/auto', { ...event, id: '3', data_base64 });
    await story.isTold('letters', 3);
    const refused = await sender.post('/alerts/cloudevents', '{}', { ...binary, 'ce-subject': 'a%ffb' });
    expect(refused).toMatchObject({ status: 400, body: { errors: [{ pointer: '/subject' }] } });
    expect(story.told('letters').map(({ body }) => JSON.parse(body).values.outage)).toEqual([11, 12, 13]);
  });

  it.concurrent('an empty label is an absent one', async () => {
    await watch('nobody', { alertname: 'Nobody', team: '' });
    const alert = (labels: object) => ({ labels: { alertname: 'Nobody', ...labels } });
    const post = async (labels: object) => (await api.post('/alerts', alert(labels))).body.accepted[0];
    expect((await post({ team: '' })).id).toBe((await post({})).id);
    await post({ team: 'web' });
    await story.isTold('nobody');
    await sleep(QUIET_MS);
    expect(story.told('nobody')).toHaveLength(1);
  });

  it.concurrent('an alert that could match nothing is refused with a word', async () => {
    for (const body of [{}, { labels: {} }, { labels: { a: '' } }, { value: 5 }])
      expect(await api.post('/alerts', body)).toMatchObject({
        status: 400,
        body: { errors: [{ pointer: '/labels', detail: expect.stringMatching(/could match nothing/) }] },
      });
    expect(await api.post('/alerts', [{ labels: { a: 'b' } }, {}])).toMatchObject({
      status: 202,
      body: { rejected: [{ index: 1, errors: [{ pointer: '/labels' }] }] },
    });
  });

  it.concurrent('each format takes its body by the media type that its senders say', async () => {
    const FORM = 'application/x-www-form-urlencoded';
    const event = { specversion: '1.0', id: 'm', source: '/m', type: 'm' };
    const sent: [path: string, type: string, body: object][] = [
      ['/alerts/alertmanager', 'application/json', { version: '4', alerts: [{ labels: { media: 'type' } }] }],
      ['/alerts/grafana', 'application/json', { version: '1', alerts: [{ labels: { media: 'type' } }] }],
      ['/alerts/pagerduty', 'text/plain', { event_action: 'resolve', dedup_key: 'm' }],
      ['/alerts/pagerduty', FORM, { event_type: 'resolve', incident_key: 'm', service_key: 'x' }],
      ['/alerts/icinga', FORM, { host: 'm', exit_status: 0, plugin_output: '' }],
      ['/alerts/icinga', 'application/json', { host: 'm', exit_status: 0, plugin_output: '' }],
      ['/alerts/zabbix', 'application/json', { event_id: 1, event_value: 0 }],
      ['/alerts/cloudevents', 'application/cloudevents+json', event],
      ['/alerts/cloudevents', 'application/json', event],
      ['/alerts', FORM, { labels: { media: 'type' } }],
      ['/alerts', 'text/plain;charset=UTF-8', { labels: { media: 'type' } }],
    ];
    for (const [path, type, body] of sent) {
      const { status } = await api.post(path, JSON.stringify(body), { 'Content-Type': type });
      expect([path, type, status < 300]).toEqual([path, type, true]);
    }
  });
});
