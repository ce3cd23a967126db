import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { ANY_USER, canContain, Container } from './deploy/container';
import { BUILT, builtImage, laidOutImage, type Image } from './deploy/image';
import {
  environmentOf,
  hasKubectl,
  hasPromtool,
  ofKind,
  podOf,
  rendered,
  ROOT,
  workloadsOf,
} from './deploy/manifests';
import { testPort } from './ports';
import { ADMIN_TOKEN, Api, SECRET_KEY, until, World, type Json } from './program';
import { WebhookSink } from './stand-ins/webhook-sink';
import { hasSnmpTools } from './stand-ins/snmp-tools';

const METRICS_TOKEN = 'the-token-of-the-metrics';
const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';

const here = hasKubectl && canContain && hasSnmpTools();

(here ? describe : describe.skip)('the workloads of the manifests, as they are started', () => {
  const sink = new WebhookSink();
  const running = new Map<string, Container>();
  let objects: Json[];
  let image: Image;
  let world: World;
  let secrets: Record<string, string>;
  let api: Api;
  let sinkUrl: string;

  beforeAll(async () => {
    objects = rendered('overlays/production');
    image = BUILT === undefined ? laidOutImage() : builtImage(BUILT);
    sinkUrl = await sink.start();
    world = await World.create({ isNew: true });
    secrets = {
      DATABASE_URL: world.databaseUrl,
      REDIS_URL: world.redisUrl,
      MONSCALE_SECRET_KEY: SECRET_KEY,
      MONSCALE_METRICS_TOKEN: METRICS_TOKEN,
      MONSCALE_ADMIN_TOKEN: ADMIN_TOKEN,
    };
  });

  afterAll(async () => {
    await Promise.all([...running.values()].map((one) => one.kill()));
    await sink.stop();
    await world?.end();
  });

  const container = (spec: Json, more: Record<string, string> = {}, volumes: string[] = [], port = 0) =>
    new Container(image, spec.command ?? image.entrypoint, {
      environment: { ...environmentOf(objects, spec, secrets), ...more },
      volumes,
      port,
    });

  /** The workload, on a port of its own: all pods share one machine here. */
  async function start(name: string): Promise<Container> {
    const workload = workloadsOf(objects).find(({ metadata }) => metadata.name === `monscale-${name}`);
    const port = await testPort();
    const ports = { MONSCALE_HTTP_PORT: `${port}`, MONSCALE_METRICS_PORT: `${port}`, MONSCALE_TRAP_PORT: `${port}` };
    const [spec] = podOf(workload).containers;
    const volumes = spec.volumeMounts.flatMap(({ name: volume, mountPath }: Json) => {
      if (volume === 'tmp') return [];
      const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'volume-'));
      // As fsGroup, or a group that the platform picks, makes it.
      chmodSync(folder, 0o777);
      return [`${folder}:${mountPath}`];
    });
    const one = container(spec, ports, volumes, port);
    running.set(name, one);
    const probes = ['startupProbe', 'livenessProbe', 'readinessProbe'].map((probe) => spec[probe].httpGet.path);
    let isOver = false;
    void one.ended.then(() => (isOver = true));
    await until(
      async () => {
        if (isOver) throw new Error('it ended');
        return (await Promise.all(probes.map(one.status))).every((status) => status === 200);
      },
      60_000,
      `the probes of ${name}`,
    ).catch((error: Error) => {
      throw new Error(`${error.message}\n${one.output}`);
    });
    return one;
  } // prettier-ignore

  test('pods wait for the schema, which the Job makes', async () => {
    const [init] = podOf(workloadsOf(objects)[0]).initContainers;
    const waits = container(init);
    await until(() => waits.output.includes('run monscale migrate'), 30_000, 'it waits');
    const { code, output } = await container(podOf(ofKind(objects, 'Job')[0]).containers[0]).end();
    expect([code, output]).toEqual([
      0,
      expect.stringContaining('migrated the database: Foundation1700000000000'),
    ]);
    expect(await waits.end()).toMatchObject({
      code: 0,
      output: expect.stringContaining('has the schema of this version'),
    });
    const again = await container(podOf(ofKind(objects, 'Job')[0]).containers[0]).end();
    expect(again).toMatchObject({ code: 0, output: expect.stringContaining('already') });
  }, 120_000);

  test('the root file system takes nothing, and the user is nobody that files know', async () => {
    const writes = `const { writeFileSync } = require('fs');
      const tried = ['/monscale/x', '/etc/x', '/usr/x', '/x', '/var/lib/x'].map((path) => { try { writeFileSync(path, 'x'); return 'written'; } catch ({ code }) { return code; } });
      writeFileSync('/tmp/x', 'x');
      console.log(JSON.stringify([process.getuid(), process.getgid(), process.getgroups(), ...tried]));`;
    const { output } = await new Container(image, ['node', '-e', writes]).end();
    expect(JSON.parse(output)).toEqual([Number(ANY_USER), 0, expect.anything(), ...Array(5).fill('EROFS')]);
  }, 60_000);

  test('every role comes up, and a poll and a trap reach their actions through all of them', async () => {
    await Promise.all(['api', 'worker-polls', 'worker-alerts-actions', 'trap'].map(start));
    // It is ready once somebody polls.
    await start('scheduler');
    api = new Api(`${running.get('api')!.url}/api/v1`);
    await api.create('/actions', { name: 'of a poll', type: 'webhook', params: { url: `${sinkUrl}/poll` } });
    await api.create('/actions', { name: 'of a trap', type: 'webhook', params: { url: `${sinkUrl}/trap` } });
    await api.create('/sources', { name: 'devices', format: 'snmp', params: { communities: ['a-community'], allowFrom: ['127.0.0.0/8'] } });
    await api.create('/services', {
      name: 'polled',
      intervalSeconds: 1,
      metrics: { up: { type: 'http_status', params: { url: `${sinkUrl}/health` } } },
      condition: 'up == 200',
      actions: ['of a poll'],
    });
    await api.create('/services', {
      name: 'told',
      metrics: { down: { type: 'alert', params: { match: { trap_oid: LINK_DOWN } } } },
      condition: 'down == 1',
      actions: ['of a trap'],
    });
    const reached = (path: string) => sink.requests.filter((request) => request.path === path).length;
    await until(() => reached('/poll') > 0, 30_000, 'the action of the poll');
    const send = () => promisify(execFile)('snmptrap', ['-v2c', '-c', 'a-community', `127.0.0.1:${running.get('trap')!.port}`, '', LINK_DOWN, '1.3.6.1.2.1.2.2.1.1.3', 'i', '3']);
    await until(
      async () => {
        await send();
        return reached('/trap') > 0;
      },
      30_000,
      'the action of the trap',
    );
    expect(await until(async () => {
      const { body } = await api.get('/executions');
      return body.items.every(({ status }: Json) => status === 'succeeded') && body.items.map(({ action }: Json) => action).sort();
    }, 20_000)).toEqual(['of a poll', 'of a trap']);
  }, 240_000); // prettier-ignore

  test('autoscalers are answered at the URL and by the token that they are given', async () => {
    const triggers = ofKind(objects, 'ScaledObject').flatMap(({ spec }) => spec.triggers);
    const asked = triggers.filter(({ type }: Json) => type === 'metrics-api');
    expect(asked).toHaveLength(3);
    for (const { metadata } of asked) {
      const { pathname, search } = new URL(metadata.url);
      const ask = (token: string) => new Api(running.get('api')!.url, token).get(pathname + search);
      const { status, body } = await ask(METRICS_TOKEN);
      const value = metadata.valueLocation
        .split('.')
        .reduce((inside: Json, step: string) => inside[step], body);
      expect([status, typeof value]).toEqual([200, 'number']);
      expect(Object.keys(body)).toEqual([metadata.valueLocation.split('.')[0]]);
      expect((await ask('')).status).toBe(401);
      expect((await ask('another-token-of-nobody')).status).toBe(401);
    }
    const { body } = await api.get('/scaling');
    expect(body).toEqual({
      polls: { waiting: expect.any(Number), oldestSeconds: expect.any(Number) },
      alerts: { waiting: expect.any(Number), oldestSeconds: expect.any(Number) },
      actions: { waiting: expect.any(Number), oldestSeconds: expect.any(Number) },
    });
    const wrong = await api.get('/scaling?queue=polls,pols');
    expect([wrong.status, wrong.body.errors[0].pointer]).toEqual([400, '/queue']);
    // It is good for nothing else.
    expect((await new Api(`${running.get('api')!.url}/api/v1`, METRICS_TOKEN).get('/services')).status).toBe(
      401,
    );
    // How much of it waits is no news; that the worker is gone, the age tells.
    await running.get('worker-polls')!.kill();
    await until(
      async () => (await api.get('/scaling?queue=polls')).body.polls?.oldestSeconds > 2,
      30_000,
      'polls wait',
    );
  }, 120_000);

  test('metrics pass promtool, and are all that rules and dashboard ask for', async () => {
    await start('worker-polls');
    const shown = new Set<string>();
    for (const [name, one] of running) {
      expect((await fetch(`${one.url}/metrics`)).status).toBe(401);
      const text = await until(async () => {
        const answer = await fetch(`${one.url}/metrics`, { headers: { Authorization: `Bearer ${METRICS_TOKEN}` } });
        const body = await answer.text();
        return answer.status === 200 && (name !== 'scheduler' || body.includes('monscale_kill_switch 0')) && body;
      }, 30_000);
      for (const [, metric] of text.matchAll(/^# TYPE (\S+)/gm)) shown.add(metric!);
      if (!hasPromtool) continue;
      const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
      expect([name, checked.status, checked.stderr, checked.stdout]).toEqual([name, 0, '', '']);
      // What only schedulers know nobody else says, and nobody says 0 of what nobody knows.
      const isTold = /^monscale_scheduler_last_tick_timestamp_seconds \d/m.test(text);
      expect([name, isTold]).toEqual([name, name === 'scheduler']);
    }
    const folder = join(ROOT, 'deploy/kubernetes/components/monitoring');
    const rules = parse(readFileSync(join(folder, 'rules.yaml'), 'utf8'));
    const asked = JSON.stringify(rules) + readFileSync(join(folder, 'dashboard.json'), 'utf8');
    const names = [...asked.matchAll(/\b(?:monscale|process)_[a-z0-9_]+/g)].map(([name]) => name);
    const bases = names.filter((name) => name !== 'monscale_test').map((name) => name.replace(/_bucket$/, ''));
    expect([...new Set(bases)].filter((name) => !shown.has(name))).toEqual([]);
  }, 120_000); // prettier-ignore

  test('before they end they wait, and then drain', async () => {
    const [spec] = podOf(workloadsOf(objects)[0]).containers;
    const begin = performance.now();
    const { code } = await container({ ...spec, command: spec.lifecycle.preStop.exec.command }).end();
    expect([code, performance.now() - begin > 4_900]).toEqual([0, true]);
    const ended = await Promise.all([...running].map(async ([name, one]) => [name, (await one.stop()).code]));
    expect(ended).toEqual([...running.keys()].map((name) => [name, 0]));
    running.clear();
  }, 90_000);
});
