/**
 * Every figure that has a goal, beside the peers in one run, in one table. In turns with the peer, several times; what
 * counts is the median. Takes some 25 minutes.
 *
 *     npm run bench all
 *     npm run bench all -- --runs 3 --only one,burst,posts,polls,idle
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { defineBreachable, evaluateOnce } from './breaches';
import { firstBurst, knownBursts } from './bursts';
import { figureIn, runPeer } from './peers';
import { comparePolls } from './peers-poll';
import { LATER_SECONDS, measurePosts, nameOf } from './posts';
import { BenchProgram, printTable, quantile, sleep } from './program';
import { Sink } from './sink';
import type { Posts } from './wrk';

/** Figure, and what it ought to be. */
interface Figure {
  work: string;
  value: number | undefined;
  unit: 'x' | 'ms' | 'MB' | 'kB';
  goal: number;
  /** What it has to be by all means. */
  atLeast: number;
  /** What the figure comes from. */
  from: string;
}

/** Figures of these are better the greater they are; all others the smaller. */
const GREATER = /^(burst|POST)/;

const SECTIONS: Record<string, (runs: number) => Promise<Figure[]>> = {
  one: oneByOne,
  burst: bursts,
  posts,
  polls,
  idle,
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      only: { type: 'string', default: Object.keys(SECTIONS).join() },
    },
  });
  const figures: Figure[] = [];
  for (const name of values.only.split(',')) {
    const section = SECTIONS[name];
    if (section === undefined) throw new Error(`--only knows ${Object.keys(SECTIONS).join(', ')}`);
    figures.push(...(await section(Number(values.runs))));
  }
  const { model } = cpus()[0]!;
  printTable(
    `${new Date().toISOString().slice(0, 10)}, ${cpus().length} x ${model}, Node ${process.versions.node}: figure | goal | at least | holds | from`,
    figures.map((figure) => [figure.work, textOf(figure)]),
  );
}

function textOf({ work, value, unit, goal, atLeast, from }: Figure): string {
  const sign = GREATER.test(work) ? '>=' : '<=';
  const held = (bound: number): boolean =>
    value !== undefined && (sign === '>=' ? value >= bound : value <= bound);
  const holds = held(goal) ? 'goal' : held(atLeast) ? 'yes' : value === undefined ? '-' : 'NO';
  return [
    value === undefined ? '-' : `${value.toFixed(2)} ${unit}`,
    `${sign} ${goal}`,
    `${sign} ${atLeast}`,
    holds,
    from,
  ].join(' | ');
}

const median = (values: readonly number[]): number => quantile(values, 0.5);
const range = (values: readonly number[], digits = 2): string =>
  values.length === 0
    ? '-'
    : `${Math.min(...values).toFixed(digits)} to ${Math.max(...values).toFixed(digits)}`;

/** Returns the median of what pairs of figures are to each other; undefined where the peer could not be run. */
function ratio(ours: readonly number[], theirs: readonly (number | undefined)[]): number | undefined {
  const ratios = ours.flatMap((one, n) => (theirs[n] === undefined ? [] : [one / theirs[n]]));
  return ratios.length === 0 ? undefined : median(ratios);
}

const inverse = (value: number | undefined): number | undefined =>
  value === undefined ? undefined : 1 / value;

const present = (values: readonly (number | undefined)[]): number[] =>
  values.filter((one) => one !== undefined);

const ALERTS = 500;
const PAUSE_MS = 10;
/** Quiet time before an alert, longer than targets' connections stay open without use. */
const QUIET_MS = 15_000;
const PEER_LATENCY = 'prometheus/bench_d_latency.sh';

/** One alert at a time, to its webhook. */
async function oneByOne(runs: number): Promise<Figure[]> {
  const ours = { p50: [] as number[], p99: [] as number[] };
  const theirs = { p50: [] as (number | undefined)[], p99: [] as (number | undefined)[] };
  const first = { quiet: [] as number[], restart: [] as number[], change: [] as number[] };
  const sink = await Sink.start();
  const program = await BenchProgram.start();
  try {
    const names = await defineBreachable(program, runs * (ALERTS + 3), sink);
    await evaluateOnce(program, names);
    const next = async (): Promise<number> => {
      const name = names.pop()!;
      const sentAt = performance.now();
      await program.post('/api/v1/alerts', { labels: { name } });
      return (await sink.arrival(name)) - sentAt;
    };
    const some = async (count: number): Promise<number[]> => {
      const took: number[] = [];
      for (let n = 0; n < count; n++) {
        took.push(await next());
        await sleep(PAUSE_MS);
      }
      return took;
    };
    for (let run = 0; run < runs; run++) {
      // The first ones warm up code and connections.
      const took = (await some(ALERTS)).slice(ALERTS / 10);
      ours.p50.push(median(took));
      ours.p99.push(quantile(took, 0.99));
      await sleep(QUIET_MS);
      first.quiet.push(await next());
      await program.patch('/api/v1/services/template', { description: `run ${run}` });
      first.change.push(await next());
      await program.restart();
      first.restart.push(await next());
      const line = runPeer(PEER_LATENCY, ['am', ALERTS, PAUSE_MS], ['prometheus-alertmanager']);
      theirs.p50.push(figureIn(line, 'p50_ms'));
      theirs.p99.push(figureIn(line, 'p99_ms'));
    }
  } finally {
    await program.stop();
    sink.stop();
  }
  const from = (quantity: 'p50' | 'p99') =>
    `${range(ours[quantity])} ms beside ${range(present(theirs[quantity]))}`;
  const firsts = (kind: keyof typeof first): Omit<Figure, 'work'> => ({
    value: median(first[kind]),
    unit: 'ms',
    goal: 5,
    atLeast: 8,
    from: `${range(first[kind])} ms`,
  });
  return [
    {
      work: 'one alert to its webhook, p50 beside Alertmanager',
      value: ratio(ours.p50, theirs.p50),
      unit: 'x',
      goal: 2.2,
      atLeast: 3,
      from: from('p50'),
    },
    {
      work: 'one alert to its webhook, p99 beside Alertmanager',
      value: ratio(ours.p99, theirs.p99),
      unit: 'x',
      goal: 1.5,
      atLeast: 3,
      from: from('p99'),
    },
    { work: `the first after ${QUIET_MS / 1000} s of nothing`, ...firsts('quiet') },
    { work: 'the first after a restart', ...firsts('restart') },
    { work: 'the first after a change of rules', ...firsts('change') },
  ];
}

const BURST = 5_000;
const PROCESSES = '2';

/** Bursts of breaches to their webhooks, by two processes. */
async function bursts(runs: number): Promise<Figure[]> {
  const { runs: ours, peers } = await knownBursts(BURST, PROCESSES, runs);
  const cold: number[] = [];
  for (let run = 0; run < runs; run++) cold.push((await firstBurst(BURST, PROCESSES)).perSecond);
  const rates = ours.map(({ perSecond }) => perSecond);
  const cpu = ours.map(({ cpuUs }) => cpuUs);
  const wal = ours.map(({ walKb }) => walKb);
  const theirs = { rate: peers.map((one) => one?.perSecond), cpu: peers.map((one) => one?.cpuUs) };
  const work = `burst of ${BURST} breaches to their webhooks`;
  return [
    {
      work: `${work}, warm, beside Alertmanager`,
      value: ratio(rates, theirs.rate),
      unit: 'x',
      goal: 1,
      atLeast: 0.85,
      from: `${range(rates, 0)}/s beside ${range(present(theirs.rate), 0)}`,
    },
    {
      work: `${work}, Alertmanager's CPU beside ours`,
      value: inverse(ratio(cpu, theirs.cpu)),
      unit: 'x',
      goal: 1,
      atLeast: 0.85,
      from: `${range(cpu, 0)} us each beside ${range(present(theirs.cpu), 0)}`,
    },
    {
      work: `${work}, new program, rules never seen, beside its own warm`,
      value: median(cold) / median(rates),
      unit: 'x',
      goal: 0.8,
      atLeast: 0.65,
      from: `${range(cold, 0)}/s`,
    },
    {
      work: 'write-ahead log a breach',
      value: median(wal),
      unit: 'kB',
      goal: 4,
      atLeast: 4.5,
      from: `${range(wal)} kB`,
    },
  ];
}

const POST_SECONDS = 4;
/** Number of new alerts after which memory is looked at. */
const MANY_ALERTS = 700_000;

/** Alerts posted in masses by a source that has its own token. */
async function posts(runs: number): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const [batch, mode, goal, atLeast] of [
    [1, 'uniq', 1, 0.75],
    [1, 'refresh', 1.2, 1],
    [100, 'uniq', 1.5, 1.2],
    [100, 'refresh', 2, 1.5],
  ] as const) {
    figures.push(...(await postsOf({ batch, mode, seconds: POST_SECONDS }, runs, { goal, atLeast })));
  }
  return figures;
}

async function postsOf(
  work: Posts,
  runs: number,
  bounds: Pick<Figure, 'goal' | 'atLeast'>,
): Promise<Figure[]> {
  const isMany = work.mode === 'uniq' && work.batch > 1;
  const { runs: all, pssMbAfter, pssMbLater } = await measurePosts(work, runs, isMany ? MANY_ALERTS : 0);
  const ours = { rate: all.map(({ perSecond }) => perSecond), cpu: all.map(({ cpuUsEach }) => cpuUsEach) };
  const theirs = {
    rate: all.map(({ peer }) => peer?.perSecond),
    cpu: all.map(({ peer }) => peer?.cpuUsEach),
  };
  const cpuText = `CPU ${range(ours.cpu, 1)} us an alert beside ${range(present(theirs.cpu), 1)}`;
  return [
    {
      work: `${nameOf(work)}, beside Alertmanager`,
      value: ratio(ours.rate, theirs.rate),
      unit: 'x',
      ...bounds,
      from: `${range(ours.rate, 0)}/s beside ${range(present(theirs.rate), 0)}; ${cpuText}`,
    },
    ...(
      [
        ['', pssMbAfter],
        [`, ${LATER_SECONDS} s later`, pssMbLater],
      ] as const
    ).flatMap(([when, value]) =>
      value === undefined
        ? []
        : [
            {
              work: `memory after ${MANY_ALERTS} new alerts or more, two processes${when}`,
              value,
              unit: 'MB' as const,
              goal: 400,
              atLeast: 500,
              from: 'PSS of the whole tree',
            },
          ],
    ),
  ];
}

const POLL_SECONDS = 20;

/** Polls beside Zabbix, and beside snmp_exporter with Prometheus, by CPU a value. */
async function polls(): Promise<Figure[]> {
  const { sparse, dense } = await comparePolls(POLL_SECONDS);
  const of = (
    work: string,
    [ours, theirs]: [number, number | undefined],
    bounds: Pick<Figure, 'goal' | 'atLeast'>,
  ): Figure => ({
    work,
    value: theirs === undefined ? undefined : ours / theirs,
    unit: 'x',
    ...bounds,
    from: `${ours.toFixed(4)} CPU s per 1,000 values beside ${theirs?.toFixed(4) ?? '-'}`,
  });
  return [
    of('polls, 10,000 services of one object on 1,000 agents, beside Zabbix', [sparse.ofOne, sparse.peer], {
      goal: 0.8,
      atLeast: 1,
    }),
    of('polls, 1,000 services of 10, beside Zabbix', [sparse.ofTen, sparse.peer], {
      goal: 0.4,
      atLeast: 0.45,
    }),
    of('polls, 1,000 services of 100, beside snmp_exporter and Prometheus', [dense.ours, dense.peer], {
      goal: 0.25,
      atLeast: 0.3,
    }),
  ];
}

const IDLE_SECONDS = 30;

/** What the whole tree holds when it has nothing to do. */
async function idle(): Promise<Figure[]> {
  const program = await BenchProgram.start();
  try {
    await sleep(IDLE_SECONDS * 1000);
    return [
      {
        work: 'idle, whole tree',
        value: program.pssMb(),
        unit: 'MB',
        goal: 110,
        atLeast: 140,
        from: `PSS after ${IDLE_SECONDS} s`,
      },
    ];
  } finally {
    await program.stop();
  }
}

void main();
