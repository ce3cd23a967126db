import { InvalidInput } from '../../common/errors';
import type { Prepared } from '../rule-book';
import { checkSpan } from './play';

const prepared = (metrics: number, ...windowSeconds: number[]): Prepared =>
  ({
    service: {
      metrics: Object.fromEntries(Array.from({ length: metrics }, (_, index) => [`m${index}`, {}])),
    },
    windows: windowSeconds.map((seconds) => ({ window: { function: 'avg', seconds } })),
  }) as unknown as Prepared;

const refusal = (seconds: number, everyMs: number, of: Prepared): string => {
  try {
    checkSpan({ from: 0, to: seconds * 1000, everyMs }, of);
    return 'taken';
  } catch (error) {
    return (error as InvalidInput).errors[0]!.detail;
  }
};

const DAY = 86_400;

describe('how much a simulation may look at', () => {
  test('a week at 10 s is taken, with a window of 8 hours', () => {
    expect(refusal(7 * DAY, 10_000, prepared(1, 8 * 3_600))).toBe('taken');
    expect(refusal(2_000_000, 1_000, prepared(99))).toBe('taken');
  });

  test.each([
    ['too many evaluations', 2_000_001, 1_000, prepared(1), /^asks for 2000001 evaluations; at most 2000000/],
    [
      'a long window at each',
      1_000_000,
      1_000,
      prepared(1, 3_000),
      /^asks for 1000000 evaluations of 3001 numbers each/,
    ],
    [
      'many windows at each',
      100_000,
      1_000,
      prepared(100, ...Array<number>(100).fill(3_000)),
      /of 300100 numbers each/,
    ],
    [
      'many metrics at each',
      2_000_000,
      1_000,
      prepared(101),
      /of 101 numbers each, .* at most 200000000 numbers/,
    ],
  ])('%s: refused, and the limit is named', (_, seconds, everyMs, of, why) => {
    expect(refusal(seconds, everyMs, of)).toMatch(why);
  });
});
