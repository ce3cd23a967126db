/**
 * Polls: N services on H simulated SNMP agents.
 *
 *     npm run bench poll -- --services 10000 --hosts 1000 --interval 10 --seconds 60
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BenchProgram, printTable, sleep } from './program';

const RESPONDER = resolve(__dirname, '../../shared/peers/common/snmpresp.c');
const PORT = 16161;
const WARM_UP_SECONDS = 15;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      services: { type: 'string', default: '10000' },
      hosts: { type: 'string', default: '1000' },
      interval: { type: 'string', default: '10' },
      seconds: { type: 'string', default: '60' },
    },
  });
  const [services, hosts, interval, seconds] = [
    values.services,
    values.hosts,
    values.interval,
    values.seconds,
  ].map(Number) as [number, number, number, number];
  const responder = startResponder(hosts, seconds + WARM_UP_SECONDS + interval + 60);
  const program = await BenchProgram.start();
  try {
    await define(program, services, hosts, interval);
    await sleep((WARM_UP_SECONDS + interval) * 1000);
    const before = await snapshot(program);
    await sleep(seconds * 1000);
    const after = await snapshot(program);
    report(before, after, { services, hosts, interval });
  } finally {
    await program.stop();
    responder.kill();
  }
}

/** A responder in C on 127.0.1.1 …: faster than anything that could ask it. */
function startResponder(hosts: number, seconds: number) {
  if (!existsSync(RESPONDER))
    throw new Error(`the simulated agents are built from ${RESPONDER}, which is not there`);
  const binary = join(mkdtempSync(join(tmpdir(), 'monscale-agents-')), 'snmpresp');
  const { status, stderr } = spawnSync('cc', ['-O2', '-w', '-o', binary, RESPONDER], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the simulated agents can't be built: ${stderr}`);
  return spawn(binary, [String(PORT), String(hosts), String(seconds)], { stdio: 'ignore' });
}

async function define(
  program: BenchProgram,
  services: number,
  hosts: number,
  intervalSeconds: number,
): Promise<void> {
  await program.post('/api/v1/services', {
    name: 'template',
    intervalSeconds,
    metrics: {
      load: { type: 'snmp_oid', params: { host: '127.0.0.1', port: PORT, oid: '1.3.6.1.4.1.2021.10.1.5.1' } },
    },
    condition: 'load > 4294967295.0',
    wisdomSeconds: 60,
  });
  const host = `'127.0.' || (1 + (c.n - 1) % ${hosts} / 250) || '.' || (1 + (c.n - 1) % ${hosts} % 250)`;
  const oid = `'1.3.6.1.4.1.2021.10.1.5.' || (c.n / ${hosts} + 1)`;
  await program.copyService('template', services, {
    metrics: `jsonb_set(jsonb_set(s.metrics, '{load,params,host}', to_jsonb(${host})), '{load,params,oid}', to_jsonb(${oid}))`,
    series: `jsonb_build_object('load', nextval('series_group_id') * 100)`,
  });
  await program.sql.query(
    `UPDATE services SET enabled = false, version = version + 1 WHERE name = 'template'`,
  );
}

async function snapshot(program: BenchProgram) {
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
  const errors = await program.metric('monscale_reads_total');
  return {
    at: performance.now(),
    due: due!,
    done: done!,
    dropped: dropped!,
    values: values!,
    lateSum: lateSum!,
    jobs: jobs!,
    reads: errors,
    updated: Number(rows[0]!.updated),
    ...program.usage(),
  };
}

type Snapshot = Awaited<ReturnType<typeof snapshot>>;

function report(
  before: Snapshot,
  after: Snapshot,
  setting: { services: number; hosts: number; interval: number },
): void {
  const seconds = (after.at - before.at) / 1000;
  const cpu = (part: 'program' | 'postgres' | 'redis') => after[part].cpuSeconds - before[part].cpuSeconds;
  const values = after.values - before.values;
  const total = cpu('program') + cpu('postgres') + cpu('redis');
  printTable(
    `${setting.services} services on ${setting.hosts} agents every ${setting.interval} s, over ${seconds.toFixed(0)} s`,
    [
      ['polls due', after.due - before.due],
      ['polls done', after.done - before.done],
      ['done of due', `${((100 * (after.done - before.done)) / (after.due - before.due)).toFixed(2)} %`],
      ['dropped', after.dropped - before.dropped],
      ['values read', values],
      ['reads that failed', after.reads - before.reads - values],
      ['values/s', values / seconds],
      ['mean time of a batch, ms', (1000 * (after.lateSum - before.lateSum)) / (after.jobs - before.jobs)],
      ['CPU, cores', total / seconds],
      ['  program', cpu('program') / seconds],
      ['  PostgreSQL', cpu('postgres') / seconds],
      ['  Redis', cpu('redis') / seconds],
      ['CPU s per 1,000 values', (1000 * total) / values],
      ['PSS, MB', after.program.pssMb + after.postgres.pssMb + after.redis.pssMb],
      ['  program', after.program.pssMb],
      ['  PostgreSQL', after.postgres.pssMb],
      ['  Redis', after.redis.pssMb],
      ['rows of state and ledger updated/s', (after.updated - before.updated) / seconds],
    ],
  );
}

void main();
