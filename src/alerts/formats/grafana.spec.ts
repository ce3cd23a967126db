import { createHmac } from 'node:crypto';
import { numberAt } from '../../common/json-path';
import { Grafana, GrafanaSourceParams } from './grafana.format';

/** As in Grafana's documentation, shortened to one alert. */
const NOTIFICATION = {
  receiver: 'My Super Webhook',
  status: 'firing',
  orgId: 1,
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'High memory usage', team: 'blue', zone: 'us-1' },
      annotations: {
        description: 'The system has high memory usage',
        runbook_url: 'https://myrunbook.com/runbook/1234',
        summary: 'This alert was triggered for zone us-1',
      },
      startsAt: '2021-10-12T09:51:03.157076+02:00',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'https://play.grafana.org/alerting/1afz29v7z/edit',
      fingerprint: 'c6eadffa33fcdf37',
      silenceURL: 'https://play.grafana.org/alerting/silence/new',
      dashboardURL: '',
      panelURL: '',
      values: { B: 44.23943737541908, C: 1 },
    },
  ],
  groupLabels: {},
  commonLabels: { team: 'blue' },
  commonAnnotations: {},
  externalURL: 'https://play.grafana.org/',
  version: '1',
  groupKey: '{}:{}',
  truncatedAlerts: 0,
  title: '[FIRING:2]  (blue)',
  state: 'alerting',
  message: '',
};
const NOW = new Date('2026-11-22T10:00:00Z');
const RAW = Buffer.from(JSON.stringify(NOTIFICATION));
const grafana = new Grafana();

test('an alert keeps the numbers of its queries', () => {
  const [parsed] = grafana.parse(NOTIFICATION, {}, { now: NOW });
  if (!parsed?.alert) throw new Error('was not read');
  expect(parsed.alert).toMatchObject({
    dedupKey: 'c6eadffa33fcdf37',
    status: 'firing',
    labels: { alertname: 'High memory usage', team: 'blue', zone: 'us-1' },
    at: new Date('2021-10-12T07:51:03.157Z'),
    endsAt: undefined,
  });
  expect(numberAt('$.values.B', parsed.alert.raw)).toBe(44.23943737541908);
});

describe('of the legacy alerting', () => {
  /** As in the documentation of Grafana 8. */
  const LEGACY = {
    dashboardId: 1,
    evalMatches: [{ value: 100, metric: 'High value', tags: null }],
    imageUrl: 'https://grafana.com/assets/img/blog/mixed_styles.png',
    message: 'Someone is testing the alert notification within Grafana.',
    orgId: 1,
    panelId: 1,
    ruleId: 7,
    ruleName: 'High load',
    ruleUrl: 'http://localhost:3000/',
    state: 'alerting',
    tags: { team: 'blue', 'tag name': '' },
    title: '[Alerting] High load',
  };
  const parse = (changes: object) => [...grafana.parse({ ...LEGACY, ...changes }, {}, { now: NOW })];
  const only = (changes: object) => {
    const [parsed] = parse(changes);
    if (!parsed?.alert) throw new Error('was not read');
    return parsed.alert;
  };

  test('a message begins and ends one alert, named by its rule', () => {
    const [begun, ended] = [only({}), only({ state: 'ok', evalMatches: [] })];
    expect(begun).toMatchObject({
      status: 'firing',
      labels: { alertname: 'High load', team: 'blue' },
      annotations: { title: '[Alerting] High load', rule_url: 'http://localhost:3000/' },
    });
    expect(numberAt('$.evalMatches[0].value', begun.raw)).toBe(100);
    expect(ended).toMatchObject({ status: 'resolved', dedupKey: begun.dedupKey });
    expect(only({ ruleId: 8 }).dedupKey).not.toBe(begun.dedupKey);
    expect(only({ tags: null }).labels).toEqual({ alertname: 'High load' });
  });

  test.each(['no_data', 'unknown', 'pending', 'paused'])('by %s nothing begins or ends', (state) => {
    expect(parse({ state })).toEqual([{ untold: expect.stringContaining(state) }]);
  });

  test.each([
    [{ state: 'worse' }, '/state'],
    [{ ruleName: '' }, '/ruleName'],
    [{ ruleName: 7 }, '/ruleName'],
  ])('%j is refused', (changes, pointer) => {
    expect(parse(changes)).toMatchObject([{ errors: [{ pointer }] }]);
  });

  test('it is found by its shape', () => {
    expect(grafana.looksLike(LEGACY)).toBe(true);
    expect(grafana.looksLike({ state: 'alerting' })).toBe(false);
  });
});

describe('where Grafana could not look, nothing begins and nothing ends', () => {
  const [alert] = NOTIFICATION.alerts;
  const parse = (changes: object) => [
    ...grafana.parse({ ...NOTIFICATION, alerts: [{ ...alert, ...changes }] }, {}, { now: NOW }),
  ];
  const blind = { values: null, valueString: '' };

  test.each([
    { labels: { alertname: 'DatasourceNoData', rulename: 'High CPU', team: 'web' }, ...blind },
    { labels: { alertname: 'DatasourceError', rulename: 'High CPU' }, ...blind },
    { labels: { alertname: 'DatasourceNoData' }, status: 'resolved', ...blind },
    { labels: { alertname: 'DatasourceError', ref_id: 'A,B' }, values: { A: 1 } },
    { annotations: { grafana_state_reason: 'NoData' }, ...blind },
    { annotations: { grafana_state_reason: 'Error' }, status: 'resolved' },
    { annotations: { grafana_state_reason: 'NoData, KeepLast' } },
    { labels: { alertname: 'High CPU', grafana_state_reason: 'Error' } },
  ])('%j', (changes) => {
    expect(parse(changes)).toMatchObject([{ untold: expect.stringMatching(/could not look$/) }]);
  });

  test.each([
    [{ annotations: { grafana_state_reason: 'MissingSeries' }, status: 'resolved' }, 'resolved'],
    [{ annotations: { grafana_state_reason: 'Paused' }, status: 'resolved' }, 'resolved'],
    [{ annotations: { grafana_state_reason: 'NoDataYet' } }, 'firing'],
    [{ ...blind }, 'firing'],
    [{ labels: { alertname: 'DatasourceNoDataSince' } }, 'firing'],
  ])('%j is an alert all the same', (changes, status) => {
    expect(parse(changes)).toMatchObject([{ alert: { status } }]);
  });
});

describe('with a secret', () => {
  const params = { hmacSecret: 'the-hmac-secret' };
  const sign = (text: string | Buffer) => createHmac('sha256', params.hmacSecret).update(text).digest('hex');
  const believe = (headers: Record<string, string>, given: GrafanaSourceParams = params) =>
    grafana.believe(NOTIFICATION, given, { raw: RAW, headers, query: {}, now: NOW });

  test('what is signed by it is believed', () => {
    expect(() => believe({ 'x-grafana-alerting-signature': sign(RAW) })).not.toThrow();
  });

  test.each([
    ['nothing', {}],
    ['no hex', { 'x-grafana-alerting-signature': 'signed' }],
    ['half of it', { 'x-grafana-alerting-signature': sign(RAW).slice(32) }],
    ['that of another body', { 'x-grafana-alerting-signature': sign('{}') }],
  ])('a signature that is %s is refused', (_, headers) => {
    expect(() => believe(headers)).toThrow(/X-Grafana-Alerting-Signature/);
  });

  describe('and a timestamp header', () => {
    const timed = { ...params, hmacTimestampHeader: 'X-Grafana-Time' };
    const seconds = NOW.getTime() / 1000;
    const at = (time: number | string) => ({
      'x-grafana-time': String(time),
      'x-grafana-alerting-signature': sign(`${time}:${RAW.toString()}`),
    });

    test('the time is signed with it', () => {
      expect(() => believe(at(seconds - 100), timed)).not.toThrow();
      expect(() => believe({ ...at(seconds), 'x-grafana-time': String(seconds + 1) }, timed)).toThrow(
        /not the signature/,
      );
    });

    test.each([seconds - 301, seconds + 301, 'now', ''])('a message of %s is refused', (time) => {
      expect(() => believe(at(time), timed)).toThrow(/X-Grafana-Time is not the time/);
    });
  });
});

test('without a secret nothing has to be signed', () => {
  expect(() =>
    grafana.believe(NOTIFICATION, new GrafanaSourceParams(), { raw: RAW, headers: {}, query: {}, now: NOW }),
  ).not.toThrow();
});
