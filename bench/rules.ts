/**
 * The rule engine by itself, on one core: evaluations with hold, wisdom and guards, a week simulated, and beside them
 * Prometheus with a rule for each series, in the same run where it is installed.
 *
 *     npm run bench rules [-- --peers bench/peers]
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compileCondition } from '../src/engine/condition';
import { evaluate, initialState } from '../src/engine/evaluate';
import { Timeline, Simulation } from '../src/engine/simulate';
import type { Observation, Rule, State } from '../src/engine/types';
import { framesOfPoints, type Points } from '../src/engine/frames';
import { printTable } from './program';

const RULES = 10_000;
const SECONDS = 3;
const PROMETHEUS_RULES = 1_000;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { values: options } = parseArgs({
  options: { peers: { type: 'string', default: resolve('..', 'shared', 'peers') } },
});

/** 10,000 rules of their own, as 10,000 services are. */
function rulesOf(count: number): Rule[] {
  return Array.from({ length: count }, (_, index) => {
    const condition = compileCondition(`cpu > ${80 + (index % 10)} && nodes < 8`, ['cpu', 'nodes']);
    return {
      key: 'k',
      enabled: true,
      condition: (values) => condition(values).truth,
      holdMs: 60_000,
      wisdomMs: 300_000,
      repeat: true,
      missingData: 'hold',
      intervalMs: 10_000,
      mode: 'auto',
      scaling: {
        infrastructure: 'web',
        direction: 'up',
        minNodes: 1,
        maxNodes: 8,
        wisdomMs: 60_000,
        maxDirectionChanges: 6,
        wish: ({ effective }) => effective + 1,
      },
    };
  });
}

/** Evaluations a second: every rule in turn, `share` of the values in breach, time going on by 10 s a round. */
function evaluationsPerSecond(share: number): number {
  const rules = rulesOf(RULES);
  const states: State[] = rules.map((rule) => initialState(rule, 0));
  const capacity = { known: true, current: 3, inFlight: 0 } as const;
  const observations: Observation[] = rules.map((_, index) => ({
    values: { cpu: index < RULES * share ? 95 : 50, nodes: 3 },
    errors: {},
    killSwitch: false,
    capacity,
  }));
  let done = 0;
  const begun = performance.now();
  for (let now = 0; performance.now() - begun < SECONDS * 1000; now += 10_000) {
    for (let index = 0; index < RULES; index++) {
      const outcome = evaluate(rules[index]!, states[index]!, observations[index]!, now);
      if (outcome.needs) throw new Error('the capacity is given');
      states[index] = outcome.state;
    }
    done += RULES;
  }
  return (done * 1000) / (performance.now() - begun);
}

/** A week at 10 s with a window, in milliseconds; and what memory is left over, in MB. */
function week(): { milliseconds: number; megabytes: number; evaluations: number } {
  const points: Points = Array.from({ length: 60_480 }, (_, index) => [
    index * 10_000,
    index % 500 === 0 ? null : 50 + 40 * Math.sin(index / 300) + (index % 7),
  ]);
  const begun = performance.now();
  const simulation = new Simulation(rulesOf(1)[0]!, {
    windows: [{ metric: 'cpu', window: { function: 'avg', seconds: 300 } }],
    nodes: 2,
    countingMetrics: ['nodes'],
  });
  const timeline = new Timeline();
  const roles = { points: new Map([['cpu', points]]), polledMetrics: ['cpu'], alertMetrics: [] };
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  let evaluations = 0;
  for (const { at, readings } of framesOfPoints(roles, { from: 0, to: points.at(-1)![0], everyMs: 10_000 })) {
    timeline.add(simulation.step(at, readings));
    evaluations++;
  }
  const milliseconds = performance.now() - begun;
  collectGarbage();
  return { milliseconds, megabytes: (process.memoryUsage().heapUsed - before) / 1e6, evaluations };
}

/** Series evaluated per second of Prometheus's evaluation time, by the peers' own script; undefined where it is not. */
function prometheusPerSecond(): number | undefined {
  if (!existsSync(join(options.peers, 'prometheus')) || !existsSync('/usr/bin/prometheus')) return undefined;
  // It writes beside itself.
  const folder = mkdtempSync(join(tmpdir(), 'peers-'));
  try {
    cpSync(options.peers, folder, { recursive: true });
    const script = join(folder, 'prometheus', 'bench_c_rules.sh');
    const line = execFileSync('bash', [script, String(PROMETHEUS_RULES), 'perseries', '0', '20'], {
      encoding: 'utf8',
      timeout: 180_000,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    process.stdout.write(`${line.trim()}\n`);
    return Number(/series_evals\/s_of_eval_time=([\d.]+)/.exec(line)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function main(): void {
  evaluationsPerSecond(0.5);
  const rates = [0, 0.01, 1].map((share) => [share, evaluationsPerSecond(share)] as const);
  week();
  const { milliseconds, megabytes, evaluations } = week();
  const peer = prometheusPerSecond();
  printTable('rule engine, one core', [
    ...rates.map(([share, rate]) => [`evaluations/s, ${share * 100} % in breach`, rate] as const),
    ['a week at 10 s simulated, ms', milliseconds],
    ['  evaluations in it', evaluations],
    ['  memory left over, MB', megabytes],
    ...(peer === undefined
      ? []
      : ([
          ['Prometheus, a rule per series, evaluations/s', peer],
          ['ratio, 1 % in breach', rates[1]![1] / peer],
        ] as const)),
  ]);
  if (peer === undefined) process.stdout.write('Prometheus is not installed here: no ratio\n');
}

main();
