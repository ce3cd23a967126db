/** One load for a while on a program whose roles are processes of their own, and what it took. */
import http from 'node:http';
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PARTS, WORKLOADS, type Part } from '../src/cli/sizing-costs';
import type { Point } from './scaling-points';
import { peersFolder } from './peers';
import { define, startResponder } from './poll';
import { testPort } from '../test/ports';
import { BenchProgram, sleep } from './program';
import { Sink } from './sink';

export interface Taken {
  name: string;
  /** Cores that each part was busy. */
  cores: Record<Part, number>;
  /** What each part held at the end, of one process. */
  pssMb: Record<Part, number>;
  walBytesPerSecond: number;
  /** What was asked for and done: 1 where all of it was. */
  done: number;
  /** Bytes on disk, by table with its indexes and partitions, and rows. */
  tables: Record<string, { bytes: number; rows: number }>;
}

const WARM_UP_SECONDS = 8;
/** A second, in the warm-up: fewer would leave the code uncompiled. */
const WARM_UP_TRAPS = 500;
/** Of polls: in its first half minute a worker takes three times what a poll takes it later. */
const POLLS_WARM_UP_SECONDS = { least: 60, most: 140 };
/** Until what the warm-up left is done. */
const SETTLE_SECONDS = 4;
const DAY_SECONDS = 86_400;
const MOST_TARGETS = 15_000;
const run = promisify(execFile);

export async function measure(point: Point): Promise<Taken> {
  const { load, processes, seconds } = point;
  const trapPort = await testPort();
  const env = {
    api: { MONSCALE_ROLE: 'api' },
    scheduler: { MONSCALE_ROLE: 'scheduler' },
    'worker-polls': { MONSCALE_ROLE: 'worker', MONSCALE_QUEUES: 'polls' },
    'worker-alerts-actions': { MONSCALE_ROLE: 'worker', MONSCALE_QUEUES: 'alerts,actions' },
    trap: {
      MONSCALE_ROLE: 'trap',
      MONSCALE_TRAP_PORT: String(trapPort),
      MONSCALE_SPOOL_DIR: mkdtempSync(join(tmpdir(), 'monscale-spool-')),
    },
  };
  const targets = Math.min(MOST_TARGETS, Math.max(1, Math.round(load.services / load.perTarget)));
  const responder = startResponder(targets, seconds + load.intervalSeconds + 200);
  const sink = await Sink.start();
  const program = await BenchProgram.start(env.api);
  try {
    for (const part of WORKLOADS) {
      for (let more = part === 'api' ? 1 : 0; more < processes[part]; more++)
        await program.join(part, env[part]);
    }
    if (load.services > 0) await definePolls(program, point, targets);
    const alerts = load.alerts > 0 ? await AlertLoad.define(program, point, sink) : undefined;
    if (load.traps > 0) await defineTraps(program);
    await alerts?.send(WARM_UP_SECONDS);
    if (load.traps > 0) await sendTraps(trapPort, Math.max(load.traps, WARM_UP_TRAPS), WARM_UP_SECONDS);
    // A worker that joins learns all services first, and the first readings write their states.
    if (load.services > 0) {
      const { least, most } = POLLS_WARM_UP_SECONDS;
      const rounds = 2 * processes['worker-polls'] * load.intervalSeconds + WARM_UP_SECONDS;
      await sleep(Math.min(Math.max(rounds, least), most) * 1_000);
    }
    await sleep(SETTLE_SECONDS * 1_000);
    if (load.services > 0) await keptUp(program, load.services / load.intervalSeconds);
    // What was made a moment ago would be tidied up while it is measured; a checkpoint only by who may.
    await program.sql.query('VACUUM ANALYZE services, service_states, decisions, alerts');
    await program.sql.query('CHECKPOINT').catch(() => undefined);
    const before = await look(program);
    const [sent] = await Promise.all([
      alerts?.send(seconds),
      load.traps > 0 ? sendTraps(trapPort, load.traps, seconds) : undefined,
      sleep(seconds * 1_000),
    ]);
    const after = await look(program);
    return { ...taken(point, before, after, sent), tables: await tablesOf(program) };
  } finally {
    await program.stop();
    responder.kill();
    sink.stop();
  }
}

async function definePolls(program: BenchProgram, { load }: Point, hosts: number): Promise<void> {
  await define(program, {
    services: load.services,
    hosts,
    metrics: load.metrics,
    interval: load.intervalSeconds,
    changing: load.changes / (DAY_SECONDS / 60),
    seconds: 0,
  });
}

/** Two seconds' worth of polls are on their way at any time. */
const ON_THEIR_WAY_SECONDS = 2;
const BEHIND_AT_MOST_SECONDS = 180;

/** Waits until what was due is done: the first time, states and decisions are written of all services. */
async function keptUp(program: BenchProgram, perSecond: number): Promise<void> {
  for (let second = 0; second < BEHIND_AT_MOST_SECONDS; second++) {
    const [due, done, dropped] = await Promise.all(
      ['due', 'done', 'dropped'].map((what) => program.metric(`monscale_polls_${what}_total`)),
    );
    if (due! - done! - dropped! < ON_THEIR_WAY_SECONDS * perSecond) return;
    await sleep(1_000);
  }
  throw new Error(`polls are behind after ${BEHIND_AT_MOST_SECONDS} s`);
}

async function defineTraps(program: BenchProgram): Promise<void> {
  await program.post('/api/v1/sources', { name: 'snmp', format: 'snmp', params: {} });
  await sleep(4_000);
}

async function sendTraps(port: number, rate: number, seconds: number): Promise<void> {
  const trapblast = join(peersFolder(), 'common/bin/trapblast');
  await run(trapblast, ['127.0.0.1', String(port), String(rate * seconds), String(rate)]);
}

const TICK_MS = 5;
/** Alerts that are seen again come again after so long; within a second they would be looked at and no more. */
const AGAIN_SECONDS = 3;

/** Alerts at a steady rate, whatever becomes of those before, by a source of its own. */
class AlertLoad {
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
  private next = 0;

  private constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly point: Point,
  ) {}

  static async define(program: BenchProgram, point: Point, { origin }: Sink): Promise<AlertLoad> {
    const { token } = await program.post<{ token: string }>('/api/v1/sources', {
      name: 'load',
      format: 'native',
      params: {},
    });
    const { alerts, decidedShare, executions } = point.load;
    if (executions > 0)
      await program.post('/api/v1/actions', {
        name: 'tell',
        type: 'webhook',
        params: { url: `${origin}/{{ service.name }}` },
      });
    await program.post('/api/v1/services', {
      name: 'template',
      metrics: { breach: { type: 'alert', params: { match: { alertname: 'Down', instance: 'template' } } } },
      condition: 'breach == 1',
      wisdomSeconds: 3_600,
      actions: executions > 0 ? ['tell'] : [],
    });
    if (decidedShare > 0)
      await program.copyService('template', Math.ceil(alerts * (point.seconds + 2 * WARM_UP_SECONDS)), {
        metrics: `jsonb_set(s.metrics, '{breach,params,match,instance}', to_jsonb('host-' || c.n))`,
      });
    return new AlertLoad(program.url, token, point);
  }

  /** @returns how many were sent */
  async send(seconds: number): Promise<number> {
    const { alerts, batch, newShare } = this.point.load;
    const begun = performance.now();
    const requests: Promise<void>[] = [];
    let sent = 0;
    const again = Math.ceil(alerts * AGAIN_SECONDS);
    let seen = 0;
    while (performance.now() - begun < seconds * 1_000) {
      const due = Math.floor(((performance.now() - begun) / 1_000) * alerts);
      for (; sent + batch <= due; sent += batch) {
        const body = Array.from({ length: batch }, (_, index) => {
          const isNew = (sent + index) * newShare - Math.floor((sent + index) * newShare) < newShare;
          return this.alertOf(isNew ? `host-${++this.next}` : `again-${seen++ % again}`);
        });
        requests.push(this.post(JSON.stringify(body)));
      }
      await sleep(TICK_MS);
    }
    await Promise.all(requests);
    return sent;
  }

  private alertOf(instance: string) {
    const alertname = this.point.load.decidedShare > 0 ? 'Down' : 'Other';
    return {
      labels: { alertname, instance, job: 'node', severity: 'warning', team: 'web' },
      annotations: { summary: `${instance} does not answer`, runbook: 'https://runbooks.example.com/down' },
    };
  }

  private post(body: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const request = http.request(`${this.url}/api/v1/alerts`, {
        method: 'POST',
        agent: this.agent,
        headers: {
          authorization: `Bearer ${this.token}`,
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        },
      });
      request.on('error', reject);
      request.on('response', (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode! < 300
            ? resolve()
            : reject(new Error(`alerts are answered ${response.statusCode}`)),
        );
      });
      request.end(body);
    });
  }
}

/** Returns how many bytes PostgreSQL has written to its log so far. */
export async function walOf(program: BenchProgram): Promise<number> {
  const { rows } = await program.sql.query<{ lsn: string }>(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0') AS lsn`,
  );
  return Number(rows[0]!.lsn);
}

async function look(program: BenchProgram) {
  const [due, done, alerts] = await Promise.all(
    ['polls_due_total', 'polls_done_total', 'alerts_received_total'].map((name) =>
      program.metric(`monscale_${name}`),
    ),
  );
  const { postgres, redis } = program.usage();
  return {
    at: performance.now(),
    parts: new Map([
      ...program.usageByPart('api'),
      ['postgresql', postgres] as const,
      ['redis', redis] as const,
    ]),
    wal: await walOf(program),
    due: due!,
    done: done!,
    alerts: alerts!,
  };
}

type Look = Awaited<ReturnType<typeof look>>;

const TABLES = [
  'samples',
  'samples_5m',
  'alerts',
  'alert_matches',
  'decisions',
  'triggers',
  'trigger_alerts',
  'executions',
  'services',
  'service_states',
];

export async function tablesOf(program: BenchProgram): Promise<Taken['tables']> {
  const tables: Taken['tables'] = {};
  for (const name of TABLES) {
    const { rows } = await program.sql.query<{ bytes: string; rows: string }>(
      `SELECT pg_total_relation_size('${name}') + (SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)
           FROM pg_inherits WHERE inhparent = '${name}'::regclass) AS bytes,
         (SELECT count(*) FROM ${name}) AS rows`,
    );
    tables[name] = { bytes: Number(rows[0]!.bytes), rows: Number(rows[0]!.rows) };
  }
  return tables;
}

function taken(
  { name, load, processes, seconds }: Point,
  before: Look,
  after: Look,
  sent = 0,
): Omit<Taken, 'tables'> {
  const took = (after.at - before.at) / 1_000;
  const of = (each: (part: Part) => number) =>
    Object.fromEntries(PARTS.map((part) => [part, each(part)])) as Record<Part, number>;
  const count = (part: Part) =>
    part === 'postgresql' || part === 'redis' ? 1 : Math.max(1, processes[part]);
  const busySeconds = (part: Part) =>
    (after.parts.get(part)?.cpuSeconds ?? 0) - (before.parts.get(part)?.cpuSeconds ?? 0);
  const wanted = load.services > 0 ? after.due - before.due : Math.max(sent, load.traps * seconds);
  const done = load.services > 0 ? after.done - before.done : after.alerts - before.alerts;
  return {
    name,
    cores: of((part) => busySeconds(part) / took),
    pssMb: of((part) => (after.parts.get(part)?.pssMb ?? 0) / count(part)),
    walBytesPerSecond: (after.wal - before.wal) / took,
    done: wanted === 0 ? 1 : done / wanted,
  };
}
