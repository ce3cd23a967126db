import { workedMs } from '../../../test/loop-delay';
import { Alertmanager } from './alertmanager.format';

const NOW = new Date('2026-11-22T10:00:00Z');
const parse = (body: unknown) => [...new Alertmanager().parse(body, {}, { now: NOW })];

/** As in Alertmanager's documentation, with fields of newer versions. */
const notification = (changes: object = {}) => ({
  version: '4',
  groupKey: '{}:{alertname="WebDown"}',
  truncatedAlerts: 0,
  status: 'firing',
  receiver: 'monscale',
  groupLabels: { alertname: 'WebDown' },
  commonLabels: { alertname: 'WebDown' },
  commonAnnotations: {},
  externalURL: 'http://alertmanager:9093',
  notification_reason: 'first notification',
  routeLabels: {},
  alerts: [
    {
      status: 'firing',
      labels: { alertname: 'WebDown', instance: 'web-3' },
      annotations: { summary: 'web-3 does not answer' },
      startsAt: '2026-11-22T09:59:00.123456789Z',
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL: 'http://prometheus:9090/graph',
      fingerprint: 'c6eadffa33fcdf37',
      ...changes,
    },
  ],
});

describe("Alertmanager's webhook", () => {
  test('an alert fires from its start on, without an end', () => {
    expect(parse(notification())).toEqual([
      {
        alert: {
          dedupKey: 'c6eadffa33fcdf37',
          status: 'firing',
          labels: { alertname: 'WebDown', instance: 'web-3' },
          annotations: { summary: 'web-3 does not answer' },
          at: new Date('2026-11-22T09:59:00.123Z'),
          saidAt: new Date('2026-11-22T09:59:00.123Z'),
          saysStartAlone: true,
          endsAt: undefined,
        },
      },
    ]);
  });

  test('a resolved one ended when it says', () => {
    const [parsed] = parse(notification({ status: 'resolved', endsAt: '2026-11-22T09:59:30Z' }));
    expect(parsed).toMatchObject({
      alert: { status: 'resolved', endsAt: new Date('2026-11-22T09:59:30Z') },
    });
  });

  test.each([
    ['resolved', undefined, 'resolved'],
    ['resolved', null, 'resolved'],
    ['resolved', 'firing', 'firing'],
    ['firing', undefined, 'firing'],
    ['alerting', undefined, 'firing'],
  ])('of a notification that is %s, an alert whose own status is %s is %s', (status, own, meant) => {
    const [parsed] = parse({ ...notification({ status: own }), status });
    expect(parsed).toMatchObject({ alert: { status: meant } });
  });

  test('without a fingerprint the labels are the key, in any order', () => {
    const key = (labels: object) =>
      parse(notification({ fingerprint: undefined, labels })).map((one) => one.alert?.dedupKey);
    expect(key({ a: '1', b: '2' })).toEqual(key({ b: '2', a: '1' }));
    expect(key({ a: '1', b: '2' })).not.toEqual(key({ a: '1', b: '3' }));
  });

  test.each([
    [{ status: 'burning' }, '/status'],
    [{ labels: {} }, '/labels'],
    [{ labels: ['a'] }, '/labels'],
    [{ labels: { alertname: 5 } }, '/labels/alertname'],
    [{ labels: { ['n'.repeat(1_001)]: 'x' } }, '/labels'],
    [{ labels: Object.fromEntries(Array.from({ length: 201 }, (_, n) => [`l${n}`, 'x'])) }, '/labels'],
    [{ annotations: { 'a/b': null } }, '/annotations/a~1b'],
    [{ startsAt: 'yesterday' }, '/startsAt'],
    [{ endsAt: 5 }, '/endsAt'],
  ])('%j is rejected', (changes, pointer) => {
    expect(parse(notification(changes))).toMatchObject([{ pointer: '/alerts/0', errors: [{ pointer }] }]);
  });

  test.each([
    ['firing', { startsAt: '2026-11-22T09:00:00Z' }, '2026-11-22T09:00:00Z'],
    ['firing', { startsAt: '0001-01-01T00:00:00Z' }, undefined],
    ['firing', { startsAt: undefined, endsAt: '2026-11-22T09:30:00Z' }, undefined],
    [
      'resolved',
      { startsAt: '2026-11-22T09:00:00Z', endsAt: '2026-11-22T09:30:00Z' },
      '2026-11-22T09:00:00Z',
    ],
    ['resolved', { startsAt: undefined, endsAt: '2026-11-22T09:30:00Z' }, '2026-11-22T09:30:00Z'],
    ['resolved', { startsAt: undefined, endsAt: undefined }, undefined],
  ])('%s %j counts by its start, an end without one by its end', (status, changes, said) => {
    const [parsed] = parse(notification({ status, ...changes }));
    expect(parsed?.alert?.saidAt).toEqual(said && new Date(said));
  });

  test('an empty label is an absent one', () => {
    const of = (labels: object) => parse(notification({ fingerprint: undefined, labels }))[0]!;
    expect(of({ a: '1', team: '' })).toMatchObject({ alert: { labels: { a: '1' } } });
    expect(of({ a: '1', team: '', b: '' }).alert?.dedupKey).toBe(of({ a: '1' }).alert?.dedupKey);
    expect(of({ a: '1', team: ' ' }).alert?.labels).toEqual({ a: '1', team: ' ' });
    expect(of({ a: '', b: '' })).toMatchObject({ errors: [{ pointer: '/labels' }] });
    const posted = (labels: object) => parse([{ labels, generatorURL: 'http://p' }])[0]?.alert?.dedupKey;
    expect(posted({ a: '1', team: '' })).toBe(posted({ a: '1' }));
  });

  test.each([
    [{ labels: { alertname: 'DatasourceNoData', rulename: 'High CPU', team: 'web' } }],
    [{ labels: { alertname: 'DatasourceError', datasource_uid: 'x', ref_id: 'A' } }],
    [{ status: 'resolved', labels: { alertname: 'DatasourceError', rulename: 'High CPU' } }],
    [{ annotations: { grafana_state_reason: 'NoData' } }],
    [{ status: 'resolved', annotations: { grafana_state_reason: 'Error, KeepLast' } }],
  ])('%j of a Grafana that could not look begins and ends nothing', (changes) => {
    expect(parse(notification(changes))).toMatchObject([
      { pointer: '/alerts/0', untold: expect.stringMatching(/could not look/) },
    ]);
    const [{ labels = {}, annotations = {} }] = [changes as { labels?: object; annotations?: object }];
    expect(parse([{ labels: { alertname: 'High CPU', ...labels }, annotations }])).toMatchObject([
      { untold: expect.any(String) },
    ]);
  });

  test("somebody's own alert of that name is one", () => {
    expect(parse(notification({ labels: { alertname: 'DatasourceError', job: 'mine' } }))).toMatchObject([
      { alert: { status: 'firing' } },
    ]);
  });

  test.each([null, {}, { alerts: {} }, 'text', 5])('%j is no notification', (body) => {
    expect(() => parse(body)).toThrow('/alerts: must be a list of alerts');
  });
});

describe('alerts as Prometheus posts them', () => {
  const alert = {
    labels: { alertname: 'WebDown' },
    annotations: {},
    generatorURL: 'http://prometheus/graph',
  };

  test.each([
    ['a later end', { endsAt: '2026-11-22T10:04:00Z' }, 'firing', '2026-11-22T10:04:00.000Z'],
    ['an end that is over', { endsAt: '2026-11-22T09:59:59Z' }, 'resolved', '2026-11-22T09:59:59.000Z'],
    ['no end', {}, 'firing', '2026-11-22T10:05:00.000Z'],
    ["Go's zero time", { endsAt: '0001-01-01T00:00:00Z' }, 'firing', '2026-11-22T10:05:00.000Z'],
    ['the year 2300', { endsAt: '2300-01-01T00:00:00Z' }, 'firing', '2300-01-01T00:00:00.000Z'],
  ])('with %s', (_, changes, status, end) => {
    const [parsed] = parse([{ ...alert, ...changes }]);
    expect(parsed).toMatchObject({ alert: { status, endsAt: new Date(end), isRepeated: true } });
  });

  test('an end before its start is refused', () => {
    expect(
      parse([alert, { ...alert, startsAt: '2026-11-22T10:00:00Z', endsAt: '2026-11-22T09:00:00Z' }]),
    ).toMatchObject([{ alert: {} }, { pointer: '/1', errors: [{ pointer: '/endsAt' }] }]);
  });

  test('ten thousand are read in less than a second', () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({
      ...alert,
      labels: { alertname: 'WebDown', instance: `web-${index}`, team: 'web', severity: 'page' },
      startsAt: '2026-11-22T09:59:00.123Z',
      endsAt: '2026-11-22T10:04:00.123Z',
    }));
    const began = workedMs();
    expect(parse(many)).toHaveLength(10_000);
    expect(workedMs() - began).toBeLessThan(1_000);
  });
});
