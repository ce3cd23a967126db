import { ruleWhen as rule } from '../../test/rule';
import { Timeline, Simulation, type SimulationOptions } from './simulate';
import type { Rule } from './types';

/** One value of cpu every 10 s; null for a failed read. */
function told(given: Rule, values: readonly (number | null)[], options: Partial<SimulationOptions> = {}) {
  const simulation = new Simulation(given, { windows: [], nodes: 1, ...options });
  const timeline = new Timeline();
  const reasons = values.map((value, index) => {
    const step = simulation.step(index * 10_000, { cpu: value ?? { error: 'no answer' } });
    timeline.add(step);
    return step.state.reason;
  });
  return { reasons, timeline, summary: timeline.end(values.length * 10_000) };
}

test('a hold that is seen through triggers, and again after wisdom and hold', () => {
  const { timeline, summary } = told(
    rule('cpu > 80', { holdMs: 20_000, wisdomMs: 40_000 }),
    [10, 90, 90, 90, 90, 90, 90, 90, 90, 10],
  );
  expect(timeline.triggers.map(({ at }) => at / 1000)).toEqual([30, 70]);
  expect(timeline.intervals.map(({ from, reason }) => [from / 1000, reason])).toEqual([
    [0, 'condition_false'],
    [10, 'holding'],
    [30, 'triggered'],
    [40, 'holding'],
    [60, 'wisdom'],
    [70, 'triggered'],
    [80, 'holding'],
    [90, 'condition_false'],
  ]);
  expect(summary).toEqual({
    triggers: 2,
    // From the end of the hold to the end of the condition: the alarm lasts while the hold runs anew.
    secondsInAlarm: 60,
    secondsAtLimit: 0,
    escalations: 0,
    secondsMissing: 0,
    transitions: 3,
  });
});

test('a trigger is taken as executed: nodes move, and the limit stops', () => {
  const scaling = {
    infrastructure: 'web',
    direction: 'up' as const,
    minNodes: 1,
    maxNodes: 3,
    wisdomMs: 0,
    maxDirectionChanges: 6,
    wish: ({ effective }: { effective: number }) => effective + 1,
  };
  const { timeline, summary } = told(rule('cpu > 80', { scaling }), [90, 90, 90, 90]);
  expect(timeline.triggers.map(({ nodes }) => nodes?.desired)).toEqual([2, 3]);
  expect(summary).toMatchObject({ triggers: 2, secondsAtLimit: 20 });
});

test('windows are made of the readings as they come', () => {
  const windows = [{ metric: 'cpu', window: { function: 'avg', seconds: 30 } as const }];
  const { timeline } = told(rule('cpu > 50'), [0, 90, 90, 0, 0, 0], { windows });
  expect(timeline.triggers.map(({ at, values }) => [at / 1000, values.cpu])).toEqual([
    [20, 60],
    [30, 60],
  ]);
});

test('a failed read is missing, also where a window has older readings', () => {
  const windows = [{ metric: 'cpu', window: { function: 'avg', seconds: 60 } as const }];
  expect(told(rule('cpu > 50'), [90, null, 90], { windows }).reasons).toEqual([
    'triggered',
    'missing_data',
    'triggered',
  ]);
});

test('missing data adds nothing to the hold', () => {
  const { timeline, summary } = told(rule('cpu > 80', { holdMs: 30_000 }), [90, 90, null, null, 90, 90, 90]);
  expect(timeline.triggers.map(({ at }) => at / 1000)).toEqual([60]);
  expect(summary.secondsMissing).toBe(20);
});

test('readings from before the story fill its windows', () => {
  const simulation = new Simulation(rule('cpu > 50'), {
    windows: [{ metric: 'cpu', window: { function: 'avg', seconds: 60 } }],
    nodes: 0,
  });
  simulation.warmUp(-20_000, { cpu: 100 });
  simulation.warmUp(-10_000, { cpu: 80 });
  expect(simulation.step(0, { cpu: 0 })).toMatchObject({
    values: { cpu: 60 },
    state: { reason: 'triggered' },
  });
});
