/**
 * The servers that monscale stands on fail over, under load: PostgreSQL's replica is promoted, its connections drop, it
 * is read only for a while; Sentinels make another Redis the master; slots of a Redis Cluster move. Each alert that was
 * acknowledged must be acted on once, and soon after the server is back.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { testPort } from '../ports';
import { createMigratedDatabase, testRedisUrl } from '../databases';
import { startProcess, until, type MonscaleProcess } from '../program';
import { postgresFolder, runTool, startInstalledPostgres } from '../stand-ins/installed-postgres';
import { startCluster, startRedis, startSentinel } from '../stand-ins/redis';
import { WebhookSink } from '../stand-ins/webhook-sink';

export const FAILOVERS = ['promotion', 'drops', 'read-only', 'sentinel', 'resharding'] as const;
export type Failover = (typeof FAILOVERS)[number];

export interface FailoverReport {
  failover: Failover;
  /** Alerts that were acknowledged, executions, and calls of the target. */
  acknowledged: number;
  executions: number;
  calls: number;
  unknown: number;
  /** Longest time until an alert was acknowledged, senders trying again; and until it was acted on from then, seconds. */
  longestToAccept: number;
  longestToAct: number;
  /** Time from the end of the disturbance until everything had ended, seconds. */
  overAfter: number;
  refused: Record<number, number>;
  violations: string[];
}

/** What monscale stands on, and what happens to it. */
interface Ground {
  databaseUrl: string;
  redisUrl: string;
  disturb(): Promise<void>;
  end(): Promise<unknown>;
}

const SERVICES = 8;
const EVERY_MS = 100;
const BEFORE_MS = 2_000;
const AFTER_MS = 3_000;
const ANSWERS_MS = 1_000;
/** From the death of the primary until its replica is promoted: as long as those who watch it take to be sure. */
const PROMOTED_AFTER_MS = 15_000;
/** What was begun has ended by then after the disturbance, seconds. */
const OVER_SECONDS = 30;

export async function failoverCampaign(
  failovers: readonly Failover[],
  report: (line: FailoverReport) => void = () => undefined,
): Promise<FailoverReport[]> {
  const reports: FailoverReport[] = [];
  for (const failover of failovers) {
    const ground = await GROUNDS[failover]();
    const sink = new WebhookSink();
    const programs: MonscaleProcess[] = [];
    try {
      const { databaseUrl, redisUrl } = ground;
      // Two of them: what one has in hand when it fails is the other's, too.
      const servers = { databaseUrl, redisUrl };
      for (const roles of ['all', 'worker']) programs.push(await startProcess({ roles, ...servers }));
      const line = await play(failover, ground, programs[0]!, sink);
      reports.push(line);
      report(line);
    } finally {
      for (const program of programs) await program.kill();
      await Promise.all([sink.stop(), ground.end()]);
    }
  }
  return reports;
}

async function play(
  failover: Failover,
  ground: Ground,
  { api }: MonscaleProcess,
  sink: WebhookSink,
): Promise<FailoverReport> {
  const url = await sink.start();
  // Some are under way in any moment.
  sink.always = { delayMs: ANSWERS_MS };
  await api.create('/actions', {
    name: 'once',
    type: 'webhook',
    params: { url: `${url}/{{ alert.labels.n }}`, idempotent: false },
  });
  for (let index = 0; index < SERVICES; index++)
    await api.create('/services', {
      name: `service-${index}`,
      metrics: { outage: { type: 'alert', params: { match: { host: `service-${index}` } } } },
      condition: 'outage > 0',
      wisdomSeconds: 0,
      actions: ['once'],
    });

  const seen = new Map<string, number>();
  const arrivals = setInterval(() => {
    for (const { path } of sink.requests.slice(seen.size))
      if (!seen.has(path)) seen.set(path, performance.now());
  }, 20);
  const refused: Record<number, number> = {};
  const violations: string[] = [];
  const accepted = new Map<string, number>();
  let longestToAccept = 0;
  /** As a sender does that is not answered, or told to come again. */
  const send = async (n: number): Promise<void> => {
    const begun = performance.now();
    const alert = { labels: { host: `service-${n % SERVICES}`, n: String(n) }, dedupKey: `alert-${n}` };
    for (;;) {
      const answer = await api.post('/alerts', alert).catch(() => undefined);
      if (answer?.status === 202) break;
      if (answer !== undefined) {
        refused[answer.status] = (refused[answer.status] ?? 0) + 1;
        if (answer.status !== 503 || answer.headers.get('retry-after') === null)
          violations.push(`alert ${n} was answered ${answer.status} without Retry-After`);
      }
      if (performance.now() - begun > 90_000) return void violations.push(`alert ${n} was not taken in 90 s`);
      await sleep(250);
    }
    accepted.set(`/${n}`, performance.now());
    longestToAccept = Math.max(longestToAccept, performance.now() - begun);
  };
  let isOver = false;
  const sending: Promise<void>[] = [];
  const sender = (async () => {
    for (let n = 0; !isOver; n++) {
      sending.push(send(n));
      await sleep(EVERY_MS);
    }
  })();
  await sleep(BEFORE_MS);
  await ground.disturb();
  const backAt = performance.now();
  await sleep(AFTER_MS);
  isOver = true;
  await sender;
  await Promise.all(sending);

  const open = async () => {
    const counts = await Promise.all(
      ['queued', 'running'].map(
        async (status) => (await api.get(`/executions?status=${status}&limit=1`)).body.total as number,
      ),
    );
    return counts.some((count) => count > 0);
  };
  const isDone = async () => !(await open()) && (await api.all('/executions')).length >= accepted.size;
  await until(isDone, OVER_SECONDS * 1_000, 'everything that was acknowledged has ended').catch(
    (error: Error) => violations.push(error.message),
  );
  const overAfter = (performance.now() - backAt) / 1_000;
  await sleep(1_000);
  clearInterval(arrivals);
  const executions = await api.all('/executions');
  const unknown = executions.filter(({ status }) => status === 'unknown').length;
  const bad = executions.filter(({ status }) => !['succeeded', 'unknown'].includes(status));
  if (overAfter > OVER_SECONDS + AFTER_MS / 1_000)
    violations.push(`it took ${overAfter.toFixed(1)} s until everything had ended`);
  if (executions.length !== accepted.size)
    violations.push(`${accepted.size} alerts were acknowledged, and ${executions.length} executions made`);
  for (const { id, status } of bad.slice(0, 5)) violations.push(`execution ${id} is ${status}`);
  const calls = new Map<string, number>();
  for (const { path } of sink.requests) calls.set(path, (calls.get(path) ?? 0) + 1);
  for (const [path, count] of calls) if (count > 1) violations.push(`${path} was called ${count} times`);
  const missing = [...accepted.keys()].filter((path) => !calls.has(path));
  // One that is unknown may have been sent, or not: it is told, and nothing is lost.
  if (missing.length > unknown) violations.push(`nothing came of ${missing.slice(0, 5).join(', ')}`);
  const waits = [...accepted].flatMap(([path, at]) => (seen.has(path) ? [seen.get(path)! - at] : []));
  return {
    failover,
    acknowledged: accepted.size,
    executions: executions.length,
    calls: sink.requests.length,
    unknown,
    longestToAccept: longestToAccept / 1_000,
    longestToAct: Math.max(0, ...waits) / 1_000,
    overAfter,
    refused,
    violations,
  };
}

const GROUNDS: Record<Failover, () => Promise<Ground>> = {
  promotion,
  drops: () => disturbed(dropConnections),
  'read-only': () => disturbed(beReadOnly),
  sentinel,
  resharding,
};

/** A primary whose commits wait for its replica; it dies, and its replica is promoted after a while. */
async function promotion(): Promise<Ground> {
  const primary = await startInstalledPostgres();
  const { port: primaryPort } = new URL(primary.url);
  const primaryCluster = join(primary.folder, 'postgres');
  // The one that was started so would be started again when it dies.
  await primary.halt();
  const main = startServer(primaryCluster, Number(primaryPort));
  await isUp(primary.superuserUrl);
  const folder = realpathSync(mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'replica-')));
  const cluster = join(folder, 'postgres');
  await runTool('pg_basebackup', [
    '-d',
    primary.superuserUrl,
    '-D',
    cluster,
    '-R',
    '-X',
    'stream',
    '--checkpoint=fast',
  ]);
  const port = await testPort();
  const replica = startServer(cluster, port);
  await onServer(primary.superuserUrl, [
    `ALTER SYSTEM SET synchronous_standby_names = '*'`,
    'SELECT pg_reload_conf()',
  ]);
  await until(
    async () => {
      const rows = await onServer(primary.superuserUrl, [`SELECT sync_state FROM pg_stat_replication`]);
      return rows.some(({ sync_state }) => sync_state === 'sync');
    },
    20_000,
    'the replica follows',
  );
  const { databaseUrl, redisUrl, end } = await redisOf(
    primary.url.replace(/@([^/]+)\//, `@$1,127.0.0.1:${port}/`),
  );
  const superuser = new URL(primary.superuserUrl);
  superuser.port = String(port);
  return {
    databaseUrl,
    redisUrl,
    disturb: async () => {
      killAll(pidIn(join(primaryCluster, 'postmaster.pid')));
      main.kill('SIGKILL');
      await sleep(PROMOTED_AFTER_MS);
      await onServer(superuser.href, [
        `ALTER SYSTEM RESET synchronous_standby_names`,
        'SELECT pg_promote()',
        'SELECT pg_reload_conf()',
      ]);
    },
    end: async () => {
      main.kill('SIGKILL');
      replica.kill('SIGKILL');
      killAll(pidIn(join(cluster, 'postmaster.pid')));
      await Promise.all([primary.stop(), end()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const isUp = (url: string) =>
  until(
    () =>
      onServer(url, ['SELECT 1']).then(
        () => true,
        () => false,
      ),
    20_000,
    'the server answers',
  );

/** As the embedded server does: PostgreSQL refuses to run as root. */
function startServer(cluster: string, port: number): ChildProcess {
  const prefix =
    process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=65534', '--map-group=65534'] : [];
  const [command, ...args] = [...prefix, join(postgresFolder()!, 'bin', 'postgres'), '-D', cluster];
  const settings = [
    `port=${port}`,
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=200',
  ];
  return spawn(command, [...args, ...settings.flatMap((one) => ['-c', one])], {
    stdio: 'ignore',
    cwd: cluster,
  });
}

const pidIn = (file: string): number => parseInt(readFileSync(file, 'utf8'));

/** As a power cut does: the server, and what it has started. */
function killAll(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

async function redisOf(databaseUrl: string): Promise<Omit<Ground, 'disturb'>> {
  const { redisUrl, release } = await testRedisUrl();
  return { databaseUrl, redisUrl, end: release };
}

/** A server of its own, to which something happens. */
async function disturbed(disturb: (superuserUrl: string) => Promise<void>): Promise<Ground> {
  const server = await startInstalledPostgres();
  const { end, ...urls } = await redisOf(server.url);
  return {
    ...urls,
    disturb: () => disturb(server.superuserUrl),
    end: () => Promise.all([server.stop(), end()]),
  };
}

async function dropConnections(superuserUrl: string): Promise<void> {
  for (let times = 0; times < 10; times++) {
    await onServer(superuserUrl, [
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'monscale'`,
    ]);
    await sleep(500);
  }
}

/** For 20 s, as a server is that hands over to another. */
async function beReadOnly(superuserUrl: string): Promise<void> {
  const set = (to: string) => [
    `ALTER SYSTEM SET default_transaction_read_only = ${to}`,
    'SELECT pg_reload_conf()',
  ];
  await onServer(superuserUrl, set('on'));
  await sleep(20_000);
  await onServer(superuserUrl, [`SET default_transaction_read_only = off`, ...set('off')]);
}

/** Three Sentinels, a master and a replica of it; the master dies. */
async function sentinel(): Promise<Ground> {
  const database = await createMigratedDatabase();
  const master = await startRedis();
  const replica = await startRedis(`replicaof 127.0.0.1 ${master.port}`);
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(master, 'main')));
  await until(
    async () => {
      const replicas = await Promise.all(
        sentinels.map(({ client }) => client.call('SENTINEL', 'replicas', 'main')),
      );
      return replicas.every((known) => String(known).includes(String(replica.port)));
    },
    20_000,
    'the Sentinels know the replica',
  );
  const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(',');
  return {
    databaseUrl: database.databaseUrl,
    redisUrl: `redis+sentinel://${hosts}/main`,
    disturb: async () => {
      master.kill();
      await until(async () => (await replica.client.role())[0] === 'master', 30_000, 'another is the master');
    },
    end: () =>
      Promise.all([master, replica, ...sentinels].map((one) => one.stop())).then(() => database.drop()),
  };
}

/** Three masters; the slots of all queues move to the next one, with the keys that are in them. */
async function resharding(): Promise<Ground> {
  const password = 'sesame';
  const database = await createMigratedDatabase();
  const nodes = await startCluster(3, password);
  const hosts = nodes.map(({ port }) => `127.0.0.1:${port}`).join(',');
  const bounds = [0, 1, 2, 3].map((at) => Math.floor((at * 16_384) / 3));
  return {
    databaseUrl: database.databaseUrl,
    redisUrl: `redis+cluster://:${password}@${hosts}`,
    disturb: async () => {
      const ids = await Promise.all(nodes.map(async ({ client }) => String(await client.cluster('MYID'))));
      for (const queue of ['polls', 'alerts', 'actions']) {
        const slot = Number(await nodes[0]!.client.cluster('KEYSLOT', `{monscale:${queue}}`));
        const from = bounds.findIndex((bound, at) => slot >= bound && slot < bounds[at + 1]!);
        const to = (from + 1) % 3;
        const [source, target] = [nodes[from]!, nodes[to]!];
        await target.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', ids[from]!);
        await source.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', ids[to]!);
        for (let tries = 0; tries < 200; tries++) {
          const keys = (await source.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 100)) as string[];
          if (keys.length === 0) break;
          await source.client.call(
            'MIGRATE',
            '127.0.0.1',
            target.port,
            '',
            0,
            5_000,
            'AUTH',
            password,
            'KEYS',
            ...keys,
          );
        }
        for (const { client } of [target, ...nodes.filter((node) => node !== target)])
          await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', ids[to]!);
        await sleep(1_000);
      }
    },
    end: () => Promise.all(nodes.map((one) => one.stop())).then(() => database.drop()),
  };
}

async function onServer(url: string, statements: readonly string[]): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    let rows: Record<string, unknown>[] = [];
    for (const text of statements) ({ rows } = await client.query<Record<string, unknown>>(text));
    return rows;
  } finally {
    await client.end();
  }
}
