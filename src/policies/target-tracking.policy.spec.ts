import { check } from '../common/check';
import { TargetTracking, TargetTrackingParams } from './target-tracking.policy';

const wish = (effective: number, value: number, target: number, tolerance?: number) => {
  const { value: params, errors } = check(TargetTrackingParams, { metric: 'load', target, tolerance });
  expect(errors).toEqual([]);
  return new TargetTracking().wish(params!, { effective, direction: 'up' }, { load: value });
};

describe('the wish', () => {
  test.each([
    ['twice the target, twice the nodes', 3, 200, 100, 6],
    ['half of it, half of them', 4, 50, 100, 2],
    ['parts of a node are a node', 3, 150, 100, 5],
    ['also downwards', 3, 50, 100, 2],
    ['nothing to do, no node', 3, 0, 100, 0],
    ['a metric below 0 asks for none', 3, -50, 100, 0],
  ])('%s', (_, effective, value, target, expected) => {
    expect(wish(effective, value, target)).toBe(expected);
  });

  test.each([
    ['just over, at its edge', 110, 10],
    ['beyond it', 110.1, 12],
    ['just under, at its edge', 90, 10],
    ['below it', 89, 9],
  ])('within the tolerance there is no change: %s', (_, value, expected) => {
    expect(wish(10, value, 100)).toBe(expected);
  });

  test.each([
    [1.1, 1],
    [0.99, 0.9],
    [0.63, 0.7],
  ])('the edges of the tolerance hold in spite of rounding errors: %d for %d', (value, target) => {
    expect(wish(10, value, target)).toBe(10);
  });

  test.each([
    [1, 2.1, 0.7, 3],
    [3, 0.9, 0.9, 3],
    [2, 2.1, 0.6, 7],
    [5, 0.29, 0.1, 15],
  ])('rounding errors add no node: %d nodes, %d for %d', (effective, value, target, expected) => {
    expect(wish(effective, value, target, 0)).toBe(expected);
  });

  test('a little more than whole is a node more', () => {
    expect(wish(3, 1.000_001, 1, 0)).toBe(4);
  });

  test('without nodes there is no change', () => {
    expect(wish(0, 500, 100)).toBe(0);
  });
});

test.each([
  ['a target of 0', { metric: 'load', target: 0 }, ['/target']],
  ['a target below 0', { metric: 'load', target: -1 }, ['/target']],
  ['a tolerance below 0', { metric: 'load', target: 1, tolerance: -0.1 }, ['/tolerance']],
  ['no metric', { target: 1 }, ['/metric']],
])('%s is refused', (_, given, pointers) => {
  expect(check(TargetTrackingParams, given).errors.map(({ pointer }) => pointer)).toEqual(pointers);
});
