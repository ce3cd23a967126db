import { HELD_UP_MS, loopDelayMs } from '../../test/loop-delay';
import { ruleWhen } from '../../test/rule';
import { type InvalidInput } from '../common/errors';
import type { Rule } from '../engine/types';
import type { CompiledService } from '../rules/compiled-service';
import { checkSpan, play, simulationTurns } from './play';
import type { Frame } from '../engine/frames';

const compiled = (metrics: number, ...windowSeconds: number[]): CompiledService =>
  ({
    service: {
      series: {},
      metrics: Object.fromEntries(Array.from({ length: metrics }, (_, index) => [`m${index}`, {}])),
    },
    windows: windowSeconds.map((seconds) => ({ window: { function: 'avg', seconds } })),
  }) as unknown as CompiledService;

const refusal = (seconds: number, everyMs: number, of: CompiledService): string => {
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
    expect(refusal(7 * DAY, 10_000, compiled(1, 8 * 3_600))).toBe('taken');
    expect(refusal(2_000_000, 1_000, compiled(99))).toBe('taken');
  });

  test.each([
    ['too many evaluations', 2_000_001, 1_000, compiled(1), /^asks for 2000001 evaluations; at most 2000000/],
    [
      'a long window at each',
      1_000_000,
      1_000,
      compiled(1, 3_000),
      /^asks for 1000000 evaluations of 3001 numbers each/,
    ],
    [
      'many windows at each',
      100_000,
      1_000,
      compiled(100, ...Array<number>(100).fill(3_000)),
      /of 300100 numbers each/,
    ],
    [
      'many metrics at each',
      2_000_000,
      1_000,
      compiled(101),
      /of 101 numbers each, .* at most 200000000 numbers/,
    ],
  ])('%s: refused, and the limit is named', (_, seconds, everyMs, of, why) => {
    expect(refusal(seconds, everyMs, of)).toMatch(why);
  });
});

describe('how long a simulation may take', () => {
  const simulatedRule = (given: Partial<Rule> = {}) => ({
    compiled: {
      ...compiled(1),
      rule: ruleWhen('cpu > 80', given),
      alertMetrics: [],
    },
    nodes: 1,
  });

  function* endless(isPrologue?: boolean): Generator<Frame> {
    for (let at = 0; ; at += 10_000) yield { at, readings: { cpu: 90 }, isPrologue };
  }
  /** Between the two nothing is read, and a rule without polls is evaluated each millisecond. */
  const farApart: Frame[] = [0, 1e12].map((at) => ({ at, readings: { cpu: 90 }, news: true }));

  test.each([
    ['evaluations without end', () => endless(), {}],
    ['a time before it without end', () => endless(true), {}],
    ['moments of a rule without polls', () => farApart, { intervalMs: undefined, holdMs: 1, wisdomMs: 1 }],
  ])('%s: given up in time, and nobody is held up meanwhile', async (_, frames, given) => {
    const delay = await loopDelayMs(() =>
      expect(
        play(simulatedRule(given), { frames: frames(), to: 1e12 }, {}, simulationTurns(1_000)),
      ).rejects.toThrow('the simulation took too long: it was given up after 1 s'),
    );
    expect(delay).toBeLessThan(HELD_UP_MS);
  });
});
