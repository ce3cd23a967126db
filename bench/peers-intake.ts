/**
 * Alerts beside Alertmanager and snmptrapd, in one run and one table. Over HTTP the same `wrk` script posts to both, in
 * turn, over 32 connections: here each alert is committed before its answer, matched with the rules and kept; there
 * nothing is durable.
 *
 *     npm run bench peers-intake -- --seconds 8 --rows posts,traps,one,burst,labels
 */
import { parseArgs } from 'node:util';
import { figureIn, isInstalled, peersFolder } from './peers';
import { measureBurst } from './actions';
import { measureOneByOne } from './alert-to-action';
import { measureLabels } from './labels';
import { measurePosts, nameOf } from './posts';
import { printTable } from './program';
import { measurePeer, measureTraps } from './traps';
import type { Posts } from './wrk';

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
  const posts: Posts = { batch, mode, seconds };
  const work = nameOf(posts);
  const { runs, kept, pssMb } = await measurePosts(posts, 1);
  const { peer, ...ours } = runs[0]!;
  printTable(work, [
    ['alerts/s', ours.perSecond],
    ['p50, p99, ms', `${ours.p50Ms}, ${ours.p99Ms}`],
    ['answers that are no 2xx', ours.refused ?? NaN],
    ['alerts kept', kept],
    ['CPU s of the whole tree', ours.cpuSeconds],
    ['of it PostgreSQL', ours.postgresCpuSeconds],
    ['PSS of the whole tree, MB', pssMb],
    ['Alertmanager: alerts/s', peer?.perSecond ?? '-'],
    ['Alertmanager: p50, p99, ms', `${peer?.p50Ms}, ${peer?.p99Ms}`],
    ['Alertmanager: CPU s, RSS MB', `${peer?.cpuSeconds}, ${peer?.rssMb}`],
    ['ratio of alerts/s', peer === undefined ? '-' : ours.perSecond / peer.perSecond],
  ]);
  return [
    { work, ours: ours.perSecond, theirs: peer?.perSecond, unit: 'alerts/s' },
    { work: `${work}: p99`, ours: ours.p99Ms ?? NaN, theirs: peer?.p99Ms, unit: 'ms' },
    { work: `${work}: memory`, ours: pssMb, theirs: peer?.rssMb, unit: 'MB' },
  ];
}

void main();
