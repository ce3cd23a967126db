import { restartPause } from './process-group';

test('a process that ends again and again is started later each time, a minute later at most', () => {
  const pauses = [restartPause(0, 100)];
  while (pauses.length < 9) pauses.push(restartPause(pauses.at(-1)!, 2_000));
  expect(pauses).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000));
  expect(restartPause(60_000, 61_000)).toBe(1_000);
});
