import * as fc from 'fast-check';
import { coresOf, diskOf, sizeOf, walOf, type Load, type Processes, type Size } from './sizing';
import { NOTHING, ONE_EACH } from '../../test/loads';
import { WORKLOADS } from './sizing-costs';

const whole = (min: number, max: number) => fc.integer({ min, max });
const share = fc.double({ min: 0, max: 1, noNaN: true });
const VALUES: { [Name in keyof Load]: fc.Arbitrary<number> } = {
  services: whole(0, 10_000_000),
  intervalSeconds: whole(1, 86_400),
  metrics: whole(1, 100),
  perTarget: whole(1, 256),
  alerts: fc.double({ min: 0, max: 1_000_000, noNaN: true }),
  batch: whole(1, 10_000),
  newShare: share,
  decidedShare: share,
  traps: fc.double({ min: 0, max: 1_000_000, noNaN: true }),
  changes: fc.double({ min: 0, max: 86_400, noNaN: true }),
  executions: whole(0, 1_000_000_000),
  samplesDays: whole(1, 3_650),
  fiveMinutesDays: whole(1, 3_650),
  hoursDays: whole(1, 3_650),
  historyDays: whole(1, 3_650),
};
const LOADS: fc.Arbitrary<Load> = fc.record(VALUES);
/** What takes less the more of it there is. */
const EASING = new Set<keyof Load>(['intervalSeconds', 'perTarget', 'batch']);

/** Returns every number of a size, by its place. */
function numbersOf({ warnings, ...size }: Size): Map<string, number> {
  const numbers = new Map([['warnings', warnings.length]]);
  const walk = (place: string, value: object): void =>
    Object.entries(value).forEach(([name, one]: [string, object | number]) =>
      typeof one === 'number' ? numbers.set(`${place}/${name}`, one) : walk(`${place}/${name}`, one),
    );
  walk('', size);
  return numbers;
}

describe('the size of an installation', () => {
  test.each(Object.keys(VALUES) as (keyof Load)[])('goes one way with %s', (name) => {
    fc.assert(
      fc.property(LOADS, VALUES[name], VALUES[name], (load, one, other) => {
        const [less, more] = [one, other].sort((a, b) => (EASING.has(name) ? b - a : a - b)) as [
          number,
          number,
        ];
        const smaller = numbersOf(sizeOf({ ...load, [name]: less }));
        const larger = numbersOf(sizeOf({ ...load, [name]: more }));
        const shrunk = [...smaller].filter(([place, number]) => {
          // What one process is asked for falls where another one is added.
          if (place.endsWith('cpuMillicores')) return false;
          // Alerts of which some are new are looked for, and then inserted.
          if (name === 'newShare' && place === '/postgresql/cores') return false;
          return larger.get(place)! < number - Math.abs(number) * 1e-9;
        });
        expect(shrunk).toEqual([]);
      }),
    );
  });

  // As `npm run bench scaling` measured them in December 2026; no cost was fitted on any of these.
  it.each<[string, Partial<Load>, Partial<Processes>, { program: number; postgresql: number; walKb: number }]>([
    ['20,000 services every 10 s by 4 workers', { services: 20_000, intervalSeconds: 10 }, { 'worker-polls': 4, trap: 0 },
      { program: 0.102, postgresql: 0.023, walKb: 275 }],
    ['6,000 new alerts/s one by one', { alerts: 6_000 }, { trap: 0 }, { program: 0.499, postgresql: 0.228, walKb: 4_913 }],
    ['300 alerts/s one by one, decided on', { alerts: 300, decidedShare: 1 }, { trap: 0 },
      { program: 0.43, postgresql: 0.262, walKb: 1_393 }],
    ['2,000 alerts/s, 20 a request, decided on', { alerts: 2_000, batch: 20, decidedShare: 1 }, { trap: 0 },
      { program: 0.417, postgresql: 0.263, walKb: 8_974 }],
    ['1,200 executions/s, 40 a request', { alerts: 1_200, batch: 40, decidedShare: 1, executions: 1_200 * 86_400 }, { trap: 0 },
      { program: 0.448, postgresql: 0.246, walKb: 11_082 }],
    ['2,000 alerts/s, 5 a request, 30 % new', { alerts: 2_000, batch: 5, newShare: 0.3 }, { trap: 0 },
      { program: 0.194, postgresql: 0.126, walKb: 868 }],
    ['1,000 SNMP notifications/s', { traps: 1_000 }, {}, { program: 0.258, postgresql: 0.229, walKb: 807 }],
  ])('is within a quarter of what was measured: %s', (_name, given, others, measured) => {
    const load = { ...NOTHING, ...given };
    const cores = coresOf(load, { ...ONE_EACH, ...others });
    const program = WORKLOADS.reduce((sum, workload) => sum + cores[workload], 0);
    for (const ratio of [program / measured.program, cores.postgresql / measured.postgresql, walOf(load) / 1_000 / measured.walKb])
      expect(Math.abs(ratio - 1)).toBeLessThan(0.25);
  }); // prettier-ignore

  it.each<[string, string, number]>([
    ['samples of a service of 10 metrics, a day', 'samples', 191 * 8_640],
    ['steps of 5 minutes of 10 metrics, a day', 'steps of 5 minutes', 526 * 288],
  ])('has the bytes that were measured: %s', (_name, what, measured) => {
    const load = {
      ...NOTHING,
      services: 1,
      intervalSeconds: 10,
      metrics: 10,
      samplesDays: 1,
      fiveMinutesDays: 1,
    };
    // A partition of a day, or of seven days, is dropped as a whole.
    const days = what === 'samples' ? 2 : 8;
    expect(diskOf(load)[what]! / days / measured).toBeCloseTo(1, 1);
  });

  it('has a process for each role, and one more, each less than a core', () => {
    fc.assert(
      fc.property(LOADS, (load) => {
        for (const { processes, replicas, requests, cores } of Object.values(sizeOf(load).workloads)) {
          expect(processes).toBeGreaterThanOrEqual(1);
          expect(replicas).toBe(processes + 1);
          expect(cores / processes).toBeLessThanOrEqual(0.6 + 1e-9);
          expect(requests.cpuMillicores).toBeGreaterThanOrEqual((1_000 * cores) / processes - 1e-6);
        }
      }),
    );
  });

  it('has numbers alone, for any load', () => {
    fc.assert(
      fc.property(LOADS, (load) => {
        for (const number of numbersOf(sizeOf(load)).values()) expect(number).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});
