/**
 * Alerts beside Alertmanager and snmptrapd, in one run and one table. Over HTTP the same `wrk` script posts to both, in
 * turn, over 32 connections: here each alert is committed before its answer, matched with the rules and kept; there
 * nothing is durable.
 *
 *     npm run bench peers-intake -- --seconds 8 --rows posts,traps,one,burst,labels
 */
import { parseArgs } from 'node:util';
import { figureIn, isInstalled, peersFolder, runPeer } from './peers';
import { measureBurst } from './actions';
import { measureOneByOne } from './alert-to-action';
import { measureLabels } from './labels';
import { ADMIN_TOKEN, BenchProgram, printTable, until } from './program';
import { measurePeer, measureTraps } from './traps';
import { postByWrk, type Posts } from './wrk';

const WARM_UP_SECONDS = 2;
/** Of the warm-up, where all are to be new afterwards; a thousand are seen again. */
const OTHER_KEYS = 500_000_000;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '8' },
      batches: { type: 'string', default: '1,100' },
      modes: { type: 'string', default: 'refresh,uniq' },
      rows: { type: 'string', default: 'posts,traps,one,burst,labels' },
    },
  });
  const folder = peersFolder();
  if (!isInstalled('wrk')) throw new Error('wrk is needed: bench/peers/install.sh brings it');
  const seconds = Number(values.seconds);
  const wanted = new Set(values.rows.split(','));
  const rows: Row[] = [];
  if (wanted.has('posts')) {
    for (const batch of values.batches.split(',').map(Number)) {
      for (const mode of values.modes.split(',') as Posts['mode'][])
        rows.push(...(await compare(batch, mode, seconds)));
    }
  }
  if (wanted.has('traps')) rows.push(...(await traps(folder)));
  if (wanted.has('one')) rows.push(...(await oneByOne()));
  if (wanted.has('burst')) rows.push(await burst());
  if (wanted.has('labels')) rows.push(await labels());
  printTable(
    'alerts: monscale | peer | ratio',
    rows.map(({ work, ours, theirs, unit }) => [work, rowText(ours, theirs, unit)]),
  );
}

/** A line of the table. */
interface Row {
  work: string;
  ours: number;
  theirs?: number;
  unit: string;
}

function rowText(ours: number, theirs: number | undefined, unit: string): string {
  const text = (figure: number) => `${figure < 100 ? figure.toFixed(1) : Math.round(figure)} ${unit}`;
  return theirs === undefined
    ? text(ours)
    : [text(ours), text(theirs), (ours / theirs).toFixed(2)].join(' | ');
}

const TRAP_SECONDS = 6;
const TRAP_RATES = [10_000, 20_000, 30_000, 40_000];
const FLOOD = 100_000;

/** The highest rate of which nothing is lost, and what a flood loses. */
async function traps(folder: string): Promise<Row[]> {
  const lossFree = { ours: 0, theirs: 0 };
  for (const rate of TRAP_RATES) {
    const { sent, stored } = await measureTraps(folder, rate * TRAP_SECONDS, rate);
    if (stored === sent) lossFree.ours = rate;
    if (figureIn(measurePeer(rate * TRAP_SECONDS, rate), 'lost') === 0) lossFree.theirs = rate;
  }
  const flood = await measureTraps(folder, FLOOD, 0);
  const peer = measurePeer(FLOOD, 0);
  const lostThere = (100 * (figureIn(peer, 'lost') ?? NaN)) / (figureIn(peer, 'sent') ?? NaN);
  return [
    { work: `traps, highest of ${TRAP_RATES.join(', ')} a second without loss`, ...lossFree, unit: '/s' },
    {
      work: `flood of ${FLOOD} traps: lost`,
      ours: (100 * (flood.sent - flood.stored)) / flood.sent,
      theirs: lostThere,
      unit: '%',
    },
  ];
}

async function oneByOne(): Promise<Row[]> {
  const { p50, p99, peer } = await measureOneByOne(500);
  const work = 'one alert to its webhook';
  return [
    { work: `${work}, p50`, ours: p50, theirs: peer?.p50, unit: 'ms' },
    { work: `${work}, p99`, ours: p99, theirs: peer?.p99, unit: 'ms' },
  ];
}

async function burst(): Promise<Row> {
  const { perSecond, peer } = await measureBurst(5_000, '2');
  return {
    work: 'burst of 5,000 breaches to their webhooks',
    ours: perSecond,
    theirs: peer,
    unit: 'webhooks/s',
  };
}

async function labels(): Promise<Row> {
  const { p99 } = await measureLabels(100_000, 1_000, 20);
  return {
    work: '1,000 alerts a second over 100,000 services, receipt to decision: p99 at most',
    ours: p99,
    unit: 'ms',
  };
}

async function compare(batch: number, mode: Posts['mode'], seconds: number): Promise<Row[]> {
  // Many small requests share commits best in one process; the reading of large ones is worth another core.
  const processes = batch < 10 ? '1' : '2';
  const program = await BenchProgram.start({ MONSCALE_API_PROCESSES: processes });
  try {
    await program.post('/api/v1/services', {
      name: 'asking',
      metrics: { outage: { type: 'alert', params: { match: { alertname: 'NotThisOne' } } } },
      condition: 'outage == 1',
    });
    const warmUp = { seconds: WARM_UP_SECONDS, after: mode === 'uniq' ? OTHER_KEYS : 0 };
    postByWrk(program.url, ADMIN_TOKEN, { batch, mode, ...warmUp });
    const before = program.usage();
    const line = postByWrk(program.url, ADMIN_TOKEN, { batch, mode, seconds });
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
    const work = `POST, ${batch} alert${batch > 1 ? 's' : ''} each, ${mode === 'uniq' ? 'all new' : 'seen again'}`;
    printTable(work, [
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
    ]);
    const p99 = figureIn(peerLine, 'p99_ms');
    return [
      { work, ours: rate, theirs: peer, unit: 'alerts/s' },
      { work: `${work}: p99`, ours: figureIn(line, 'p99_ms') ?? NaN, theirs: p99, unit: 'ms' },
      { work: `${work}: memory`, ours: pss, theirs: figureIn(peerLine, 'rss_after'), unit: 'MB' },
    ];
  } finally {
    await program.stop();
  }
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
