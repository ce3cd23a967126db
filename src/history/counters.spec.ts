import { openTestDatabase } from '../../test/databases';
import type { Database } from '../database/database';
import { windowed } from '../engine/window';
import { Counters } from './counters';
import { Points } from './points';
import { SampleWriter } from './sample-writer';
import { Samples } from './samples';

const SERVICE = '0190f000-0000-7000-8000-000000000001';
const START = Date.parse('2024-05-01T10:00:00Z');
const ROUND = 2 ** 32;
const SERIES = 100;
const at = (second: number) => new Date(START + second * 1000);

describe('counters that go round', () => {
  let database: Database;
  let end: () => Promise<void>;
  let samples: Samples;
  let counters: Counters;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    samples = new Samples(database);
    // A service that is nothing but itself.
    await database.rows(`DO $$ DECLARE name text; BEGIN
      FOR name IN SELECT column_name FROM information_schema.columns
        WHERE table_name = 'services' AND is_nullable = 'NO' AND column_name <> 'id'
      LOOP EXECUTE format('ALTER TABLE services ALTER %I DROP NOT NULL', name); END LOOP; END $$`);
    await database.rows('INSERT INTO services (id) VALUES ($1)', [SERVICE]);
  });
  afterAll(() => end());
  beforeEach(async () => {
    counters = new Counters(database);
    await database.rows('TRUNCATE counters, samples');
  });

  const read = (second: number, beganAt?: number, series = SERIES, by = counters) =>
    by.note(
      [{ series, service: SERVICE, ...(beganAt === undefined ? {} : { since: START + beganAt * 1000 }) }],
      at(second),
    );
  const begins = async (series = SERIES) =>
    (await samples.begins([series])).get(series)?.map((begin) => (begin - START) / 1000);

  it('are known from their first reading on, also where nobody tells since when they count', async () => {
    expect(await begins()).toBeUndefined();
    await read(0);
    await read(0, -500, 101);
    expect([await begins(), await begins(101), await begins(102)]).toEqual([[], [-500], undefined]);
  });

  it('have begun anew when an agent is up for less than since it was read last', async () => {
    await read(0, -500);
    // Its clock, and ours, are never quite right.
    for (const [second, began] of [
      [10, -499.2],
      [20, -500.9],
      [30, -497.5],
    ] as const)
      await read(second, began);
    expect(await begins()).toEqual([-500]);
    await read(40, 35.5);
    await read(50, 35.6);
    await read(60, 55);
    expect(await begins()).toEqual([-500, 35.5, 55]);
  });

  it('do not begin anew when sysUpTime goes round, nor as clocks drift apart', async () => {
    const round = ROUND / 100;
    await read(0, -round + 5);
    await read(10, 5);
    expect(await begins()).toEqual([-round + 5]);
    await read(0, -500, 101);
    for (let day = 1; day < 60; day++) await read(day * 86_400, -500 + day, 101);
    expect(await begins(101)).toEqual([-500]);
  });

  it('are the same for each process that reads them, whichever read before', async () => {
    const other = new Counters(database);
    await read(0, -500);
    await read(10, -500.4, SERIES, other);
    await read(20, 15, SERIES, other);
    await read(30, 15.3);
    expect(await begins()).toEqual([-500, 15]);
  });

  it('are bounded, and go with their service', async () => {
    for (let n = 0; n < 130; n++) await read(n * 100, n * 100 - 50);
    expect((await begins())!.length).toBe(100);
    expect((await begins())!.at(-1)).toBe(12_850);
    await counters.note([{ series: 900, service: '0190f000-0000-7000-8000-00000000dead' }], at(0));
    expect(await begins(900)).toBeUndefined();
  });

  it('are none any more when their metric is another one', async () => {
    await read(0, -500);
    await counters.noteOthers([SERIES]);
    expect(await begins()).toBeUndefined();
    await read(10, -500);
    expect(await begins()).toEqual([-500]);
  });

  it('rise by the same in a window and in points', async () => {
    const perSecond = 100e6;
    const values = Array.from({ length: 10 }, (_, n) => (ROUND - 3e9 + perSecond * n * 30) % ROUND);
    // It begins anew before the 8th.
    for (const n of [7, 8, 9]) values[n] = (n - 6) * 1e9;
    await new SampleWriter(database).write(
      values.map((value, n) => ({ series: SERIES, at: at(n * 30), value })),
    );
    const numbers = async (name: 'rate' | 'delta') => {
      const readings = await samples.windows([{ series: SERIES, seconds: 299, isOfChange: true }], at(270));
      const window = { function: name, seconds: 299 };
      const made = windowed(window, readings.get(SERIES), at(270).getTime(), 30_000) as { value: number };
      const [[, point] = []] = await new Points(database).of({
        series: SERIES,
        from: at(0),
        to: at(299),
        stepSeconds: 300,
        function: name,
      });
      expect(point).toBeCloseTo(made.value, 3);
      return made.value;
    };
    // No counter is known: what falls began anew.
    const plain = await numbers('rate');
    expect(await numbers('delta')).toBe(values[9]! - values[0]!);
    await read(0, -500);
    expect(await numbers('rate')).toBeGreaterThan(plain);
    await read(210, 200);
    expect(await numbers('delta')).toBeCloseTo(perSecond * 180 + 3e9, 0);
    expect(await numbers('rate')).toBeCloseTo((perSecond * 180 + 3e9) / 270, 0);
  });
});
