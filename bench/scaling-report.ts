/** What was predicted beside what was measured, point by point. */
import { COSTS, DISK, PARTS, type Driver, type Part } from '../src/cli/sizing-costs';
import { doneAt, type Point } from './scaling-points';
import type { Taken } from './scaling-run';

/** Less is not compared: it is what the calculator rounds to, and what idle processes differ by. */
const CORES = 0.05;
/** Of roll-ups, which are measured by themselves, and are spread over five minutes. */
const ROLL_UPS_CORES = 0.001;
const WAL = 20_000;
const ROWS = 5_000;
/** By how much a prediction may be off. */
const OFF = 0.25;
const PROGRAM: readonly Part[] = PARTS.filter((part) => part !== 'postgresql' && part !== 'redis');

export interface Measured {
  point: Point;
  taken: Taken;
}

interface Compared {
  what: string;
  predicted: number;
  measured: number;
}

/** Prints all that can be compared; of what no cost was fitted on, how much of it is off by more than it may. */
export function report(all: readonly Measured[]): void {
  let [compared, off] = [0, 0];
  for (const one of all) {
    const { point, taken } = one;
    console.log(
      `\n${point.name}${point.fits ? ' (fitted on)' : ''}${taken.done < 0.99 ? `, ${(100 * taken.done).toFixed(1)} % DONE` : ''}`,
    );
    for (const { what, predicted, measured } of comparisonsOf(one)) {
      const ratio = predicted / measured;
      const isOff = Math.abs(ratio - 1) > OFF;
      if (!point.fits) [compared, off] = [compared + 1, off + Number(isOff)];
      console.log(
        `  ${what.padEnd(34)}${text(predicted).padStart(10)}${text(measured).padStart(10)}${ratio.toFixed(2).padStart(7)}${isOff ? ' *' : ''}`,
      );
    }
  }
  console.log(
    `\nof ${compared} figures of points that no cost was fitted on, ${off} are off by more than ${100 * OFF} %`,
  );
}

function comparisonsOf({ point, taken }: Measured): Compared[] {
  const done = Object.entries(doneAt(point)) as [Driver, number][];
  const coresOf = (parts: readonly Part[]) => ({
    predicted: done.reduce(
      (sum, [driver, times]) =>
        sum + parts.reduce((all, part) => all + times * (COSTS[driver].micros[part] ?? 0), 0) / 1e6,
      0,
    ),
    measured: parts.reduce((sum, part) => sum + taken.cores[part], 0),
  });
  const wal = done.reduce((sum, [driver, times]) => sum + times * (COSTS[driver].wal ?? 0), 0);
  const cores = [
    { what: 'program, cores', ...coresOf(PROGRAM) },
    ...PROGRAM.map((part) => ({ what: `  ${part}`, ...coresOf([part]) })),
    { what: 'PostgreSQL, cores', ...coresOf(['postgresql']) },
    { what: 'Redis, cores', ...coresOf(['redis']) },
  ];
  return [
    ...cores.filter(({ measured }) => measured >= (point.only === undefined ? CORES : ROLL_UPS_CORES)),
    ...[{ what: 'log, bytes/s', predicted: wal, measured: taken.walBytesPerSecond }].filter(
      ({ measured }) => measured >= WAL,
    ),
    ...rowsOf(point.load, taken.tables),
  ];
}

function rowsOf({ metrics, decidedShare }: Point['load'], tables: Taken['tables']): Compared[] {
  const { sample, step, alert, decidedAlert, decision, trigger, execution } = DISK;
  const isDecided = decidedShare > 0;
  const predicted: Record<string, number> = {
    samples: sample.row + metrics * sample.value,
    samples_5m: step.row + metrics * step.value,
    alerts: alert.row + (isDecided ? decidedAlert.row : 0),
    decisions: isDecided ? trigger.row : decision.row + metrics * decision.value,
    executions: execution.row,
  };
  // A change of phase by an alert is a trigger, too.
  const bytesOf = (table: string) =>
    tables[table]!.bytes + (isDecided && table === 'decisions' ? tables.triggers!.bytes : 0);
  return Object.entries(predicted)
    .filter(([table]) => (tables[table]?.rows ?? 0) >= ROWS && !(isDecided && table === 'samples'))
    .map(([table, each]) => ({
      what: `${table}, bytes a row`,
      predicted: each,
      measured: bytesOf(table) / tables[table]!.rows,
    }));
}

const text = (value: number): string => (value < 10 ? value.toFixed(3) : value.toFixed(0));
