/** Debian's Prometheus and Alertmanager send to the program; skipped where they are not installed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, type Api, type Json, type MonscaleProcess } from './program';
import { Scenario } from './scenario';
import {
  hasPrometheus,
  startAlertmanager,
  startAlertmanagerOfPagerDuty,
  startPrometheus,
} from './stand-ins/prometheus';

const WAIT_MS = 20_000;

(hasPrometheus ? describe : describe.skip)("Debian's Prometheus and Alertmanager", () => {
  let story: Scenario;
  let other: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    story = await Scenario.begin(['api,scheduler,worker', 'api']);
    ({ api } = story);
    other = story.world.processes[1]!;
  }, 60_000);
  afterAll(() => story?.end());

  /** A service that triggers once per alert: a refresh that counted as another alert would show. */
  const watch = (name: string, params: object = {}, match: object = { alertname: name }) =>
    story.fed(name, { wisdomSeconds: 0 }, { match, ...params });
  const tokenOf = async (name: string): Promise<string> =>
    secret((await api.create('/sources', { name, format: 'alertmanager' })).token);

  it.concurrent(
    'Prometheus names both API processes as Alertmanagers: one trigger, refreshed, then over',
    async () => {
      const token = await tokenOf('prometheus');
      await watch('FromPrometheus', { value: '$.annotations.value' });
      const targets = [story.program, other].map(({ port }) => ({ port, token }));
      const prometheus = await startPrometheus('FromPrometheus', targets);
      try {
        await story.isTold('FromPrometheus', 1, WAIT_MS);
        expect((await story.state('FromPrometheus')).values.outage.value).toBe(93);
        const [{ lastSeenAt }] = await story.alerts('FromPrometheus');
        await until(async () => (await story.alerts('FromPrometheus'))[0].lastSeenAt > lastSeenAt, WAIT_MS);
        expect((await story.state('FromPrometheus')).phase).toBe('alarm');
        prometheus.end();
        await story.becomes('FromPrometheus', 'ok', WAIT_MS);
        // Its life may have ended before, where its sender was slow.
        await until(async () => (await story.alerts('FromPrometheus'))[0].status === 'resolved', WAIT_MS);
        expect(story.told('FromPrometheus')).toHaveLength(1);
        expect(await story.alerts('FromPrometheus')).toMatchObject([
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
        await story.isTold('FromAlertmanager', 1, WAIT_MS);
        const [{ lastSeenAt }] = await story.alerts('FromAlertmanager');
        await until(async () => (await story.alerts('FromAlertmanager'))[0].lastSeenAt > lastSeenAt, WAIT_MS);
        prometheus.end();
        await story.becomes('FromAlertmanager', 'ok', WAIT_MS);
        // Its life may have ended before, where its sender was slow.
        await until(async () => (await story.alerts('FromAlertmanager'))[0].status === 'resolved', WAIT_MS);
        expect(story.told('FromAlertmanager')).toHaveLength(1);
        expect(await story.alerts('FromAlertmanager')).toMatchObject([
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
        await story.isTold('ForPagerDuty', 1, WAIT_MS);
        prometheus.end();
        await story.becomes('ForPagerDuty', 'ok', WAIT_MS);
        expect(story.told('ForPagerDuty')).toHaveLength(1);
        expect(await story.alerts('ForPagerDuty')).toMatchObject([
          { source: 'pagerduty', status: 'resolved' },
        ]);
      } finally {
        await prometheus.stop();
        await alertmanager.stop();
      }
    },
    60_000,
  );
});

describe('two API processes at once', () => {
  let story: Scenario;

  beforeAll(async () => {
    story = await Scenario.begin(['api,scheduler,worker', 'api']);
  }, 60_000);
  afterAll(() => story?.end());

  test('the same notification ten times is one alert and one trigger', async () => {
    const { api, world, sink } = story;
    await story.fed('web', { wisdomSeconds: 0 }, { match: { alertname: 'WebDown' } });
    const labels = { alertname: 'WebDown' };
    const alert = { status: 'firing', labels, startsAt: '2026-11-22T09:00:00Z', fingerprint: 'f' };
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        world.processes[index % 2]!.api.post('/alerts/alertmanager', { version: '4', alerts: [alert] }),
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
