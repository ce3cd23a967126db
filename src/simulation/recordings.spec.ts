import { pointsOfLives } from './recordings';

test('lives of alerts as points: the newest that lives counts', () => {
  expect(
    pointsOfLives([
      { began: 1, ended: 9, value: 5 },
      { began: 3, ended: 6, value: 7 },
      { began: 20, ended: Infinity, value: 2 },
    ]),
  ).toEqual([
    [1, 5],
    [3, 7],
    [6, 5],
    [9, 0],
    [20, 2],
  ]);
});
