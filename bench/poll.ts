/**
 * Polls: N services on H simulated SNMP agents.
 *
 *     npm run bench poll -- --services 10000 --hosts 1000 --interval 10 --seconds 60
 *     npm run bench poll -- --services 1000 --metrics 100 --interval 1      dense: 100 objects of each agent
 *     npm run bench poll -- --services 100000 --interval 60 --changing 0.01 that share of them changes phase a minute
 *     npm run bench poll -- --seconds 3600 --watch-memory                   says every minute what it holds
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SLOTS } from '../src/common/ids';
import { BenchProgram, printTable, sleep } from './program';

const RESPONDER = resolve(__dirname, 'peers/common/snmpresp.c');
/** Another one, where two benchmarks run at a time: `BENCH_SNMP_PORT`. */
const PORT = Number(process.env.BENCH_SNMP_PORT ?? 16_161);
const WARM_UP_SECONDS = 15;

export interface Setting {
  services: number;
  hosts: number;
  /** Of each service. */
  metrics: number;
  /** Share of the services that changes phase, a minute. */
  changing: number;
  interval: number;
  seconds: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '10000' },
      hosts: { type: 'string', default: '1000' },
      metrics: { type: 'string', default: '1' },
      changing: { type: 'string', default: '0' },
      interval: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '60' },
      'watch-memory': { type: 'boolean', default: false },
    },
  });
  const setting: Setting = {
    services: Number(values.services),
    hosts: Number(values.hosts),
    metrics: Number(values.metrics),
    changing: Number(values.changing),
    interval: Number(values.interval),
    seconds: Number(values.seconds),
  };
  await measurePolls(setting, values['watch-memory']);
}

export interface Polls {
  /** Values read and stored. */
  perSecond: number;
  /** Share of the due polls. */
  done: number;
  /** CPU seconds, of the whole tree. */
  cpuPerThousand: number;
  cores: number;
  pssMb: number;
}

/** Prints its table. */
export async function measurePolls(setting: Setting, watchesMemory = false): Promise<Polls> {
  const { hosts, seconds, interval } = setting;
  const responder = startResponder(hosts, seconds + WARM_UP_SECONDS + interval + 120);
  const program = await BenchProgram.start();
  try {
    if (responder.exitCode !== null)
      throw new Error(`the simulated agents have ended: is port ${PORT} taken? BENCH_SNMP_PORT is another`);
    await define(program, setting);
    await sleep((WARM_UP_SECONDS + interval) * 1000);
    const before = await snapshot(program);
    if (watchesMemory) await watchMemory(program, seconds);
    else await sleep(seconds * 1000);
    const after = await snapshot(program);
    return report(before, after, setting);
  } finally {
    await program.stop();
    responder.kill();
  }
}

/** What the tree holds, minute by minute. */
async function watchMemory(program: BenchProgram, seconds: number): Promise<void> {
  for (let minute = 0; minute * 60 < seconds; minute++) {
    const held = Object.entries(program.usage()).map(([part, { pssMb }]) => `${part} ${pssMb.toFixed(0)}`);
    console.log(`minute ${minute}: PSS, MB: ${held.join(', ')}`);
    await sleep(Math.min(60, seconds - minute * 60) * 1000);
  }
}

/** A responder in C on 127.0.1.1 …: faster than anything that could ask it. */
export function startResponder(hosts: number, seconds: number) {
  const binary = join(mkdtempSync(join(tmpdir(), 'monscale-agents-')), 'snmpresp');
  const { status, stderr } = spawnSync('cc', ['-O2', '-w', '-o', binary, RESPONDER], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the simulated agents can't be built: ${stderr}`);
  return spawn(binary, [String(PORT), String(hosts), String(seconds)], { stdio: 'ignore' });
}

/** Returns a condition that turns with each poll: the agents together count the objects they have told of. @param told in an interval */
const flips = (told: number): string => `m0 % ${2 * told}.0 < ${told}.0`;
const NEVER = 'm0 > 4294967295.0';

export async function define(program: BenchProgram, setting: Setting): Promise<void> {
  const { services, hosts, metrics, changing, interval } = setting;
  await program.post('/api/v1/services', {
    name: 'template',
    intervalSeconds: interval,
    metrics: {
      m0: { type: 'snmp_oid', params: { host: '127.0.0.1', port: PORT, oid: '1.3.6.1.4.1.2021.10.1.5.1' } },
    },
    condition: NEVER,
    holdSeconds: 3600,
    wisdomSeconds: 60,
  });
  const host = `'127.0.' || (1 + (c.n - 1) % ${hosts} / 250) || '.' || (1 + (c.n - 1) % ${hosts} % 250)`;
  const oid = `'1.3.6.1.4.1.2021.10.1.5.' || (c.n / ${hosts} * ${metrics} + i + 1)`;
  const choice = `jsonb_set(jsonb_set(s.metrics->'m0', '{params,host}', to_jsonb(${host})), '{params,oid}', to_jsonb(${oid}))`;
  // Each poll of one that flips is a change.
  const flipping = Math.min(services, Math.round((services * changing * interval) / 60));
  // As the API gives them: an agent's services share slots, 256 in each.
  const slot = `('x' || left(md5((c.n - 1) % ${hosts} || '#' || (c.n - 1) / ${hosts} / 256), 4))::bit(16)::int % ${SLOTS}`;
  await program.copyService('template', services, {
    slot,
    // Of c.n, so that each row has its own.
    metrics: `(SELECT jsonb_object_agg('m' || i, ${choice}) FROM generate_series(0 * c.n, ${metrics - 1}) i)`,
    series: `(SELECT jsonb_object_agg('m' || i, g.n * 100 + i) FROM (SELECT nextval('series_group_id') AS n WHERE c.n > 0) g,
      generate_series(0, ${metrics - 1}) i)`,
    condition: `CASE WHEN c.n <= ${flipping} THEN '${flips(services * metrics)}' ELSE s.condition END`,
  });
  await program.sql.query(
    `UPDATE services SET enabled = false, version = version + 1 WHERE name = 'template'`,
  );
  await program.sql.query('UPDATE definition_revision SET revision = revision + 1');
}

/** Just before a second begins, when what was due at the last one is done. */
async function snapshot(program: BenchProgram) {
  await sleep((1_900 - ((performance.timeOrigin + performance.now()) % 1_000)) % 1_000);
  const { rows } = await program.sql.query<{ updated: string }>(
    `SELECT sum(n_tup_upd) FILTER (WHERE relname IN ('services', 'service_states', 'decisions')) AS updated
     FROM pg_stat_user_tables`,
  );
  const [due, done, dropped, values, lateSum, jobs] = await Promise.all(
    [
      'polls_due_total',
      'polls_done_total',
      'polls_dropped_total',
      'samples_total',
      'poll_job_seconds_sum',
      'poll_job_seconds_count',
    ].map((name) => program.metric(`monscale_${name}`)),
  );
  const errors = await program.metric('monscale_reads_total', 'outcome="error"');
  return {
    at: performance.now(),
    due: due!,
    done: done!,
    dropped: dropped!,
    values: values!,
    lateSum: lateSum!,
    jobs: jobs!,
    errors,
    updated: Number(rows[0]!.updated),
    ...program.usage(),
  };
}

type Snapshot = Awaited<ReturnType<typeof snapshot>>;

function report(before: Snapshot, after: Snapshot, setting: Setting): Polls {
  const { services, metrics, hosts, interval, changing } = setting;
  const seconds = (after.at - before.at) / 1000;
  const cpu = (part: 'program' | 'postgres' | 'redis') => after[part].cpuSeconds - before[part].cpuSeconds;
  const values = after.values - before.values;
  const total = cpu('program') + cpu('postgres') + cpu('redis');
  const figures: Polls = {
    perSecond: values / seconds,
    done: (after.done - before.done) / (after.due - before.due),
    cpuPerThousand: (1000 * total) / values,
    cores: total / seconds,
    pssMb: after.program.pssMb + after.postgres.pssMb + after.redis.pssMb,
  };
  printTable(
    `${services} services of ${metrics} on ${hosts} agents every ${interval} s, ${100 * changing} % changing a minute, over ${seconds.toFixed(0)} s`,
    [
      ['polls due', after.due - before.due],
      ['polls done', after.done - before.done],
      ['done of due', `${(100 * figures.done).toFixed(2)} %`],
      ['dropped', after.dropped - before.dropped],
      ['values read', values],
      ['reads that failed', after.errors - before.errors],
      ['values/s', figures.perSecond],
      ['mean time of a batch, ms', (1000 * (after.lateSum - before.lateSum)) / (after.jobs - before.jobs)],
      ['CPU, cores', figures.cores],
      ['  program', cpu('program') / seconds],
      ['  PostgreSQL', cpu('postgres') / seconds],
      ['  Redis', cpu('redis') / seconds],
      ['CPU s per 1,000 values', figures.cpuPerThousand],
      ['PSS, MB', figures.pssMb],
      ['  program', after.program.pssMb],
      ['  PostgreSQL', after.postgres.pssMb],
      ['  Redis', after.redis.pssMb],
      ['rows of state and ledger updated/s', (after.updated - before.updated) / seconds],
    ],
  );
  return figures;
}

if (require.main === module) void main();
