/**
 * SNMP traps from the network to PostgreSQL, matched with a service; beside snmptrapd, which writes a line to a file.
 *
 *     npm run bench traps -- --traps 100000 --seconds 6 --rates 10000,15000,20000,40000
 */
import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figureIn, isInstalled, peersFolder, runPeer } from './peers';
import { BenchProgram, printTable, sleep, until } from './program';

const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const PEER = 'snmptrapd/bench_b_traps.sh';

interface Outcome {
  sent: number;
  stored: number;
  /** What the program says it lost, in the kernel included. */
  counted: number;
  storedPerSecond: number;
  /** Of the program, PostgreSQL and Redis. */
  cpuPerThousand: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      traps: { type: 'string', default: '100000' },
      seconds: { type: 'string', default: '6' },
      rates: { type: 'string', default: '10000,15000,20000,40000' },
    },
  });
  const rates = values.rates.split(',').map(Number);
  const [traps, seconds] = [Number(values.traps), Number(values.seconds)];
  const folder = peersFolder();
  if (folder === undefined || !isInstalled('gcc'))
    throw new Error('the generator trapblast is not there: it is in ../shared/peers, and needs gcc');
  const rows: [string, string][] = [];
  for (const rate of [0, ...rates]) {
    const count = rate === 0 ? traps : rate * seconds;
    const name = rate === 0 ? `flood of ${traps}` : `${rate}/s for ${seconds} s`;
    const peer = runPeer(PEER, ['log', count, rate], ['snmptrapd', 'gcc']);
    rows.push([`${name}, snmptrapd`, peerText(peer)]);
    rows.push([
      `${name}, monscale`,
      textOf(await measure(join(folder, 'common/bin/trapblast'), count, rate)),
    ]);
  }
  printTable('traps: lost, stored/s from the first sent to the last stored, CPU s per 1,000', rows);
}

async function measure(trapblast: string, count: number, rate: number): Promise<Outcome> {
  const port = await freeUdpPort();
  const program = await BenchProgram.start({
    MONSCALE_TRAP_PORT: String(port),
    MONSCALE_SPOOL_DIR: '/tmp/monscale-bench-spool',
  });
  try {
    await program.post('/api/v1/sources', { name: 'snmp', format: 'snmp', params: {} });
    await program.post('/api/v1/services', {
      name: 'links',
      metrics: { down: { type: 'alert', params: { match: { trap_oid: LINK_DOWN } } } },
      condition: 'down > 0',
    });
    await sleep(4_000);
    spawnSync(trapblast, ['127.0.0.1', String(port), '2000', '2000']);
    await settled(program);
    const before = await figures(program);
    const cpuBefore = cpuSeconds(program);
    const begin = performance.now();
    const { stdout } = spawnSync(trapblast, ['127.0.0.1', String(port), String(count), String(rate)], {
      encoding: 'utf8',
    });
    const sent = figureIn(stdout, 'sent') ?? 0;
    const doneAt = await settled(program);
    const after = await figures(program);
    const stored = after.stored - before.stored;
    return {
      sent,
      stored,
      counted: after.lost - before.lost,
      storedPerSecond: (stored * 1000) / (doneAt - begin),
      cpuPerThousand: ((cpuSeconds(program) - cpuBefore) * 1000) / stored,
    };
  } finally {
    await program.stop();
  }
}

/** When nothing was stored any more, and everything was matched and evaluated. */
async function settled(program: BenchProgram): Promise<number> {
  let stored = -1;
  let since = performance.now();
  for (;;) {
    const now = await figures(program);
    if (now.stored !== stored) [stored, since] = [now.stored, performance.now()];
    else if (performance.now() - since > 2_500) break;
    await sleep(50);
  }
  await until(async () => (await figures(program)).unmatched === 0, 'every alert is matched');
  return since;
}

async function figures(program: BenchProgram) {
  const { rows } = await program.sql.query<{ stored: string; unmatched: string }>(
    'SELECT count(*) AS stored, count(*) FILTER (WHERE processed < revision) AS unmatched FROM alerts',
  );
  const lost =
    (await program.metric('monscale_trap_drops_total')) +
    (await program.metric('monscale_alerts_refused_total'));
  return { stored: Number(rows[0]!.stored), unmatched: Number(rows[0]!.unmatched), lost };
}

function cpuSeconds(program: BenchProgram): number {
  return Object.values(program.usage()).reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
}

function textOf({ sent, stored, counted, storedPerSecond, cpuPerThousand }: Outcome): string {
  const lost = sent - stored;
  const uncounted = lost - counted;
  return (
    line(lost, sent, storedPerSecond, cpuPerThousand) + (uncounted === 0 ? '' : `, ${uncounted} not counted`)
  );
}

function peerText(peer: string | undefined): string {
  const [lost, sent, perSecond, cpu] = ['lost', 'sent', 'handled/s', 'cpu_s/1000traps'].map((name) =>
    figureIn(peer, name),
  );
  return peer === undefined ? '-' : line(lost ?? NaN, sent ?? NaN, perSecond ?? NaN, cpu ?? NaN);
}

const line = (lost: number, sent: number, perSecond: number, cpu: number): string =>
  `lost ${lost} of ${sent} (${((lost * 100) / sent).toFixed(1)} %), ${Math.round(perSecond)}/s, ${cpu.toFixed(3)} CPU s`;

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

void main();
