/** Debian's Prometheus and Alertmanager send to the program; skipped where they are not installed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, World, type Api, type Json, type MonscaleProcess } from './program';
import {
  hasPrometheus,
  startAlertmanager,
  startAlertmanagerOfPagerDuty,
  startPrometheus,
} from './stand-ins/prometheus';
import { WebhookSink } from './stand-ins/webhook-sink';

const WAIT_MS = 20_000;

(hasPrometheus ? describe : describe.skip)("Debian's Prometheus and Alertmanager", () => {
  const sink = new WebhookSink();
  let world: World;
  let one: MonscaleProcess;
  let other: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const url = await sink.start();
    [one, other] = await Promise.all([world.start('api,scheduler,worker'), world.start('api')]);
    ({ api } = one);
    await api.create('/actions', {
      name: 'tell',
      type: 'webhook',
      params: { url: `${url}/{{ service.name }}` },
    });
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  /** A service that triggers once per alert: a refresh that counted as another alert would show. */
  const watch = (name: string, params: object = {}, match: object = { alertname: name }) =>
    api.create('/services', {
      name,
      metrics: { outage: { type: 'alert', params: { match, ...params } } },
      condition: 'outage > 0',
      wisdomSeconds: 0,
      actions: ['tell'],
    });
  const told = (service: string) => sink.requests.filter(({ path }) => path === `/${service}`);
  const state = async (service: string): Promise<Json> => (await api.get(`/services/${service}/state`)).body;
  const alertsOf = async (service: string): Promise<Json[]> =>
    (await api.get(`/alerts?service=${service}`)).body.items;
  const tokenOf = async (name: string): Promise<string> =>
    secret((await api.create('/sources', { name, format: 'alertmanager' })).token);

  it.concurrent(
    'Prometheus names both API processes as Alertmanagers: one trigger, refreshed, then over',
    async () => {
      const token = await tokenOf('prometheus');
      await watch('FromPrometheus', { value: '$.annotations.value' });
      const targets = [one, other].map(({ port }) => ({ port, token }));
      const prometheus = await startPrometheus('FromPrometheus', targets);
      try {
        await until(() => told('FromPrometheus').length === 1, WAIT_MS);
        expect((await state('FromPrometheus')).values.outage.value).toBe(93);
        const [{ lastSeenAt }] = await alertsOf('FromPrometheus');
        await until(async () => (await alertsOf('FromPrometheus'))[0].lastSeenAt > lastSeenAt, WAIT_MS);
        expect((await state('FromPrometheus')).phase).toBe('alarm');
        prometheus.end();
        await until(async () => (await state('FromPrometheus')).phase === 'ok', WAIT_MS);
        // Its life may have ended before, where its sender was slow.
        await until(async () => (await alertsOf('FromPrometheus'))[0].status === 'resolved', WAIT_MS);
        expect(told('FromPrometheus')).toHaveLength(1);
        expect(await alertsOf('FromPrometheus')).toMatchObject([
          {
            source: 'prometheus',
            status: 'resolved',
            labels: { alertname: 'FromPrometheus', severity: 'page' },
          },
        ]);
      } finally {
        await prometheus.stop();
      }
    },
    60_000,
  );

  it.concurrent(
    'an Alertmanager tells its webhook again and again: one trigger, then over',
    async () => {
      const token = await tokenOf('alertmanager');
      await watch('FromAlertmanager');
      const alertmanager = await startAlertmanager(`${other.url}/api/v1/alerts/alertmanager`, token);
      const targets = [{ port: alertmanager.port, token: 'none' }];
      const prometheus = await startPrometheus('FromAlertmanager', targets);
      try {
        await until(() => told('FromAlertmanager').length === 1, WAIT_MS);
        const [{ lastSeenAt }] = await alertsOf('FromAlertmanager');
        await until(async () => (await alertsOf('FromAlertmanager'))[0].lastSeenAt > lastSeenAt, WAIT_MS);
        prometheus.end();
        await until(async () => (await state('FromAlertmanager')).phase === 'ok', WAIT_MS);
        // Its life may have ended before, where its sender was slow.
        await until(async () => (await alertsOf('FromAlertmanager'))[0].status === 'resolved', WAIT_MS);
        expect(told('FromAlertmanager')).toHaveLength(1);
        expect(await alertsOf('FromAlertmanager')).toMatchObject([
          { source: 'alertmanager', status: 'resolved' },
        ]);
      } finally {
        await prometheus.stop();
        await alertmanager.stop();
      }
    },
    60_000,
  );

  it.concurrent(
    'an Alertmanager takes it for PagerDuty: one trigger, then over',
    async () => {
      const key = secret((await api.create('/sources', { name: 'pagerduty', format: 'pagerduty' })).token);
      await watch('ForPagerDuty', {}, { component: 'ForPagerDuty' });
      const alertmanager = await startAlertmanagerOfPagerDuty(`${other.url}/v2/enqueue`, key);
      const prometheus = await startPrometheus('ForPagerDuty', [{ port: alertmanager.port, token: 'none' }]);
      try {
        await until(() => told('ForPagerDuty').length === 1, WAIT_MS);
        prometheus.end();
        await until(async () => (await state('ForPagerDuty')).phase === 'ok', WAIT_MS);
        expect(told('ForPagerDuty')).toHaveLength(1);
        expect(await alertsOf('ForPagerDuty')).toMatchObject([{ source: 'pagerduty', status: 'resolved' }]);
      } finally {
        await prometheus.stop();
        await alertmanager.stop();
      }
    },
    60_000,
  );
});

describe('two API processes at once', () => {
  const sink = new WebhookSink();
  let world: World;

  beforeAll(async () => {
    world = await World.create();
  }, 60_000);
  afterAll(async () => {
    await world?.end();
    await sink.stop();
  });

  test('the same notification ten times is one alert and one trigger', async () => {
    const url = await sink.start();
    const processes = await Promise.all([world.start('api,scheduler,worker'), world.start('api')]);
    const { api } = processes[0];
    await api.create('/actions', { name: 'tell', type: 'webhook', params: { url } });
    await api.create('/services', {
      name: 'web',
      metrics: { outage: { type: 'alert', params: { match: { alertname: 'WebDown' } } } },
      condition: 'outage > 0',
      wisdomSeconds: 0,
      actions: ['tell'],
    });
    const labels = { alertname: 'WebDown' };
    const alert = { status: 'firing', labels, startsAt: '2026-11-22T09:00:00Z', fingerprint: 'f' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        processes[index % 2]!.api.post('/alerts/alertmanager', { version: '4', alerts: [alert] }),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 202));
    expect(new Set(answers.map(({ body }) => body.accepted[0].id)).size).toBe(1);
    await until(() => sink.requests.length > 0, WAIT_MS);
    await sleep(2_000);
    expect(sink.requests).toHaveLength(1);
    expect(
      (await api.get('/services/web/decisions')).body.items.filter(({ trigger }: Json) => trigger),
    ).toHaveLength(1);
  }, 60_000);
});
