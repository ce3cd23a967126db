import { arrayText, merged, rowsOf } from './sample-rows';

const at = new Date('2024-05-01T10:00:00Z');
const later = new Date(at.getTime() + 1);

test('samples of one service and moment are a row, with holes where nothing was read', () => {
  const { rows, values } = rowsOf([
    { series: 700, at, value: 1 },
    { series: 703, at, value: 4 },
    { series: 703, at: later, value: 5 },
    { series: 800, at: later, value: 6 },
  ]);
  expect(rows).toEqual([
    { group: 7, at: at.getTime(), readings: [1, NaN, NaN, 4] },
    { group: 7, at: later.getTime(), readings: [NaN, NaN, NaN, 5] },
    { group: 8, at: later.getTime(), readings: [6] },
  ]);
  expect(values).toBe(4);
  expect(arrayText(rows[0]!)).toBe('{1,NULL,NULL,4}');
});

test('of two readings of one moment the first stands, and what it lacks is taken from the second', () => {
  const [first, second, other] = [
    { group: 7, at: 5, readings: [1, NaN] },
    { group: 7, at: 5, readings: [9, 2, 3] },
    { group: 3, at: 5, readings: [0] },
  ];
  expect(merged([first, second, other])).toEqual([other, { group: 7, at: 5, readings: [1, 2, 3] }]);
});
