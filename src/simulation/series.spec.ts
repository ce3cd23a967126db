import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { type InvalidInput } from '../common/errors';
import { Turns } from '../common/turns';
import { pointsOf } from './series';

const refusal = (series: object) =>
  pointsOf(series, ['cpu', 'load'], new Turns()).then(
    () => [],
    (error: InvalidInput) => error.errors,
  );

test('points in milliseconds, in order', async () => {
  const points = await pointsOf({ cpu: [[0, 1], [0.5, null]], load: [] }, ['cpu', 'load'], new Turns()); // prettier-ignore
  expect([...points]).toEqual([
    [
      'cpu',
      [
        [0, 1],
        [500, null],
      ],
    ],
    ['load', []],
  ]);
});

test.each([
  ['numbers alone', Array<unknown>(900_000).fill(0)],
  ['times that stand still', Array<unknown>(900_000).fill([1, 1])],
  ['times below 0', Array<unknown>(900_000).fill([-1, 1])],
  ['texts', Array.from({ length: 900_000 }, (_, at): unknown => [at, 'x'])],
])('a million points that are wrong, %s: the first 20 are told at once', async (_, points) => {
  const errors = await refusal({ cpu: points, load: points });
  expect(errors).toHaveLength(20);
  expect(errors.every(({ pointer }) => pointer.startsWith('/series/cpu/'))).toBe(true);
});

test('hundreds of thousands of points hold up nobody', async () => {
  const cpu = Array.from({ length: 300_000 }, (_, at) => [at, at % 100]);
  const delay = await loopDelayMs(() => pointsOf({ cpu, load: cpu }, ['cpu', 'load'], new Turns()));
  expect(delay).toBeLessThan(HELD_UP_MS);
});

test('they are given up in time', async () => {
  const cpu = Array.from({ length: 1_000_000 }, (_, at) => [at, at % 100]);
  const turns = new Turns(1, () => new Error('too late'));
  await expect(pointsOf({ cpu }, ['cpu'], turns)).rejects.toThrow('too late');
});
