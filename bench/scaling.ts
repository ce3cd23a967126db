/**
 * What each part of an installation takes at many loads, beside what `monscale size` says of them. All of them take an
 * hour, so what was measured is kept in a file; a point that is measured again replaces itself.
 *
 *     npm run bench scaling -- --only '^polls: 10000 '    measures some, and prints what was predicted and measured
 *     npm run bench scaling -- --report                   prints what the file has
 *     npm run bench scaling -- --fit                      prints costs, for `src/cli/sizing-costs.ts`
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { PARTS, type Driver, type Part } from '../src/cli/sizing-costs';
import { fit, residualOf, type Observation } from './scaling-fit';
import { doneAt, POINTS } from './scaling-points';
import { report, type Measured } from './scaling-report';
import { measureRollUps } from './scaling-roll-ups';
import { measure, type Taken } from './scaling-run';

/** Less than that many cores, or bytes a second, is no more told from noise. */
const CORES_FLOOR = 0.01;
const WAL_FLOOR = 5_000;
/** Roll-ups are measured by themselves, and what they take is spread over five minutes. */
const ROLL_UPS_FLOOR = 0.01;

/** What a part can be busy with; PostgreSQL and Redis with everything but questions to targets. */
const BUSY_WITH: Partial<Record<Part, readonly Driver[]>> = {
  api: ['api', 'requests', 'requestCommits', 'mixedCommits', 'alerts', 'newAlerts', 'decided'],
  scheduler: ['scheduler', 'services', 'polls', 'steps', 'stepReadings', 'stepValues'],
  'worker-polls': ['worker-polls', 'services', 'polls', 'questions', 'values', 'pollChanges'],
  'worker-alerts-actions': [
    'worker-alerts-actions',
    'decided',
    'decidedCommits',
    'executions',
    'executionCommits',
  ],
  trap: ['trap', 'traps', 'trapCommits'],
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      file: { type: 'string', default: 'scaling.json' },
      report: { type: 'boolean', default: false },
      fit: { type: 'boolean', default: false },
    },
  });
  const kept = existsSync(values.file) ? (JSON.parse(readFileSync(values.file, 'utf8')) as Taken[]) : [];
  const taken = new Map(kept.map((one) => [one.name, one]));
  const points = POINTS.filter(({ name }) => new RegExp(values.only).test(name));
  if (!values.report && !values.fit)
    for (const point of points) {
      const one = await (point.only === undefined ? measure : measureRollUps)(point);
      taken.set(point.name, one);
      writeFileSync(values.file, JSON.stringify([...taken.values()], undefined, 2));
    }
  const measured = points.flatMap((point) => {
    const one = taken.get(point.name);
    return one === undefined ? [] : [{ point, taken: one }];
  });
  if (values.fit) printCosts(measured.filter(({ point }) => point.fits));
  else report(measured);
}

/** Prints the costs that explain best what was measured, in microseconds and in bytes of the log. */
function printCosts(measured: readonly Measured[]): void {
  const costs = new Map<string, string[]>();
  let residual = 0;
  const add = (
    of: (taken: Taken) => number,
    floor: number,
    unit: number,
    text: string,
    drivers?: readonly string[],
  ) => {
    const observations = measured.map(({ point, taken }): Observation => {
      const done = Object.entries(doneAt(point)).filter(
        ([driver]) => drivers?.includes(driver) ?? driver !== 'questions',
      );
      return {
        drivers: Object.fromEntries(done),
        taken: of(taken),
        floor: point.only === undefined ? floor : floor * ROLL_UPS_FLOOR,
      };
    });
    const found = fit(observations);
    residual += residualOf(observations, found);
    for (const [driver, cost] of Object.entries(found))
      if (cost * unit >= 0.01)
        costs.set(driver, [...(costs.get(driver) ?? []), `${text}: ${Number((cost * unit).toPrecision(3))}`]);
  };
  for (const part of PARTS) add(({ cores }) => cores[part], CORES_FLOOR, 1e6, part, BUSY_WITH[part]);
  add(({ walBytesPerSecond }) => walBytesPerSecond, WAL_FLOOR, 1, 'wal');
  console.log(`sum of squares of what is left: ${residual.toFixed(3)}`);
  for (const [driver, parts] of costs) console.log(`${driver.padEnd(24)}${parts.join(', ')}`);
}

void main();
