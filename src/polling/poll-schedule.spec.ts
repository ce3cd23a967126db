import { SLOTS } from '../common/ids';
import { dueSlots, nextDue, parts, phaseOf, type SlotRange } from './poll-schedule';

const slotsOf = (ranges: SlotRange[]) =>
  ranges.flatMap(({ fromSlot, toSlot }) =>
    Array.from({ length: toSlot - fromSlot + 1 }, (_, index) => fromSlot + index),
  );

test.each([1, 7, 10, 30, 60, 3_600])('every %d s each slot is due once in an interval', (interval) => {
  const seen = new Array<number>(SLOTS).fill(0);
  const start = 1_700_000_003;
  for (let second = start + 1; second <= start + interval; second++) {
    for (const slot of slotsOf(dueSlots(interval, second - 1, second))) seen[slot]!++;
  }
  expect(new Set(seen)).toEqual(new Set([1]));
});

test('a pause is made up for: what came due in it is due now, once', () => {
  const missed = slotsOf(
    [1, 2, 3, 4, 5].flatMap((second) => dueSlots(60, 1_000 + second - 1, 1_000 + second)),
  );
  expect(slotsOf(dueSlots(60, 1_000, 1_005)).sort()).toEqual(missed.sort());
});

test('after a pause longer than the interval everything is due once', () => {
  expect(dueSlots(10, 0, 1_000_000)).toEqual([{ fromSlot: 0, toSlot: SLOTS - 1 }]);
});

test('nothing is due between two looks at the same second', () => {
  expect(dueSlots(10, 500, 500)).toEqual([]);
});

test('the next poll of a slot is when its phase comes round', () => {
  for (const slot of [0, 1, 5_000, SLOTS - 1]) {
    const next = nextDue(slot, 60, 1_000_000);
    expect(next % 60).toBe(phaseOf(slot, 60));
    expect(slotsOf(dueSlots(60, next - 1, next))).toContain(slot);
    expect(next - 1_000_000).toBeGreaterThan(0);
    expect(next - 1_000_000).toBeLessThanOrEqual(60);
  }
});

test('a range in parts is the same range, whoever counts', () => {
  const range = { fromSlot: 100, toSlot: 1_737 };
  for (const services of [0, 250, 1_000, 10_000, 1_000_000])
    expect(slotsOf(parts(range, services))).toEqual(slotsOf([range]));
  expect(parts(range, 1_010)).toEqual(parts(range, 1_000));
});

test.each([
  [0, 1],
  [499, 1],
  [500, 2],
  [1_000, 4],
  [1_999, 4],
  [4_000, 16],
  [4_100, 16],
  [16_000, 16],
  [16_100, 32],
  [100_000, 128],
])('%i services are read in %i parts', (services, count) => {
  const range = { fromSlot: 0, toSlot: SLOTS - 1 };
  expect(parts(range, services)).toHaveLength(count);
  expect(slotsOf(parts(range, services))).toEqual(slotsOf([range]));
});

test('there are no more parts than slots', () => {
  expect(parts({ fromSlot: 5, toSlot: 6 }, 10_000)).toEqual([
    { fromSlot: 5, toSlot: 5 },
    { fromSlot: 6, toSlot: 6 },
  ]);
});
