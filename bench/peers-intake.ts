/**
 * Alerts over HTTP beside Alertmanager, in one run: the same `wrk` script posts to both, in turn, over 32 connections.
 * Here each alert is committed before its answer, matched with the rules and kept; there nothing is durable.
 *
 *     npm run bench peers-intake -- --seconds 8
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figureIn, isInstalled, peersFolder, runPeer } from './peers';
import { ADMIN_TOKEN, BenchProgram, printTable, until } from './program';

const CONNECTIONS = 32;
const WARM_UP_SECONDS = 2;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '8' },
      processes: { type: 'string', default: '2' },
      batches: { type: 'string', default: '1,100' },
      modes: { type: 'string', default: 'refresh,uniq' },
    },
  });
  const folder = peersFolder();
  if (folder === undefined || !isInstalled('wrk')) throw new Error('../shared/peers and wrk are needed');
  const seconds = Number(values.seconds);
  for (const batch of values.batches.split(',').map(Number)) {
    for (const mode of values.modes.split(',')) await compare(folder, batch, mode, seconds, values.processes);
  }
}

async function compare(
  folder: string,
  batch: number,
  mode: string,
  seconds: number,
  processes: string,
): Promise<void> {
  const program = await BenchProgram.start({ MONSCALE_API_PROCESSES: processes });
  try {
    await program.post('/api/v1/services', {
      name: 'asking',
      metrics: { outage: { type: 'alert', params: { match: { alertname: 'NotThisOne' } } } },
      condition: 'outage == 1',
    });
    wrk(folder, program, batch, mode, WARM_UP_SECONDS);
    const before = program.usage();
    const line = wrk(folder, program, batch, mode, seconds);
    const after = program.usage();
    const stored = await storedAlerts(program);
    const pss = after.program.pssMb + after.postgres.pssMb + after.redis.pssMb;
    const cpu = (['program', 'postgres', 'redis'] as const).reduce(
      (sum, part) => sum + after[part].cpuSeconds - before[part].cpuSeconds,
      0,
    );
    const rate = (figureIn(line, 'rps') ?? 0) * batch;
    const peerLine = runPeer(
      'alertmanager/bench_b_post.sh',
      [batch, mode, seconds],
      ['prometheus-alertmanager', 'wrk'],
    );
    const peer = (figureIn(peerLine, 'rps') ?? NaN) * batch;
    printTable(
      `POST /api/v2/alerts, ${batch} alert${batch > 1 ? 's' : ''} each, ${mode === 'uniq' ? 'all new' : 'seen again'}`,
      [
        ['alerts/s', rate],
        ['p50, p99, ms', `${figureIn(line, 'p50_ms')}, ${figureIn(line, 'p99_ms')}`],
        ['answers that are no 2xx', figureIn(line, 'non2xx') ?? NaN],
        ['alerts kept', stored],
        ['CPU s of the whole tree', cpu],
        ['of it PostgreSQL', after.postgres.cpuSeconds - before.postgres.cpuSeconds],
        ['PSS of the whole tree, MB', pss],
        ['Alertmanager: alerts/s', peer],
        ['Alertmanager: p50, p99, ms', `${figureIn(peerLine, 'p50_ms')}, ${figureIn(peerLine, 'p99_ms')}`],
        [
          'Alertmanager: CPU s, RSS MB',
          `${figureIn(peerLine, 'am_cpu_s')}, ${figureIn(peerLine, 'rss_after')}`,
        ],
        ['ratio of alerts/s', rate / peer],
      ],
    );
  } finally {
    await program.stop();
  }
}

/** The peers' script, with our token. */
function wrk(folder: string, { url }: BenchProgram, batch: number, mode: string, seconds: number): string {
  const script = join(folder, 'monscale-post.lua');
  const theirs = readFileSync(join(folder, 'alertmanager', 'post.lua'), 'utf8');
  writeFileSync(script, theirs.replaceAll('"/api/v2/alerts"', `"/api/v2/alerts?token=${ADMIN_TOKEN}"`));
  const { stdout } = spawnSync(
    'wrk',
    ['-t1', `-c${CONNECTIONS}`, `-d${seconds}s`, '-s', script, '--timeout', '10s', '--latency', url],
    { env: { ...process.env, BATCH: String(batch), MODE: mode }, encoding: 'utf8' },
  );
  return stdout;
}

async function storedAlerts(program: BenchProgram): Promise<number> {
  let count = 0;
  await until(async () => {
    const { rows } = await program.sql.query<{ count: number; open: number }>(
      'SELECT count(*)::int AS count, count(*) FILTER (WHERE processed < revision)::int AS open FROM alerts',
    );
    count = rows[0]!.count;
    return rows[0]!.open === 0;
  }, 'all alerts are processed');
  return count;
}

void main();
