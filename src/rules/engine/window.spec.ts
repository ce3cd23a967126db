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
