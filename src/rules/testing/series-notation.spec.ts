import { NotationError, secondsOf, valuesOf } from './series-notation';

test.each([
  ['0 0 75', [0, 0, 75]],
  ['85x3', [85, 85, 85, 85]],
  ['10+5x3', [10, 15, 20, 25]],
  ['10-5x2', [10, 5, 0]],
  ['-2+4x1', [-2, 2]],
  ['1.5 _ 1e3', [1.5, null, 1000]],
  ['_x3 1', [null, null, null, 1]],
  ['0 0 75 85x3 _ _ 95', [0, 0, 75, 85, 85, 85, 85, null, null, 95]],
  ['  1\n2\t3 ', [1, 2, 3]],
  ['', []],
])('%j', (notation, values) => {
  expect(valuesOf(notation)).toEqual(values);
});

test.each(['85 x3', 'NaN', '1e999x', 'abc', '5+x3', '1x', '85x-3', '__'])(
  '%j is refused, and it says where',
  (notation) => {
    expect(() => valuesOf(notation)).toThrow(NotationError);
    expect(() => valuesOf(notation)).toThrow(/column \d/);
  },
);

test('a series that would be too long is refused before it is made', () => {
  expect(() => valuesOf('1x99999999999')).toThrow(/more than 1000000 values/);
});

test.each([
  [90, 90],
  ['90s', 90],
  ['1h30m', 5_400],
  ['1.5m', 90],
  ['soon', undefined],
  [-1, undefined],
  [null, undefined],
])('%j is %s seconds', (time, seconds) => {
  expect(secondsOf(time)).toBe(seconds);
});
