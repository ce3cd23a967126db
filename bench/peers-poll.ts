/**
 * Polls beside the peers, each in turn on the same simulated agents, in one table: dense beside snmp_exporter and
 * Prometheus, sparse beside Zabbix; then very many services, and what a value costs as they become more.
 *
 *     npm run bench peers-poll -- --seconds 20 --rows dense,sparse,many,sizes
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { figureIn, peersFolder, runPeer } from './peers';
import { measurePolls, type Polls, type Setting } from './poll';
import { printTable } from './program';

const AGENTS = 1_000;
const PHASES_CHANGING = 0.01;

/** A line of the table: what was stored a second, of what was due, and what a thousand values cost. */
interface Row {
  work: string;
  perSecond: number;
  /** Share of the due polls. */
  done?: number;
  cpuPerThousand: number;
  cores?: number;
  pssMb?: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '20' },
      rows: { type: 'string', default: 'dense,sparse,many,sizes' },
    },
  });
  const seconds = Number(values.seconds);
  const wanted = new Set(values.rows.split(','));
  const rows: Row[] = [];
  if (wanted.has('dense')) rows.push(...(await dense(seconds)));
  if (wanted.has('sparse')) rows.push(...(await sparse(seconds)));
  if (wanted.has('many')) rows.push(await many());
  if (wanted.has('sizes')) rows.push(...(await sizes(seconds)));
  printTable(
    'polls: values/s | done of due | CPU s per 1,000 values | cores | PSS, MB',
    rows.map((row) => [row.work, textOf(row)]),
  );
}

/** 100 objects of each agent every second; a service has as many metrics as it asks objects. */
async function dense(seconds: number): Promise<Row[]> {
  const line = denseByPeer(seconds);
  const ours = await polls({ services: AGENTS, metrics: 100, interval: 1, seconds });
  return [
    ...peerRow('dense: snmp_exporter and Prometheus', line),
    rowOf('dense: monscale, 1,000 services of 100', ours),
  ];
}

/** 10 objects of each agent every second. */
async function sparse(seconds: number): Promise<Row[]> {
  const line = sparseByPeer(seconds);
  const one = await polls({ services: AGENTS, metrics: 10, interval: 1, seconds });
  const ten = await polls({ services: 10 * AGENTS, metrics: 1, interval: 1, seconds });
  return [
    ...peerRow('sparse: Zabbix', line),
    rowOf('sparse: monscale, 1,000 services of 10', one),
    rowOf('sparse: monscale, 10,000 services of 1', ten),
  ];
}

const denseByPeer = (seconds: number): string | undefined =>
  runPeer(
    'prometheus/bench_a_snmp.sh',
    [AGENTS, 100, 'walk', seconds],
    ['prometheus', 'prometheus-snmp-exporter'],
  );

const ZABBIX_POLLERS = 60;

function sparseByPeer(seconds: number): string | undefined {
  spawnSync('bash', [join(peersFolder(), 'zabbix/setup.sh')], { stdio: 'ignore' });
  return runPeer('zabbix/bench_a_snmp.sh', [AGENTS, 10, 1, ZABBIX_POLLERS, seconds], ['zabbix_server']);
}

/** CPU seconds per 1,000 values; undefined where a peer can't be run. */
export interface ComparedPolls {
  /** 10 objects of each agent every second: services of one object, of ten, and Zabbix. */
  sparse: { ofOne: number; ofTen: number; peer: number | undefined };
  /** 100 objects of each: snmp_exporter and Prometheus. */
  dense: { ours: number; peer: number | undefined };
}

/** Polls the same agents by this program and by its peers, in turn. Prints its tables. */
export async function comparePolls(seconds: number): Promise<ComparedPolls> {
  const cost = (line: string | undefined) => figureIn(line, 'cpu_s/1000values');
  const ours = async (services: number, metrics: number) =>
    (await polls({ services, metrics, interval: 1, seconds })).cpuPerThousand;
  return {
    sparse: {
      peer: cost(sparseByPeer(seconds)),
      ofOne: await ours(10 * AGENTS, 1),
      ofTen: await ours(AGENTS, 10),
    },
    dense: { peer: cost(denseByPeer(seconds)), ours: await ours(AGENTS, 100) },
  };
}

async function many(): Promise<Row> {
  const ours = await polls({
    services: 100_000,
    metrics: 1,
    interval: 60,
    seconds: 60,
    changing: PHASES_CHANGING,
  });
  return rowOf('100,000 services every 60 s, 1 % changing phase a minute', ours);
}

/** The same number of values a second from ten times as many services, asked a tenth as often. */
async function sizes(seconds: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [services, interval] of [
    [1_000, 1],
    [10_000, 10],
    [100_000, 100],
  ] as const) {
    const ours = await polls({ services, metrics: 1, interval, seconds: Math.max(seconds, interval / 2) });
    rows.push(rowOf(`${services} services every ${interval} s`, ours));
  }
  return rows;
}

const polls = (setting: Omit<Setting, 'hosts' | 'changing'> & { changing?: number }): Promise<Polls> =>
  measurePolls({ hosts: AGENTS, changing: 0, ...setting });

const rowOf = (work: string, ours: Polls): Row => ({ work, ...ours });

function peerRow(work: string, line: string | undefined): Row[] {
  const perSecond = figureIn(line, 'got/s');
  const cpuPerThousand = figureIn(line, 'cpu_s/1000values');
  if (perSecond === undefined || cpuPerThousand === undefined) return [];
  const asked = figureIn(line, 'asked/s');
  const [program, store] = [figureIn(line, 'zbx_pss_mb'), figureIn(line, 'pg_pss_mb')];
  const [prometheus, exporter] = [figureIn(line, 'prom_rss'), figureIn(line, 'exporter_rss')];
  const parts = [program, store, prometheus, exporter].flatMap((part) => part ?? []);
  return [
    {
      work,
      perSecond,
      done: asked === undefined ? undefined : perSecond / asked,
      cpuPerThousand,
      cores: (perSecond * cpuPerThousand) / 1000,
      pssMb: parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0),
    },
  ];
}

function textOf({ perSecond, done, cpuPerThousand, cores, pssMb }: Row): string {
  return [
    Math.round(perSecond),
    done === undefined ? '-' : `${(100 * done).toFixed(2)} %`,
    cpuPerThousand.toFixed(4),
    cores === undefined ? '-' : cores.toFixed(2),
    pssMb === undefined ? '-' : Math.round(pssMb),
  ].join(' | ');
}

if (require.main === module) void main();
