/** Loads at which `scaling` measures: some are what costs are fitted on, the others what the fit is held against. */
import { driversOf, type Load, type Processes } from '../src/cli/sizing';
import type { Driver } from '../src/cli/sizing-costs';
import { NOTHING, ONE_EACH } from '../test/loads';

export interface Point {
  name: string;
  /** Whether costs are fitted on it. */
  fits: boolean;
  load: Load;
  processes: Processes;
  /** What is done there, where it is not all of the load. */
  only?: readonly Driver[];
  /** Seconds that are measured, after what was needed to begin. */
  seconds: number;
}

/** Without traps nobody hears them: that process looks for lost ones among all sockets, the simulated agents' too. */
const WITHOUT_TRAPS: Processes = { ...ONE_EACH, trap: 0 };
const DAY_SECONDS = 86_400;

function polls(
  fits: boolean,
  services: number,
  intervalSeconds: number,
  workers = 1,
  rest: Partial<Load> = {},
  seconds = 30,
): Point {
  const { metrics = 1, perTarget = 10, changes = 0 } = rest;
  return {
    name: [
      `polls: ${services} services`,
      ...(metrics === 1 ? [] : [`of ${metrics}`]),
      `every ${intervalSeconds} s`,
      `${perTarget} a target`,
      ...(changes === 0 ? [] : [`${changes} changes a day each`]),
      `${workers} workers`,
    ].join(', '),
    fits,
    load: { ...NOTHING, services, intervalSeconds, ...rest },
    processes: { ...WITHOUT_TRAPS, 'worker-polls': workers },
    seconds,
  };
}

function alerts(
  fits: boolean,
  perSecond: number,
  batch: number,
  rest: Partial<Load> = {},
  seconds = 25,
): Point {
  const { newShare = 1, decidedShare = 0, executions = 0 } = rest;
  return {
    name: [
      `alerts: ${perSecond}/s`,
      `${batch} a request`,
      newShare === 1 ? 'new' : newShare === 0 ? 'seen again' : `${newShare * 100} % new`,
      ...(decidedShare === 0 ? [] : ['decided']),
      ...(executions === 0 ? [] : ['executed']),
    ].join(', '),
    fits,
    load: { ...NOTHING, alerts: perSecond, batch, ...rest },
    processes: WITHOUT_TRAPS,
    seconds,
  };
}

const decided = { decidedShare: 1 };
const executed = (perSecond: number) => ({ decidedShare: 1, executions: perSecond * DAY_SECONDS });

const traps = (fits: boolean, perSecond: number): Point => ({
  name: `traps: ${perSecond}/s`,
  fits,
  load: { ...NOTHING, traps: perSecond },
  processes: ONE_EACH,
  seconds: 15,
});

const rollUps = (fits: boolean, services: number, intervalSeconds: number, metrics = 1): Point => ({
  name: `roll-ups: ${services} services, of ${metrics}, every ${intervalSeconds} s`,
  fits,
  only: ['steps', 'stepReadings', 'stepValues'],
  load: { ...NOTHING, services, intervalSeconds, metrics },
  processes: WITHOUT_TRAPS,
  seconds: 0,
});

export const POINTS: readonly Point[] = [
  { name: 'idle', fits: true, load: NOTHING, processes: ONE_EACH, seconds: 40 },
  {
    name: 'idle, 3 of each',
    fits: true,
    load: NOTHING,
    processes: { api: 3, scheduler: 3, 'worker-polls': 3, 'worker-alerts-actions': 3, trap: 1 },
    seconds: 40,
  },
  polls(true, 1_000, 60),
  polls(true, 10_000, 10),
  polls(true, 10_000, 10, 1, { perTarget: 1 }),
  polls(true, 10_000, 10, 4),
  polls(true, 1_000, 1, 1, { metrics: 20, perTarget: 1 }),
  polls(true, 100_000, 60),
  // An odd number: the simulated agents count what they tell, and a change is whether the count is even.
  polls(true, 20_000, 20, 1, { perTarget: 5, changes: 144 }),
  polls(false, 1_000, 1, 2),
  polls(false, 10_000, 4, 2),
  polls(false, 20_000, 10, 4),
  polls(false, 5_000, 10, 1, { metrics: 10, perTarget: 2 }),
  polls(false, 30_000, 30, 2, { perTarget: 3, changes: 72 }),
  polls(false, 100_000, 30, 2),
  polls(false, 100_000, 30, 4),
  polls(false, 300_000, 60, 2),

  alerts(true, 50, 1),
  alerts(true, 1_000, 1),
  alerts(true, 1_000, 1, { newShare: 0 }),
  alerts(true, 10_000, 100),
  alerts(true, 10_000, 100, { newShare: 0 }),
  alerts(true, 50, 1, decided),
  alerts(true, 1_000, 1, decided),
  alerts(true, 4_000, 100, decided),
  alerts(true, 20, 1, executed(20)),
  alerts(true, 400, 1, executed(400)),
  alerts(false, 200, 1),
  alerts(true, 3_000, 1),
  alerts(false, 6_000, 1),
  alerts(true, 3_000, 10, { newShare: 0.2 }),
  alerts(false, 20_000, 50),
  alerts(false, 300, 1, decided),
  alerts(false, 2_000, 20, decided),
  alerts(false, 100, 1, executed(100)),
  alerts(true, 800, 20, executed(800)),
  alerts(false, 2_000, 5, { newShare: 0.3 }),
  alerts(false, 500, 10, executed(500)),
  alerts(false, 1_200, 40, executed(1_200)),

  traps(true, 100),
  traps(true, 5_000),
  traps(false, 1_000),
  traps(false, 10_000),

  rollUps(true, 20_000, 10),
  rollUps(true, 20_000, 60),
  rollUps(true, 5_000, 30, 10),
  rollUps(false, 50_000, 30),
  rollUps(false, 100_000, 60),
  rollUps(false, 10_000, 20, 5),
  rollUps(false, 3_000, 60, 30),
];

/** Returns how often a second each thing is done there that costs. */
export function doneAt({ load, processes, only }: Point): Record<string, number> {
  const drivers = Object.entries(driversOf(load, processes)) as [Driver, number][];
  // Steps are made of what is ten minutes old, which no other point is.
  const counts = (driver: Driver) =>
    only === undefined ? !driver.startsWith('step') : only.includes(driver);
  return Object.fromEntries(drivers.filter(([driver]) => counts(driver)));
}
