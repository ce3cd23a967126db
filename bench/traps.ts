/**
 * SNMP traps from the network to PostgreSQL, matched with a service; beside snmptrapd, which writes a line to a file.
 *
 *     npm run bench traps -- --traps 100000 --seconds 6 --rates 10000,15000,20000,40000
 */
import { execFile } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { figureIn, isInstalled, peersFolder, runPeer } from './peers';
import { BenchProgram, printTable, sleep, until } from './program';

const run = promisify(execFile);
const LINK_DOWN = '1.3.6.1.6.3.1.1.5.3';
const PEER = 'snmptrapd/bench_b_traps.sh';

type Usages = ReturnType<BenchProgram['usage']>;

export interface Outcome {
  sent: number;
  stored: number;
  /** What the program says it lost, in the kernel included. */
  counted: number;
  storedPerSecond: number;
  /** CPU seconds for 1,000 traps, of each part. */
  cpu: { program: number; postgres: number; redis: number };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      traps: { type: 'string', default: '100000' },
      seconds: { type: 'string', default: '6' },
      'no-peer': { type: 'boolean', default: false },
      rates: { type: 'string', default: '10000,15000,20000,40000' },
    },
  });
  const rates = values.rates.split(',').map(Number);
  const [traps, seconds] = [Number(values.traps), Number(values.seconds)];
  const folder = peersFolder();
  if (!isInstalled('gcc')) throw new Error('the generator trapblast needs gcc and make to be built');
  const rows: [string, string][] = [];
  for (const rate of [0, ...rates]) {
    const count = rate === 0 ? traps : rate * seconds;
    const name = rate === 0 ? `flood of ${traps}` : `${rate}/s for ${seconds} s`;
    if (!values['no-peer']) rows.push([`${name}, snmptrapd`, peerText(measurePeer(count, rate))]);
    rows.push([`${name}, monscale`, textOf(await measureTraps(folder, count, rate))]);
  }
  printTable('traps: lost, stored/s from the first sent to the last stored, CPU s per 1,000', rows);
}

/** @param rate traps a second; 0: as fast as they can be sent */
export const measurePeer = (count: number, rate: number): string | undefined =>
  runPeer(PEER, ['log', count, rate], ['snmptrapd', 'gcc']);

/** The same, by this program. @param folder the peers' */
export async function measureTraps(folder: string, count: number, rate: number): Promise<Outcome> {
  const trapblast = join(folder, 'common/bin/trapblast');
  const port = await freeUdpPort();
  const program = await BenchProgram.start({
    MONSCALE_TRAP_PORT: String(port),
    MONSCALE_SPOOL_DIR: mkdtempSync(join(tmpdir(), 'monscale-spool-')),
  });
  try {
    await program.post('/api/v1/sources', { name: 'snmp', format: 'snmp', params: {} });
    await program.post('/api/v1/services', {
      name: 'links',
      metrics: { down: { type: 'alert', params: { match: { trap_oid: LINK_DOWN } } } },
      condition: 'down > 0',
    });
    await sleep(4_000);
    const send = (...args: number[]) => run(trapblast, ['127.0.0.1', ...[port, ...args].map(String)]);
    await send(2_000, 2_000);
    await settled(program);
    const before = await figures(program);
    const usageBefore = program.usage();
    const begin = performance.now();
    const { stdout } = await send(count, rate);
    const sent = figureIn(stdout, 'sent') ?? 0;
    const doneAt = await settled(program);
    const after = await figures(program);
    const stored = after.stored - before.stored;
    return {
      sent,
      stored,
      counted: after.lost - before.lost,
      storedPerSecond: (stored * 1000) / (doneAt - begin),
      cpu: perThousand(program.usage(), usageBefore, stored),
    };
  } finally {
    await program.stop();
  }
}

/** When the last was committed: none came for a while, and everything was matched and evaluated. */
async function settled(program: BenchProgram): Promise<number> {
  let committed = -1;
  let since = performance.now();
  while (performance.now() - since < 2_500) {
    const now = await program.metric('monscale_alerts_received_total');
    if (now !== committed) [committed, since] = [now, performance.now()];
    await sleep(100);
  }
  await until(async () => (await figures(program)).unmatched === 0, 'every alert is matched');
  return since;
}

/** Rows, not what the program says of them. */
async function figures(program: BenchProgram) {
  const { rows } = await program.sql.query<{ stored: string; unmatched: string }>(
    'SELECT count(*) AS stored, count(*) FILTER (WHERE processed < revision) AS unmatched FROM alerts',
  );
  const lost =
    (await program.metric('monscale_trap_drops_total')) +
    (await program.metric('monscale_alerts_refused_total'));
  return { stored: Number(rows[0]!.stored), unmatched: Number(rows[0]!.unmatched), lost };
}

function perThousand(after: Usages, before: Usages, count: number): Outcome['cpu'] {
  const of = (part: keyof Usages) => ((after[part].cpuSeconds - before[part].cpuSeconds) * 1000) / count;
  return { program: of('program'), postgres: of('postgres'), redis: of('redis') };
}

function textOf({ sent, stored, counted, storedPerSecond, cpu }: Outcome): string {
  const uncounted = sent - stored - counted;
  const all = cpu.program + cpu.postgres + cpu.redis;
  const parts = `(program ${cpu.program.toFixed(3)}, PostgreSQL ${cpu.postgres.toFixed(3)})`;
  const claim = uncounted === 0 ? '' : `, ${uncounted} NOT COUNTED`;
  return `${line(sent - stored, sent, storedPerSecond, all)} ${parts}${claim}`;
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

if (require.main === module) void main();
