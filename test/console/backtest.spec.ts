/** The backtest as the page does it: by the engine, quickly, and with the words and defaults of the API. */
import fc from 'fast-check';
import { parse } from 'yaml';
import { recordsOf, replay, type BacktestRule, type Recording } from '../../src/console/web/backtest/replay';
import { backtestRule, DEFAULTS } from '../../src/console/web/backtest/rule';
import { stringify } from '../../src/console/web/forms/yaml';
import { rounded, thresholdsOf, withThreshold } from '../../src/console/web/pages/service/thresholds';
import type { Infrastructure } from '../../src/console/web/api/shapes';
import { ServiceDto } from '../../src/services/service.dto';

const BEGIN = Date.UTC(2026, 10, 1);

const recordingOf = (values: readonly (number | null)[], intervalSeconds: number): Recording => {
  const read = values.flatMap((value, index) =>
    value === null ? [] : [[BEGIN + index * intervalSeconds * 1_000, value] as const],
  );
  return {
    from: BEGIN,
    to: BEGIN + values.length * intervalSeconds * 1_000,
    series: {
      load: {
        times: Float64Array.from(read, ([at]) => at),
        values: Float64Array.from(read, ([, value]) => value),
      },
    },
  };
};

const definition = (more: object = {}) => ({
  metrics: { load: { type: 'static_count', params: { value: 1 } } },
  condition: 'load > 50',
  intervalSeconds: 10,
  ...more,
});
const ruled = (more: object = {}) => backtestRule(definition(more), undefined) as BacktestRule;
const replayed = (more: object, recording: Recording) => replay(ruled(more), recording, recordsOf(recording));

it('triggers after the hold, once in a wisdom time, and not while it is blind', async () => {
  const values = [1, 60, 60, 60, 60, 60, null, null, null, null, null, 60, 60];
  const { triggers, summary } = await replayed(
    { holdSeconds: 20, wisdomSeconds: 20 },
    recordingOf(values, 10),
  );
  const at = triggers.map((moment) => (moment - BEGIN) / 10_000);
  // The hold goes on with the time before the gap.
  expect(at).toEqual([3, 12]);
  expect(summary.triggers).toBe(2);
});

it('replays 10,000 readings in no time that grows with their square', async () => {
  const values = Array.from({ length: 10_000 }, (_, index) => 50 + 40 * Math.sin(index / 70));
  const recording = recordingOf(values, 10);
  const records = recordsOf(recording);
  const rule = (threshold: number) =>
    ruled({ condition: `load > ${threshold} && load < 200`, holdSeconds: 30 });
  const times: number[] = [];
  for (let threshold = 50; threshold < 80; threshold++) {
    const begin = performance.now();
    await replay(rule(threshold), recording, records);
    times.push(performance.now() - begin);
  }
  // The least is what it takes; the others had to wait for a processor.
  const least = Math.min(...times);
  process.stdout.write(`a replay of 10,000 readings: ${least.toFixed(1)} ms\n`);
  // A machine may be slow or busy; what grows with the square of their number takes minutes.
  expect(least).toBeLessThan(1_000);
});

it('knows the defaults of the API', () => {
  const dto = new ServiceDto();
  expect(Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, dto[name as 'mode']]))).toEqual(
    DEFAULTS,
  );
});

const web: Partial<Infrastructure> = {
  name: 'web', minNodes: 1, maxNodes: 5, upWisdomSeconds: 7, downWisdomSeconds: 9, maxDirectionChangesPerHour: 6,
}; // prettier-ignore

it.each([
  ['no condition yet', { condition: '' }, undefined],
  ['an interval that is no number', { intervalSeconds: 'ten' }, undefined],
  ['a hold before its beginning', { holdSeconds: -1 }, undefined],
  ['no metric', { metrics: {} }, undefined],
  ['a metric without a type', { metrics: { load: {} } }, undefined],
  [
    'a window that is not whole',
    { metrics: { load: { type: 'a', window: { function: 'avg' } } } },
    undefined,
  ],
  ['alerts', { metrics: { load: { type: 'alert', params: {} } } }, 'server'],
  ['the number of nodes', { metrics: { load: { type: 'number_of_nodes' } } }, 'server'],
  ['a rate', { metrics: { load: { type: 'a', window: { function: 'rate', seconds: 60 } } } }, 'server'],
  [
    'a policy that follows a metric',
    { infrastructure: 'web', direction: 'up', policy: { type: 'step' } },
    'server',
  ],
  ['an infrastructure that is not there', { infrastructure: 'gone', direction: 'up' }, 'server'],
])('of a rule with %s: %j is %s', (_, more, is) => {
  const { infrastructure } = more as { infrastructure?: string };
  expect(backtestRule(definition(more), infrastructure === 'web' ? (web as Infrastructure) : undefined)).toBe(
    is,
  );
});

it('scales by a fixed number of nodes within the limits', () => {
  const rule = backtestRule(
    definition({ infrastructure: 'web', direction: 'down', policy: { type: 'fixed', params: { nodes: 2 } } }),
    web as Infrastructure,
  ) as BacktestRule;
  expect(rule.scaling).toEqual({
    infrastructure: 'web', direction: 'down', minNodes: 1, maxNodes: 5, wisdomSeconds: 9, maxDirectionChanges: 6, step: 2,
  }); // prettier-ignore
});

describe('a threshold', () => {
  it.each([
    ['load > 80 && 80 < load', 75, 'load > 75 && 75 < load'],
    ['"load > 80" == "x" || load>80', -1.5, '"load > 80" == "x" || load>-1.5'],
    ['load > 80 || other > 80', 5, 'load > 5 || other > 80'],
    ['80.50 <= load', 90, '90 <= load'],
  ])('of %s is moved to %d: %s', (condition, value, moved) => {
    const [threshold] = thresholdsOf(condition, 'load');
    expect(withThreshold(condition, threshold!, value)).toBe(moved);
  });

  it('is where it was moved to, whatever stands around it', () => {
    const numbers = fc.integer({ min: -1_000, max: 1_000 });
    fc.assert(
      fc.property(fc.array(numbers, { minLength: 1, maxLength: 5 }), numbers, (values, to) => {
        const condition = values.map((value) => `load > ${value}`).join(' || ');
        const moved = withThreshold(condition, thresholdsOf(condition, 'load')[0]!, to);
        const expected = values.map((value) => (value === values[0] ? to : value));
        expect(moved).toBe(expected.map((value) => `load > ${value}`).join(' || '));
      }),
    );
  });

  it.each([[51.23456, 100, 51], [51.23456, 9, 51.23], [0.000123456, 0.001, 0.00012], [1e9 + 0.4, 1e6, 1e9]])(
    '%d, pointed at within a range of %d, is %d',
    (value, range, is) => expect(rounded(value, range)).toBe(is),
  ); // prettier-ignore
});

it('writes YAML that means what it was made of', () => {
  // JSON has no -0.
  const values = fc
    .jsonValue({ maxDepth: 4, stringUnit: 'grapheme' })
    .map((value) => JSON.parse(JSON.stringify(value)) as unknown);
  fc.assert(
    fc.property(values, (value) => {
      expect(parse(stringify(value))).toEqual(value);
    }),
    { numRuns: 500 },
  );
  const texts = [
    '',
    ' ',
    'no',
    'null',
    '0x1',
    '1e3',
    '- a',
    'a: b',
    '#a',
    'a #b',
    "it's",
    '"',
    '\n',
    'é',
    '2026-01-01',
    '~',
    '*a',
    'a\tb',
    '<<',
    '=',
  ];
  for (const text of texts)
    expect(parse(stringify({ [text]: text, list: [text, [text]] }))).toEqual({
      [text]: text,
      list: [text, [text]],
    });
});
