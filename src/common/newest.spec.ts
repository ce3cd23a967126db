import { keepNewest } from './newest';

test('of more than so many the oldest goes, and what is kept again is the newest', () => {
  const kept = new Map<string, number>();
  for (const [key, value] of [['a', 1], ['b', 2], ['a', 3], ['c', 4]] as const) keepNewest(kept, key, value, 2); // prettier-ignore
  expect([...kept]).toEqual([
    ['a', 3],
    ['c', 4],
  ]);
});
