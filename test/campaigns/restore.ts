/**
 * A living installation is dumped by pg_dump and goes on: what was open then ends. The dump is restored into another
 * server, with a Redis that is empty, and the program is started on it: nothing that was open may act again by itself,
 * until a person says so.
 */
import { execFile } from 'node:child_process';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Redis from 'ioredis';
import { testRedisUrl } from '../databases';
import {
  ADMIN_TOKEN,
  quickStart,
  startProcess,
  until,
  World,
  type Json,
  type MonscaleProcess,
} from '../program';
import { bodyOf, HttpStandIn } from '../stand-ins/http-stand-in';
import { runTool, startInstalledPostgres, type InstalledPostgres } from '../stand-ins/installed-postgres';
import { KubernetesStandIn, type Workload } from '../stand-ins/kubernetes';

const CLI = join(__dirname, '..', '..', 'dist', 'src', 'cli', 'main.js');
const WAIT_MS = 20_000;
/** Time for which nobody lets anything go on: long enough for every sweep, and for holds to end. */
const QUIET_MS = 10_000;
const HOLD_SECONDS = 12;

/** A webhook of each service at a path of its own: `/busy` says later, `/slow…` does not answer until it is let. */
class Targets extends HttpStandIn {
  readonly calls: { path: string; key: string }[] = [];
  private readonly waiting: ServerResponse[] = [];
  isOpen = false;

  open(): void {
    this.isOpen = true;
    for (const response of this.waiting.splice(0)) response.end();
  }

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    await bodyOf(request);
    const { url = '', headers } = request;
    this.calls.push({ path: url, key: String(headers['idempotency-key']) });
    if (this.isOpen) return void response.end();
    if (url.startsWith('/slow')) return void this.waiting.push(response);
    if (url === '/busy') response.writeHead(503, { 'Retry-After': '3600' });
    response.end();
  }
}

/** What became of an execution that was open in the backup. */
export interface Fate {
  service: string;
  /** In the backup. */
  was: string;
  /** What the installation that was dumped made of it afterwards. */
  there: string;
  /** After the restore, before a person said anything. */
  restored: string;
  /** How often its target was called: by the original, by the restored one until then, and after `resume`. */
  calls: [original: number, byItself: number, afterResume: number];
  /** What the person said, and what came of it. */
  said: string;
  ended: string;
}

export interface RestoreReport {
  fates: Fate[];
  /** What the log of the restored one said of it. */
  told: string;
  dryRun: string;
  /** Triggers by alerts of before the restore, and what became of their executions. */
  byOldAlerts: Record<string, string[]>;
  /** Calls for an alert that came after the restore, before `resume`. */
  fresh: number;
  /** Hold of the polled service: seen before the backup, and from the first reading after the restore to its trigger, s. */
  hold: { seen: number; toGo: number };
  ledger: { phase: string; reason: string; explanation: string; from: string; to?: string }[];
  backupAt: number;
  restoredAt: number;
  /** Of the CLI after all. */
  resumed: { code: number; out: string };
  violations: string[];
}

const alertOnly = (name: string, action: string, more: object = {}) => ({
  name,
  metrics: { outage: { type: 'alert', params: { match: { host: name } } } },
  condition: 'outage > 0',
  wisdomSeconds: 3_600,
  actions: [action],
  ...more,
});

/** Services with one execution each that is open in the backup. */
const OPEN = {
  busy: 'queued',
  slow: 'running',
  'slow-once': 'running',
  'slow-resolved': 'running',
  scaled: 'waiting',
  asked: 'awaiting_approval',
} as const;

export async function restoreCampaign(): Promise<RestoreReport> {
  const stage = new Stage();
  try {
    return await stage.play();
  } finally {
    await stage.clear();
  }
}

class Stage {
  private readonly targets = new Targets();
  private readonly cluster = new KubernetesStandIn();
  private readonly processes: MonscaleProcess[] = [];
  private readonly ends: (() => Promise<unknown>)[] = [];
  private workload!: Workload;
  private list!: { url: string; client: Redis };

  async play(): Promise<RestoreReport> {
    const server = await this.ending(await startInstalledPostgres(), (one) => one.stop());
    const original = await this.program(server.url);
    await this.define(original);
    const openThen = await this.open(original);
    const dump = await runTool('pg_dump', ['--no-owner', server.url]);
    const backupAt = Date.now();
    const ended = await this.letEnd(original, openThen);
    await this.stop(original);

    const world = await this.ending(await World.create({ isNew: true }), (one) => one.end());
    await runTool(
      'psql',
      ['--quiet', '--set', 'ON_ERROR_STOP=1', '--output', '/dev/null', world.databaseUrl],
      { input: dump },
    );
    const callsBefore = this.targets.calls.length;
    const putsBefore = this.puts();
    const restored = await this.program(world.databaseUrl);
    const restoredAt = Date.now();
    const { api } = restored;
    await api.post('/alerts', { labels: { host: 'fresh' } });
    await sleep(QUIET_MS);
    await until(
      async () => (await this.triggers(restored, 'polled')).length > 0,
      WAIT_MS,
      'the polled service triggers',
    );
    const haveTriggered = async () =>
      Object.values(await this.byOldAlerts(restored)).every(({ length }) => length > 0);
    await until(haveTriggered, WAIT_MS, 'what old alerts hold triggers');
    const byItself = this.targets.calls.slice(callsBefore);
    const still = await this.executions(restored, openThen);
    const byOldAlerts = await this.byOldAlerts(restored);
    const hold = await this.hold(restored, backupAt, restoredAt);
    const ledger = (await api.get('/services/polled/decisions?limit=20')).body.items;
    const dryRun = await this.cli(restored, ['resume', '--dry-run']);
    const callsThen = this.targets.calls.length;

    const resolved = openThen['slow-resolved']!;
    await this.cli(restored, [
      'resume',
      '--execution',
      resolved,
      '--resolve',
      'succeeded',
      '--note',
      'seen at the target',
    ]);
    await this.cli(restored, ['resume', '--execution', openThen.busy!]);
    const resumed = await this.cli(restored, ['resume']);
    const after = await until(
      async () => {
        const now = await this.executions(restored, openThen);
        return (
          Object.values(now).every(
            ({ status }) => !['held', 'queued', 'running', 'waiting'].includes(status),
          ) && now
        );
      },
      WAIT_MS,
      'what goes on ends',
    );
    const later = this.targets.calls.slice(callsThen);

    const count = (calls: readonly { key: string }[], id: string) =>
      calls.filter(({ key }) => key === id).length;
    const fates = Object.entries(OPEN).map(([service, was]): Fate => {
      const id = openThen[service]!;
      const said = service === 'slow-resolved' ? 'resolved as succeeded' : 'go on';
      const calls: Fate['calls'] = [
        count(this.targets.calls.slice(0, callsBefore), id), count(byItself, id), count(later, id),
      ]; // prettier-ignore
      if (service === 'scaled') calls.splice(0, 2, putsBefore, this.puts() - putsBefore);
      return {
        service,
        was,
        there: ended[service]!,
        restored: still[service]!.status,
        calls,
        said,
        ended: after[service]!.status,
      };
    });
    return {
      fates,
      told: /the database was restored[^\n]*/.exec(restored.output)?.[0] ?? '',
      dryRun: dryRun.out,
      byOldAlerts,
      fresh: byItself.filter(({ path }) => path === '/fresh').length,
      hold,
      ledger,
      backupAt,
      restoredAt,
      resumed,
      violations: fates
        .filter(({ calls }) => calls[1] > 0)
        .map(({ service }) => `${service} acted again by itself`),
    };
  }

  async clear(): Promise<void> {
    for (const one of this.processes) await one.kill();
    await Promise.all([this.targets.stop(), this.cluster.stop(), ...this.ends.map((end) => end())]);
  }

  private async ending<T>(one: T, end: (one: T) => Promise<unknown>): Promise<T> {
    this.ends.push(() => end(one));
    return one;
  }

  /** With a Redis of its own, which is empty. */
  private async program(databaseUrl: InstalledPostgres['url']): Promise<MonscaleProcess> {
    const redis = await testRedisUrl();
    this.ends.push(() => redis.release());
    const started = await startProcess({ databaseUrl, redisUrl: redis.redisUrl });
    this.processes.push(started);
    return started;
  }

  private async stop(program: MonscaleProcess): Promise<void> {
    await program.kill();
    this.processes.splice(this.processes.indexOf(program), 1);
  }

  private async define({ api }: MonscaleProcess): Promise<void> {
    const [url, server] = await Promise.all([this.targets.start(), this.cluster.start()]);
    const { redisUrl, release } = await testRedisUrl();
    const client = new Redis(redisUrl);
    this.list = { url: redisUrl, client };
    this.ends.push(async () => {
      client.disconnect();
      await release();
    });
    this.workload = this.cluster.addWorkload('farm/deployments/web', 2);
    this.cluster.followMs = undefined;
    const hook = { type: 'webhook', timeoutSeconds: 60, params: { url: `${url}/{{ service.name }}` } };
    await api.create('/actions', { name: 'tell', ...hook });
    await api.create('/actions', { name: 'once', ...hook, params: { ...hook.params, idempotent: false } });
    await api.create('/actions', {
      name: 'scale',
      type: 'kubernetes_scale',
      params: {
        namespace: 'farm',
        name: 'web',
        replicas: '5',
        cluster: { server, token: this.cluster.token },
      },
    });
    await api.create('/services', alertOnly('busy', 'tell'));
    await api.create('/services', alertOnly('slow', 'tell'));
    for (const name of ['slow-once', 'slow-resolved']) await api.create('/services', alertOnly(name, 'once'));
    await api.create('/services', alertOnly('scaled', 'scale'));
    await api.create('/services', alertOnly('asked', 'tell', { mode: 'approve' }));
    await api.create('/services', alertOnly('pending', 'tell', { holdSeconds: HOLD_SECONDS }));
    await api.create('/services', alertOnly('lasting', 'tell', { wisdomSeconds: 3 }));
    await api.create('/services', alertOnly('fresh', 'tell'));
    await api.create('/services', {
      name: 'polled',
      intervalSeconds: 1,
      metrics: { waiting: { type: 'redis_list_length', params: { url: redisUrl, key: 'jobs' } } },
      condition: 'waiting > 0',
      holdSeconds: HOLD_SECONDS,
      wisdomSeconds: 3_600,
      actions: ['tell'],
    });
  }

  /** Opens executions of every kind, and holds that have begun. @returns their ids by service */
  private async open(program: MonscaleProcess): Promise<Record<string, string>> {
    const { api } = program;
    await api.post(
      '/alerts',
      [...Object.keys(OPEN), 'lasting'].map((host) => ({ labels: { host } })),
    );
    const ids = await until(
      async () => {
        const all = await api.all('/executions');
        const found = Object.entries(OPEN).map(([service, status]) => {
          const one = all.find((execution) => execution.service === service && execution.status === status);
          return [service, one?.id as string | undefined] as const;
        });
        const isTried = all.some(({ service, attempts }) => service === 'busy' && attempts.length > 0);
        return (
          isTried &&
          found.every(([, id]) => id !== undefined) &&
          (Object.fromEntries(found) as Record<string, string>)
        );
      },
      WAIT_MS,
      'an execution of each kind is open',
    );
    await this.list.client.rpush('jobs', 'one');
    await api.post('/alerts', { labels: { host: 'pending' } });
    await until(
      async () => {
        const { body } = await api.get('/services/polled/state');
        return body.phase === 'pending';
      },
      WAIT_MS,
      'the hold of the polled service has begun',
    );
    // A part of the holds is seen before the backup.
    await sleep(2_000);
    return ids;
  }

  /** The original goes on, and what was open ends there. */
  private async letEnd(
    program: MonscaleProcess,
    ids: Record<string, string>,
  ): Promise<Record<string, string>> {
    this.targets.open();
    this.workload.observed = 5;
    const { api } = program;
    await api.post(`/executions/${ids.asked}/approve`);
    const open = ['slow', 'slow-once', 'slow-resolved', 'scaled', 'asked'];
    await until(
      async () => {
        const now = await this.executions(program, ids);
        return open.every((service) => now[service]!.status === 'succeeded');
      },
      WAIT_MS,
      'what was open ends',
    );
    await until(async () => (await this.triggers(program, 'pending')).length > 0, WAIT_MS, 'the hold ends');
    const now = await this.executions(program, ids);
    return Object.fromEntries(
      Object.entries(now).map(([service, { status }]) => [service, status as string]),
    );
  }

  private async executions(
    { api }: MonscaleProcess,
    ids: Record<string, string>,
  ): Promise<Record<string, Json>> {
    const found = await Promise.all(
      Object.entries(ids).map(
        async ([service, id]) => [service, (await api.get(`/executions/${id}`)).body] as const,
      ),
    );
    return Object.fromEntries(found);
  }

  private async triggers({ api }: MonscaleProcess, service: string): Promise<number[]> {
    const items: Json[] = (await api.get(`/services/${service}/decisions?limit=500`)).body.items;
    return items.flatMap(({ trigger, from }) => (trigger ? [Date.parse(from)] : []));
  }

  /** Statuses of executions that the restored one made of alerts that it had before. */
  private async byOldAlerts({ api }: MonscaleProcess): Promise<Record<string, string[]>> {
    const statuses = async (service: string) =>
      (await api.all(`/executions?service=${service}&sort=createdAt`)).map(({ status }) => status as string);
    return { pending: await statuses('pending'), lasting: await statuses('lasting') };
  }

  private async hold(
    program: MonscaleProcess,
    backupAt: number,
    restoredAt: number,
  ): Promise<RestoreReport['hold']> {
    const { points } = (await program.api.get('/services/polled/samples')).body;
    const readings = points
      .filter(([, value]: [string, number]) => value > 0)
      .map(([at]: [string]) => Date.parse(at));
    const before = readings.filter((at: number) => at <= backupAt);
    const first = readings.find((at: number) => at > restoredAt - 5_000 && at > backupAt)!;
    const [trigger = NaN] = (await this.triggers(program, 'polled')).filter((at) => at > backupAt);
    return { seen: (before.at(-1)! - before[0]!) / 1_000, toGo: (trigger - first) / 1_000 };
  }

  private puts = (): number => this.cluster.requests.filter((line) => line.startsWith('PUT')).length;

  private cli(program: MonscaleProcess, args: string[]): Promise<{ code: number; out: string }> {
    const env = {
      PATH: process.env.PATH,
      NODE_OPTIONS: quickStart(),
      MONSCALE_URL: program.url,
      MONSCALE_TOKEN: ADMIN_TOKEN,
    };
    return new Promise((resolve) =>
      execFile(process.execPath, [CLI, ...args], { env, timeout: 30_000 }, (error, out, err) =>
        resolve({ code: error === null ? 0 : Number(error.code), out: out + err }),
      ),
    );
  }
}

/** The fates as a table of Markdown. */
export function fateTable(fates: readonly Fate[]): string {
  const rows = fates.map(({ was, there, restored, calls: [, byItself, afterResume], said, ended, service }) =>
    [service, was, there, restored, byItself, said, ended, afterResume].join(' | '),
  );
  const names = [
    'execution of',
    'in the backup',
    'the original made of it',
    'after the restore',
    'calls by itself',
    'a person said',
    'came to',
    'calls then',
  ];
  return [names.join(' | '), names.map(() => '---').join(' | '), ...rows]
    .map((row) => `| ${row} |`)
    .join('\n');
}
