/** Stories that hurt the users of other systems. Each is named by where it was told. */
import { ruleWhen } from '../../test/rule';
import { compileCondition } from './condition';
import { evaluate, initialState, NEVER_SCALED, scaled, type Decided } from './evaluate';
import { explain } from './explain';
import { Simulation } from './simulate';
import type { Direction, Observation, Rule, Scaling, Scalings, State } from './types';

const METRICS = ['load', 'jobs'];

const rule = (condition: string, given?: Partial<Rule>): Rule => ruleWhen(condition, given, METRICS);

const scaling = (direction: Direction, given: Partial<Scaling> = {}): Scaling => ({
  infrastructure: 'web',
  direction,
  minNodes: 1,
  maxNodes: 10,
  wisdomMs: 0,
  maxDirectionChanges: 6,
  wish: ({ effective }) => effective + (direction === 'up' ? 1 : -1),
  ...given,
});

const decide = (
  given: Rule,
  before: State | undefined,
  seen: Partial<Observation>,
  seconds: number,
): Decided => {
  const observation = { values: {}, errors: {}, killSwitch: false, ...seen };
  return evaluate(given, before ?? initialState(given, 0), observation, seconds * 1000) as Decided;
};

const counted = (current: number, inFlight = 0) => ({ known: true, current, inFlight }) as const;

test.each(['hold', 'reset', 'ok'] as const)(
  'null never scales down (keda #3065: nulls read as 0 took everything to its minimum at the peak), missingData %s',
  (missingData) => {
    const down = rule('load < 20', { missingData, scaling: scaling('down') });
    const simulation = new Simulation(down, { windows: [], nodes: 10 });
    for (let seconds = 0; seconds < 600; seconds += 10) {
      const value = seconds < 100 || seconds > 500 ? 90 : ({ error: 'the query answered nothing' } as const);
      expect(simulation.step(seconds * 1000, { load: value }).trigger).toBeUndefined();
    }
  },
);

test('blind never scales down either: nodes that can not be counted are not 0 (kubernetes #105187)', () => {
  const down = rule('load < 20', { scaling: scaling('down') });
  const capacity = { known: false, error: 'the API is down' } as const;
  const outcome = decide(down, undefined, { values: { load: 5 }, capacity }, 0);
  expect(outcome).toMatchObject({ state: { phase: 'alarm', reason: 'nodes_unknown' } });
  expect(outcome.trigger).toBeUndefined();
});

test('no data never resolves an alarm (prometheus #17482): it is unknown, and goes on where it was', () => {
  const once = rule('load > 80', { repeat: false });
  const alarm = decide(once, undefined, { values: { load: 90 } }, 0);
  expect(alarm.trigger).toBeDefined();
  const blind = decide(once, alarm.state, { errors: { load: 'no answer' } }, 10);
  expect(blind.state).toMatchObject({ phase: 'unknown', reason: 'missing_data', inAlarm: true });
  const back = decide(once, blind.state, { values: { load: 90 } }, 20);
  expect(back.state).toMatchObject({ phase: 'alarm', reason: 'not_repeating' });
  expect(back.trigger).toBeUndefined();
});

describe('what is remembered survives a restart (prometheus #13957, #15175): all of it is in the state', () => {
  const restarted = (state: State): State => JSON.parse(JSON.stringify(state)) as State;

  test('a hold goes on to the second', () => {
    const held = rule('load > 80', { holdMs: 60_000 });
    const values = { load: 90 };
    let state = decide(held, undefined, { values }, 0).state;
    state = decide(held, restarted(state), { values, previousAt: 0 }, 30).state;
    expect(decide(held, restarted(state), { values, previousAt: 30_000 }, 59).trigger).toBeUndefined();
    expect(decide(held, restarted(state), { values, previousAt: 50_000 }, 60).trigger).toBeDefined();
  });

  test('a hold is seen, not assumed: what lies in the dark does not count', () => {
    const held = rule('load > 80', { holdMs: 60_000 });
    const values = { load: 90 };
    const before = decide(held, undefined, { values }, 0).state;
    const after = decide(held, restarted(before), { values, previousAt: 0 }, 600);
    expect(after.state).toMatchObject({ phase: 'pending', reason: 'holding', pendingSince: 600_000 });
  });

  test('an alarm stays one, and its recovery is still asked for', () => {
    const recovery = compileCondition('load < 60', METRICS);
    const hysteresis = rule('load > 80', {
      wisdomMs: 600_000,
      recovery: (values) => recovery(values).truth,
    });
    const alarm = decide(hysteresis, undefined, { values: { load: 90 } }, 0).state;
    expect(decide(hysteresis, restarted(alarm), { values: { load: 70 } }, 10).state).toMatchObject({
      phase: 'alarm',
      reason: 'wisdom',
    });
  });
});

test('what is in flight counts (keda #2488: 84 jobs where 42 were wanted)', () => {
  const up = rule('jobs > 0', {
    scaling: scaling('up', { maxNodes: 42, wish: () => 42 }),
  });
  const values = { jobs: 42 };
  const first = decide(up, undefined, { values, capacity: counted(0) }, 0);
  expect(first.trigger?.nodes).toMatchObject({ desired: 42, delta: 42 });
  // They are asked for and none of them is there yet.
  for (const [seconds, there] of [
    [10, 0],
    [20, 7],
    [30, 41],
  ] as const) {
    const next = decide(up, first.state, { values, capacity: counted(there, 42 - there) }, seconds);
    expect(next.trigger).toBeUndefined();
    expect(next.state.reason).toBe('policy_satisfied');
  }
});

test('two rules do not take the last place twice: the second sees the first in flight', () => {
  const up = rule('load > 80', { scaling: scaling('up', { maxNodes: 4 }) });
  const values = { load: 90 };
  expect(decide(up, undefined, { values, capacity: counted(3) }, 0).trigger?.nodes).toMatchObject({
    delta: 1,
  });
  expect(decide(up, undefined, { values, capacity: counted(3, 1) }, 0).state).toMatchObject({
    reason: 'at_max_nodes',
    nodes: { current: 3, inFlight: 1 },
  });
});

test('a wisdom time explains itself (keda #737: "the cooldown is not what I thought")', () => {
  const patient = rule('load > 80', { wisdomMs: 300_000 });
  const values = { load: 90 };
  const alarm = decide(patient, undefined, { values }, 0).state;
  const waiting = decide(patient, alarm, { values }, 100).state;
  expect(waiting.reason).toBe('wisdom');
  const circumstances = {
    condition: 'load > 80',
    values: { load: { value: 90 } },
    wisdomUntil: 300_000,
    missingData: 'hold',
  } as const;
  expect(explain(patient, waiting, circumstances, 100_000)).toBe(
    'load is 90, over 80 for 100 s; it triggered at 00:00:00Z and may not again before 00:05:00Z (wisdom time)',
  );
  expect(decide(patient, waiting, { values }, 300).trigger).toBeDefined();
});

test('the wisdom time of an infrastructure is shared by its rules of one direction, and not by the other', () => {
  const [up, down] = (['up', 'down'] as const).map((direction) =>
    rule(direction === 'up' ? 'load > 80' : 'load < 90', {
      scaling: scaling(direction, { wisdomMs: 60_000 }),
    }),
  );
  const seen = { values: { load: 85 }, capacity: counted(5), scalings: scaled(NEVER_SCALED, 'up', 0) };
  expect(decide(up!, undefined, seen, 59).state.reason).toBe('infrastructure_wisdom');
  expect(decide(up!, undefined, seen, 60).trigger).toBeDefined();
  expect(decide(down!, undefined, seen, 1).trigger).toBeDefined();
});

test('an up rule and a down rule that work against each other are stopped by the flap budget', () => {
  const rules = {
    up: rule('load > 50', { scaling: scaling('up', { maxDirectionChanges: 4 }) }),
    down: rule('load < 60', { scaling: scaling('down', { maxDirectionChanges: 4 }) }),
  };
  const states: Partial<Record<Direction, State>> = {};
  let scalings: Scalings = NEVER_SCALED;
  let nodes = 5;
  const story: [number, Direction][] = [];
  for (let seconds = 0; seconds < 7_200; seconds += 60) {
    for (const direction of ['up', 'down'] as const) {
      const seen = { values: { load: 55 }, capacity: counted(nodes), scalings };
      const outcome = decide(rules[direction], states[direction], seen, seconds);
      states[direction] = outcome.state;
      if (outcome.freezesUntil) scalings = { ...scalings, frozenUntil: outcome.freezesUntil };
      if (outcome.trigger) {
        story.push([seconds, direction]);
        nodes += outcome.trigger.nodes!.delta;
        scalings = scaled(scalings, direction, seconds * 1000);
      }
    }
  }
  // Four changes, then frozen for an hour, then it begins anew.
  expect(story.slice(0, 6)).toEqual([
    [0, 'up'],
    [0, 'down'],
    [60, 'up'],
    [60, 'down'],
    [120, 'up'],
    [3_720, 'up'],
  ]);
  expect(states.down).toMatchObject({ phase: 'alarm', reason: 'flapping' });
});
