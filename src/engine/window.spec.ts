import { windowed, windowNote, type Window } from './window';

const NOW = 600_000;
/** One reading every 10 s up to now. */
const every10s = (...values: number[]) => ({
  values,
  firstAt: NOW - (values.length - 1) * 10_000,
  lastAt: NOW,
});
const result = (window: Omit<Window, 'seconds'>, values: number[]) =>
  windowed({ seconds: 60, ...window }, every10s(...values), NOW, 10_000);

test.each([
  ['avg', [1, 2, 6], 3],
  ['min', [3, 1, 2], 1],
  ['max', [3, 9, 2], 9],
  ['sum', [1, 2, 3], 6],
  ['last', [1, 2, 3], 3],
  ['count', [1, 2, 3], 3],
  ['p50', [10, 2, 3, 1], 2.5],
  ['p90', [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 10],
  ['p99', [7], 7],
  ['delta', [5, 100, 3], -2],
  ['rate', [100, 150, 300], 10],
  ['rate', [100, 150, 20, 70], 4],
] as const)('%s of %j is %d', (name, values, expected) => {
  expect(result({ function: name }, [...values])).toMatchObject({ value: expected });
});

test.each([
  ['avg', undefined, 0, '0 of at least 1 readings in 1 min for its avg'],
  ['rate', undefined, 1, '1 of at least 2 readings in 1 min for its rate'],
  ['avg', 3, 2, '2 of at least 3 readings in 1 min for its avg'],
] as const)('%s, minSamples %s, of %d readings is missing, and says so', (name, minSamples, count, error) => {
  const readings = count === 0 ? undefined : every10s(...Array<number>(count).fill(1));
  expect(windowed({ function: name, seconds: 60, minSamples }, readings, NOW, 10_000)).toEqual({ error });
});

test('a window that is not full counts as it has, and says how much', () => {
  const window = { function: 'avg', seconds: 300 } as const;
  expect(windowed(window, every10s(1, 2, 3, 4), NOW, 10_000)).toEqual({ value: 2.5, coveredMs: 40_000 });
  expect(windowNote(window, 40_000)).toBe('avg 5 min, 40 s of it seen');
  expect(windowNote(window, 300_000)).toBe('avg 5 min');
});

describe('of a Counter32', () => {
  const ROUND = 2 ** 32;
  /** Readings of a counter that rises so much a second, every `stepMs`; it begins anew at those moments. */
  const readings = (
    perSecond: number,
    stepMs: number,
    count: number,
    begins: number[] = [],
    from = ROUND - 5 * perSecond,
  ) => {
    const moments = Array.from({ length: count }, (_, n) => NOW - (count - 1 - n) * stepMs);
    const values = moments.map((at) => {
      const begin = begins.findLast((one) => one <= at);
      const risen =
        begin === undefined
          ? from + (perSecond * (at - moments[0]!)) / 1000
          : (perSecond * (at - begin)) / 1000;
      return Math.floor(risen) % ROUND;
    });
    return { values, firstAt: moments[0]!, lastAt: NOW, counter32: { moments, begins } };
  };
  const of = (name: 'rate' | 'delta', given: ReturnType<typeof readings>) =>
    windowed({ function: name, seconds: 3_600 }, given, NOW, 10_000) as { value: number };

  it.each([
    [100e6, 30_000, 11],
    [100e6, 10_000, 7],
    [1e9, 1_000, 10],
    [125e6, 34_000, 50],
    [1, 10_000, 20],
  ])('the rate is right through its rounds: %d/s, every %d ms', (perSecond, stepMs, count) => {
    const given = readings(perSecond, stepMs, count);
    expect(of('rate', given).value).toBeCloseTo(perSecond, -1);
    expect(of('delta', given).value).toBeCloseTo((perSecond * (count - 1) * stepMs) / 1000, -2);
  });

  it.each([
    ['right after a reading', NOW - 30_000 + 1],
    ['between readings', NOW - 25_000],
    ['right before a reading', NOW - 20_000 - 200],
    ['as its tick has it, a little after its reading', NOW - 20_000 + 400],
  ])('that begins anew %s the fall is no round', (_, begin) => {
    const given = readings(1_000, 10_000, 7, [begin], 3e9);
    expect(of('rate', given).value).toBeLessThanOrEqual(1_000);
    expect(of('rate', given).value).toBeGreaterThan(800);
  });

  it('a beginning elsewhere says nothing', () => {
    const given = readings(100e6, 30_000, 11);
    given.counter32.begins = [0, NOW - 1_000_000, NOW + 60_000];
    expect(of('rate', given).value).toBeCloseTo(100e6, -1);
  });

  it('other numbers that fall began anew, and delta is their difference', () => {
    const { counter32: _, ...plain } = readings(100e6, 30_000, 3);
    expect(of('delta', plain as never).value).toBe(plain.values.at(-1)! - plain.values[0]!);
    // More than it can hold is no Counter32 any more.
    const moments = [NOW - 10_000, NOW];
    const beyond = {
      values: [2 ** 33, 5],
      firstAt: moments[0]!,
      lastAt: NOW,
      counter32: { moments, begins: [] },
    };
    expect(of('rate', beyond).value).toBe(0.5);
  });
});
