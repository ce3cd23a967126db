import { check } from '../common/check';
import type { Direction } from '../engine/types';
import { Step, StepParams } from './step.policy';

const params = (given: object): StepParams => {
  const { value, errors } = check(StepParams, { metric: 'cpu', threshold: 50, ...given });
  expect(errors).toEqual([]);
  return value!;
};

const wish = (given: object, effective: number, direction: Direction, cpu: number) =>
  new Step().wish(params(given), { effective, direction }, { cpu });

const refusals = (given: object) =>
  check(StepParams, { metric: 'cpu', threshold: 50, ...given }).errors.map(
    ({ pointer, detail }) => `${pointer}: ${detail}`,
  );

// The tables of AWS's user guide, around a threshold of 50 %.
const SCALE_OUT = {
  adjustmentType: 'PercentChangeInCapacity',
  steps: [
    { lower: 0, upper: 10, adjustment: 0 },
    { lower: 10, upper: 20, adjustment: 10 },
    { lower: 20, adjustment: 30 },
  ],
};
const SCALE_IN = {
  adjustmentType: 'PercentChangeInCapacity',
  steps: [
    { upper: -20, adjustment: -30 },
    { lower: -20, upper: -10, adjustment: -10 },
    { lower: -10, upper: 0, adjustment: 0 },
  ],
};

describe('the step a value lies in', () => {
  test.each([
    ['below every step', 49.9, 10],
    ['at the threshold', 50, 10],
    ['just under a bound', 59.9, 10],
    ['at a lower bound: inclusive', 60, 11],
    ['just under the next', 69.9, 11],
    ['at the next', 70, 13],
    ['far above', 1e9, 13],
  ])('above the threshold, %s', (_, cpu, expected) => {
    expect(wish(SCALE_OUT, 10, 'up', cpu)).toBe(expected);
  });

  test.each([
    ['above every step', 50.1, 10],
    ['at the threshold', 50, 10],
    ['just over a bound', 40.1, 10],
    ['at an upper bound: inclusive', 40, 9],
    ['just over the next', 30.1, 9],
    ['at the next', 30, 7],
    ['far below', -1e9, 7],
  ])('below the threshold, %s', (_, cpu, expected) => {
    expect(wish(SCALE_IN, 10, 'down', cpu)).toBe(expected);
  });

  const BOTH = {
    steps: [
      { upper: 0, adjustment: -1 },
      { lower: 0, adjustment: 2 },
    ],
  };

  test('where two steps meet at the threshold, an up rule takes the one above, a down rule the one below', () => {
    expect(wish(BOTH, 5, 'up', 50)).toBe(7);
    expect(wish(BOTH, 5, 'down', 50)).toBe(4);
  });

  test('the threshold belongs to the only step that touches it, whatever the direction', () => {
    expect(wish({ steps: [{ upper: 0, adjustment: 1 }] }, 5, 'up', 50)).toBe(6);
    expect(wish({ steps: [{ lower: 0, adjustment: -1 }] }, 5, 'down', 50)).toBe(4);
  });

  test('bounds hold in spite of rounding errors', () => {
    const steps = [
      { lower: 0, upper: 0.1, adjustment: 1 },
      { lower: 0.1, adjustment: 2 },
    ];
    expect(0.7 + 0.1).not.toBe(0.8);
    expect(wish({ threshold: 0.7, steps }, 5, 'up', 0.8)).toBe(7);
    expect(wish({ threshold: 0.7, steps }, 5, 'up', 0.7999)).toBe(6);
  });

  test('the order of the steps does not matter', () => {
    const steps = [...SCALE_OUT.steps].reverse();
    expect(wish({ ...SCALE_OUT, steps }, 10, 'up', 65)).toBe(11);
  });

  test('a step without bounds takes every value', () => {
    for (const cpu of [0, 50, 100]) expect(wish({ steps: [{ adjustment: 3 }] }, 5, 'up', cpu)).toBe(8);
  });
});

describe('the adjustment', () => {
  test.each([
    ['adds', 3, 4, 'up', 7],
    ['removes', -3, 4, 'down', 1],
    ['against an up rule changes nothing', -3, 4, 'up', 4],
    ['against a down rule changes nothing', 3, 4, 'down', 4],
  ] as const)('ChangeInCapacity %s', (_, adjustment, effective, direction, expected) => {
    expect(wish({ steps: [{ adjustment }] }, effective, direction, 50)).toBe(expected);
  });

  test.each([
    ['is the wish', 7, 4, 'up', 7],
    ['is the wish of a down rule', 0, 4, 'down', 0],
    ['with fewer nodes changes nothing of an up rule', 2, 4, 'up', 4],
    ['with more nodes changes nothing of a down rule', 7, 4, 'down', 4],
  ] as const)('ExactCapacity %s', (_, adjustment, effective, direction, expected) => {
    expect(wish({ adjustmentType: 'ExactCapacity', steps: [{ adjustment }] }, effective, direction, 50)).toBe(
      expected,
    );
  });

  test.each([
    ['12.7 becomes 12', 127, 10, 22],
    ['6.67 becomes 6', 29, 23, 29],
    ['exactly 1', 10, 10, 11],
    ['0.67 becomes 1', 67, 1, 2],
    ['0.01 becomes 1', 1, 1, 2],
    ['nothing of no node', 50, 0, 0],
    ['-0.58 becomes -1', -58, 1, 0],
    ['-6.67 becomes -6', -29, 23, 17],
    ['exactly -1', -10, 10, 9],
    ['29 % of 100 is 29', 29, 100, 129],
  ])('a percentage is rounded as AWS does: %s', (_, adjustment, effective, expected) => {
    const direction = adjustment > 0 ? 'up' : 'down';
    const given = { adjustmentType: 'PercentChangeInCapacity', steps: [{ adjustment }] };
    expect(wish(given, effective, direction, 50)).toBe(expected);
  });

  test.each([
    ['raises a small change', 25, 4, 6],
    ['leaves a larger one', 100, 4, 8],
    ['works downwards', -25, 4, 2],
    ['adds to no nodes', 25, 0, 2],
    ['leaves 0 %', 0, 4, 4],
  ])('minAdjustmentMagnitude %s', (_, adjustment, effective, expected) => {
    const given = {
      adjustmentType: 'PercentChangeInCapacity',
      minAdjustmentMagnitude: 2,
      steps: [{ adjustment }],
    };
    expect(wish(given, effective, adjustment < 0 ? 'down' : 'up', 50)).toBe(expected);
  });
});

test('a bound that is null counts as left out', () => {
  const steps = [
    { lower: null, upper: 0, adjustment: 1 },
    { lower: 0, upper: null, adjustment: 2 },
  ];
  expect(wish({ steps }, 5, 'up', 49)).toBe(6);
  expect(wish({ steps }, 5, 'up', 51)).toBe(7);
});

test.each([
  ['no step', { steps: [] }, ['/steps: must have 1 to 20 steps, but has 0']],
  [
    'too many steps',
    { steps: Array.from({ length: 21 }, (_, lower) => ({ lower, upper: lower + 1, adjustment: 1 })) },
    ['/steps: must have 1 to 20 steps, but has 21'],
  ],
  [
    'bounds the wrong way round',
    { steps: [{ lower: 10, upper: 5, adjustment: 1 }] },
    ['/steps/0/lower: must be less than upper, 5'],
  ],
  [
    'an empty step',
    { steps: [{ lower: 10, upper: 10, adjustment: 1 }] },
    ['/steps/0/lower: must be less than upper, 10'],
  ],
  [
    'a gap',
    {
      steps: [
        { lower: 20, adjustment: 2 },
        { lower: 0, upper: 10, adjustment: 1 },
      ],
    },
    ['/steps/0/lower: leaves a gap after step 1, which ends at 10'],
  ],
  [
    'an overlap',
    {
      steps: [
        { lower: 0, upper: 10, adjustment: 1 },
        { lower: 5, adjustment: 2 },
      ],
    },
    ['/steps/1/lower: overlaps step 0, which ends at 10'],
  ],
  [
    'two steps without end',
    {
      steps: [
        { lower: 0, adjustment: 1 },
        { lower: 0, adjustment: 2 },
      ],
    },
    ['/steps/1/lower: overlaps step 0, which has no upper bound'],
  ],
  [
    'a percentage of the wrong kind',
    { minAdjustmentMagnitude: 2, steps: [{ adjustment: 1 }] },
    ['/minAdjustmentMagnitude: is for the adjustment type PercentChangeInCapacity alone'],
  ],
  [
    'a capacity below 0',
    { adjustmentType: 'ExactCapacity', steps: [{ adjustment: -1 }] },
    ['/steps/0/adjustment: must be at least 0 for ExactCapacity'],
  ],
  ['no adjustment', { steps: [{ lower: 0 }] }, ['/steps/0/adjustment: is required']],
  ['an adjustment that is null', { steps: [{ adjustment: null }] }, ['/steps/0/adjustment: is required']],
  ['half a node', { steps: [{ adjustment: 0.5 }] }, ['/steps/0/adjustment: must be a whole number']],
])('%s is refused', (_, given, expected) => {
  expect(refusals(given)).toEqual(expected);
});
