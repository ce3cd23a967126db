import { ruleWhen } from '../../test/rule';
import { compileCondition } from './condition';
import {
  asksForGap,
  evaluate,
  initialState,
  NEVER_SCALED,
  nextMoment,
  rememberedUntil,
  scaled,
  type Decided,
} from './evaluate';
import type { Capacity, Observation, Rule, State, Values } from './types';

/** `_` is a failed read; a number is cpu. */
type Reading = number | '_';
/** [second, cpu, expected reason] */
type Row = readonly [second: number, cpu: Reading, reason: string];

const MINUTE = 60;

function rule(changes: Partial<Rule> & { when?: string; until?: string } = {}): Rule {
  const { when = 'cpu > 80', until, ...rest } = changes;
  const recovery = until === undefined ? undefined : compileCondition(until, ['cpu']);
  return ruleWhen(when, { recovery: recovery && ((values) => recovery(values).truth), ...rest });
}

/** Tells a story second by second; answers the state after each row, and the seconds that triggered. */
function tell(
  given: Rule,
  rows: readonly Row[],
  more: (second: number) => Partial<Observation> = () => ({}),
) {
  let state: State = initialState(given, rows[0]![0] * 1000);
  let previousAt: number | undefined;
  const triggers: number[] = [];
  const reasons: [number, Reading, string][] = [];
  for (const [second, cpu] of rows) {
    const now = second * 1000;
    const values: Record<string, number> = cpu === '_' ? {} : { cpu };
    const errors: Record<string, string> = cpu === '_' ? { cpu: 'no answer in 5 s' } : {};
    const outcome = evaluate(
      given,
      state,
      { values, errors, killSwitch: false, previousAt, ...more(second) },
      now,
    );
    if (outcome.needs) throw new Error(`second ${second}: a count of nodes is needed`);
    state = outcome.state;
    if (outcome.trigger) triggers.push(second);
    if (cpu !== '_') previousAt = now;
    reasons.push([second, cpu, state.reason]);
  }
  return { state, triggers, reasons };
}

/** The story goes as its rows say. */
function expectStory(
  given: Rule,
  rows: readonly Row[],
  more?: (second: number) => Partial<Observation>,
): State {
  const { state, reasons } = tell(given, rows, more);
  expect(reasons).toEqual(rows);
  return state;
}

describe('hold', () => {
  test('a condition triggers when it has been true as long as the hold, not before', () => {
    expectStory(rule({ holdMs: 30_000 }), [
      [0, 50, 'condition_false'],
      [10, 90, 'holding'],
      [20, 90, 'holding'],
      [30, 90, 'holding'],
      [40, 90, 'triggered'],
    ]);
  });

  test('a dip starts the hold again', () => {
    expectStory(rule({ holdMs: 20_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'holding'],
      [20, 70, 'condition_false'],
      [30, 90, 'holding'],
      [40, 90, 'holding'],
      [50, 90, 'triggered'],
    ]);
  });

  test('without a hold the first true evaluation triggers', () => {
    expectStory(rule({ wisdomMs: MINUTE * 1000 }), [
      [0, 90, 'triggered'],
      [10, 90, 'wisdom'],
    ]);
  });

  test('a gap between evaluations is not counted: a hold must be seen through a restart', () => {
    // 20 s are seen before the gap of 60 s; the other 20 s of the hold must be seen after it.
    expectStory(rule({ holdMs: 40_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'holding'],
      [20, 90, 'holding'],
      [80, 90, 'holding'],
      [90, 90, 'holding'],
      [100, 90, 'triggered'],
    ]);
  });

  test('a gap of up to three intervals is none', () => {
    expectStory(rule({ holdMs: 40_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'holding'],
      [40, 90, 'triggered'],
    ]);
  });
});

describe('wisdom time and repeat', () => {
  test('a lasting breach triggers again at the later of wisdom and hold: the wisdom', () => {
    const { triggers } = tell(rule({ holdMs: 20_000, wisdomMs: 60_000 }), every10(0, 200, 90));
    expect(triggers).toEqual([20, 80, 140, 200]);
  });

  test('a lasting breach triggers again at the later of wisdom and hold: the hold', () => {
    const { triggers } = tell(rule({ holdMs: 50_000, wisdomMs: 30_000 }), every10(0, 200, 90));
    // The hold begins again at the evaluation after the trigger.
    expect(triggers).toEqual([50, 110, 170]);
  });

  test('the alarm lasts while the hold runs again; then the wisdom time is the reason', () => {
    const given = rule({ holdMs: 20_000, wisdomMs: 60_000 });
    const { state } = tell(given, every10(0, 30, 90));
    expect(state).toMatchObject({ phase: 'alarm', reason: 'holding', since: 20_000 });
    expect(state).toMatchObject({ trueSince: 0, pendingSince: 30_000 });
    expectStory(given, [
      [0, 90, 'holding'],
      [10, 90, 'holding'],
      [20, 90, 'triggered'],
      [30, 90, 'holding'],
      [40, 90, 'holding'],
      [50, 90, 'wisdom'],
      [60, 90, 'wisdom'],
      [70, 90, 'wisdom'],
      [80, 90, 'triggered'],
    ]);
  });

  test('a dip ends the alarm, and how long it lasts is counted anew', () => {
    const given = rule({ holdMs: 20_000 });
    const dip: Row[] = [
      [40, 50, 'condition_false'],
      [50, 90, 'holding'],
    ];
    const { state } = tell(given, [...every10(0, 30, 90), ...dip]);
    expect(state).toMatchObject({ phase: 'pending', reason: 'holding', trueSince: 50_000 });
  });

  test('recovery forgets the hold and keeps the wisdom time', () => {
    expectStory(rule({ holdMs: 10_000, wisdomMs: 60_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'triggered'],
      [20, 50, 'condition_false'],
      [30, 90, 'holding'],
      [40, 90, 'wisdom'],
      [70, 90, 'triggered'],
    ]);
  });

  test('repeat: false triggers once until it has recovered', () => {
    expectStory(rule({ repeat: false, holdMs: 10_000, wisdomMs: 10_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'triggered'],
      [20, 90, 'not_repeating'],
      [60, 90, 'not_repeating'],
      [70, 50, 'condition_false'],
      [80, 90, 'holding'],
      [90, 90, 'triggered'],
    ]);
  });
});

describe('recovery', () => {
  test('once in alarm, the alarm lasts until the recovery is true', () => {
    expectStory(rule({ until: 'cpu < 60', wisdomMs: 3_600_000 }), [
      [0, 70, 'condition_false'],
      [10, 90, 'triggered'],
      [20, 70, 'wisdom'],
      [30, 60, 'wisdom'],
      [40, 59, 'condition_false'],
      [50, 70, 'condition_false'],
    ]);
  });

  test('while it only holds, the condition being false ends it', () => {
    expectStory(rule({ until: 'cpu < 60', holdMs: 20_000 }), [
      [0, 90, 'holding'],
      [10, 70, 'condition_false'],
    ]);
  });
});

describe('missing data', () => {
  test('hold: the hold time stands still and nothing triggers', () => {
    expectStory(rule({ holdMs: 30_000 }), [
      [0, 90, 'holding'],
      [10, 90, 'holding'],
      [20, '_', 'missing_data'],
      [30, '_', 'missing_data'],
      [40, '_', 'missing_data'],
      // 10 s were seen before the gap; it goes on from there.
      [50, 90, 'holding'],
      [60, 90, 'holding'],
      [70, 90, 'triggered'],
    ]);
  });

  test('hold: an alarm does not end, and does not trigger, by being blind', () => {
    const state = expectStory(rule({ repeat: false, until: 'cpu < 60' }), [
      [0, 90, 'triggered'],
      [10, '_', 'missing_data'],
      [20, 70, 'not_repeating'],
    ]);
    expect(state.phase).toBe('alarm');
  });

  test('reset: it counts as false, and is unknown', () => {
    const given = rule({ holdMs: 20_000, missingData: 'reset' });
    expectStory(given, [
      [0, 90, 'holding'],
      [10, '_', 'missing_data'],
      [20, 90, 'holding'],
      [30, 90, 'holding'],
      [40, 90, 'triggered'],
    ]);
    expect(tell(given, [[0, '_', '']]).state.phase).toBe('unknown');
  });

  test('ok: as reset, without an unknown state', () => {
    expectStory(rule({ holdMs: 20_000, missingData: 'ok' }), [
      [0, 90, 'holding'],
      [10, '_', 'condition_false'],
      [20, 90, 'holding'],
      [40, 90, 'triggered'],
    ]);
  });

  test('breach: it counts as true', () => {
    expectStory(rule({ holdMs: 20_000, missingData: 'breach' }), [
      [0, '_', 'holding'],
      [10, '_', 'holding'],
      [20, '_', 'triggered'],
    ]);
  });

  test('what the others decide alone is decided', () => {
    const condition = compileCondition('cpu > 80 || load > 4.0', ['cpu', 'load']);
    expect(condition({ cpu: 90 })).toEqual({ truth: true });
    expect(condition({ load: 5 })).toEqual({ truth: true });
    expect(condition({ cpu: 50 })).toEqual({ because: expect.stringContaining('load') });
    const both = compileCondition('cpu > 80 && load > 4.0', ['cpu', 'load']);
    expect(both({ cpu: 50 })).toEqual({ truth: false });
    expect(both({ load: 1 })).toEqual({ truth: false });
    expect(both({ load: 5 }).truth).toBeUndefined();
  });
});

test('an alarm that is forgotten in the dark does not wait for its recovery', () => {
  const recovery = (values: Values) => values.cpu! < 60;
  const forgetful = rule({ recovery, missingData: 'ok', repeat: false });
  const at = (seconds: number, cpu: number, state: State, previousAt?: number) =>
    evaluate(
      forgetful,
      state,
      { values: { cpu }, errors: {}, killSwitch: false, previousAt },
      seconds * 1000,
    ) as Decided;
  const alarm = at(0, 90, initialState(forgetful, 0));
  expect(at(10, 70, alarm.state, 0).state.phase).toBe('alarm');
  expect(at(600, 70, alarm.state, 0).state.phase).toBe('ok');
});

test('a hold of a condition that is true because nothing can be read goes on', () => {
  const blind = rule({ condition: ({ cpu }) => cpu === undefined, holdMs: 60_000 });
  const observation = { values: {}, errors: { cpu: 'no answer' }, killSwitch: false, isBlind: true };
  let state = initialState(blind, 0);
  for (let seconds = 0; seconds <= 60; seconds += 10) {
    const previousAt = asksForGap(state) ? rememberedUntil(state) : undefined;
    const outcome = evaluate(blind, state, { ...observation, previousAt }, seconds * 1000) as Decided;
    expect(outcome.changed).toBe(true);
    state = outcome.state;
  }
  expect(state.reason).toBe('triggered');
});

describe('guards, in their order', () => {
  const scaling = {
    infrastructure: 'web',
    direction: 'up' as const,
    minNodes: 1,
    maxNodes: 4,
    wisdomMs: 60_000,
    maxDirectionChanges: 2,
    wish: ({ effective }: { effective: number }): number | undefined => effective + 2,
  };
  const scaledUpAt = (at: number) => scaled(NEVER_SCALED, 'up', at);
  const counted = (current: number, inFlight = 0): Capacity => ({ known: true, current, inFlight });
  const at = (given: Rule, observation: Partial<Observation>, state = initialState(given, 0)) =>
    evaluate(given, state, { values: { cpu: 90 }, errors: {}, killSwitch: false, ...observation }, 100_000);

  test('the kill switch stands before everything', () => {
    const outcome = at(rule({ scaling }), { killSwitch: true, capacity: counted(4) });
    expect(outcome).toMatchObject({ state: { phase: 'alarm', reason: 'kill_switch' } });
    expect(outcome).not.toHaveProperty('trigger');
  });

  test('the wisdom time of the infrastructure counts for all its services', () => {
    expect(at(rule({ scaling }), { scalings: scaledUpAt(50_000) })).toMatchObject({
      state: { reason: 'infrastructure_wisdom' },
    });
    expect(at(rule({ scaling }), { scalings: scaledUpAt(40_000), capacity: counted(1) })).toMatchObject({
      state: { reason: 'triggered' },
    });
  });

  test('nodes are asked for only when nothing else stands against a trigger', () => {
    expect(at(rule({ scaling }), {})).toEqual({ needs: 'capacity' });
    expect(at(rule({ scaling, holdMs: 1 }), {})).toMatchObject({ state: { reason: 'holding' } });
  });

  test.each([
    ['up', 'asks for no fewer than there are', counted(4, -3)],
    ['down', 'asks for no more than there are', counted(1, 2)],
  ] as const)('%s %s', (direction, _, capacity) => {
    const wish = ({ effective }: { effective: number }) => effective + (direction === 'up' ? 1 : -1);
    expect(at(rule({ scaling: { ...scaling, direction, wish } }), { capacity })).toMatchObject({
      state: { reason: 'policy_satisfied', nodes: { delta: 0, isCovered: true } },
    });
  });

  test('blind never scales', () => {
    expect(at(rule({ scaling }), { capacity: { known: false, error: 'no answer' } })).toMatchObject({
      state: { reason: 'nodes_unknown', nodesError: 'no answer' },
    });
  });

  test.each([
    ['a wish within the limits is granted', 'up', counted(1), { delta: 2, desired: 3 }],
    ['a wish over the maximum is clamped to it', 'up', counted(3), { delta: 1, desired: 4 }],
    ['what is in flight counts', 'up', counted(1, 2), { delta: 1, desired: 4 }],
    ['a wish below the minimum is raised to it', 'up', counted(0, -1), { delta: 2, desired: 1 }],
    [
      'what waits for approval counts for rules of its direction',
      'up',
      { ...counted(1), unapproved: { up: 1, down: -1 } },
      { inFlight: 1, delta: 2, desired: 4 },
    ],
    ['nodes that leave are no fewer than there are', 'up', counted(3, -2), { delta: 2, desired: 3 }],
  ] as const)('%s', (_, direction, capacity, nodes) => {
    const outcome = at(rule({ scaling: { ...scaling, direction } }), { capacity });
    expect(outcome).toMatchObject({ state: { reason: 'triggered' }, trigger: { nodes } });
  });

  test('when nothing is left of the wish, the limit is the reason', () => {
    expect(at(rule({ scaling }), { capacity: counted(2, 2) })).toMatchObject({
      state: { reason: 'at_max_nodes', nodes: { effective: 4 } },
    });
    const down = {
      ...scaling,
      direction: 'down' as const,
      wish: ({ effective }: { effective: number }) => effective - 1,
    };
    expect(at(rule({ scaling: down }), { capacity: counted(1) })).toMatchObject({
      state: { reason: 'at_min_nodes' },
    });
    expect(at(rule({ scaling: down }), { capacity: counted(3) })).toMatchObject({
      trigger: { nodes: { delta: -1, desired: 2 } },
    });
  });

  test('a policy that asks for no change is the reason, not a limit', () => {
    const content = { ...scaling, wish: ({ effective }: { effective: number }) => effective };
    expect(at(rule({ scaling: content }), { capacity: counted(2) })).toMatchObject({
      state: { phase: 'alarm', reason: 'policy_satisfied' },
    });
  });

  test('a policy that misses a value scales nothing', () => {
    const blind = { ...scaling, wish: () => undefined };
    expect(at(rule({ scaling: blind }), { capacity: counted(2) })).toMatchObject({
      state: { phase: 'alarm', reason: 'missing_data' },
    });
  });

  describe('the flap budget', () => {
    const HOUR_MS = 3_600_000;
    /** Up, down, up: two changes of direction. */
    const flapped = scaled(scaled(scaled(NEVER_SCALED, 'up', 1_000), 'down', 20_000), 'up', 30_000);
    const down = {
      ...scaling,
      direction: 'down' as const,
      wisdomMs: 0,
      wish: ({ effective }: { effective: number }) => effective - 1,
    };

    test('a change of direction too many does not happen, and freezes scaling for an hour', () => {
      expect(flapped.directionChanges).toEqual([20_000, 30_000]);
      const outcome = at(rule({ scaling: down }), { scalings: flapped, capacity: counted(3) });
      expect(outcome).toMatchObject({ state: { reason: 'flapping' }, freezesUntil: 100_000 + HOUR_MS });
      expect(outcome).not.toHaveProperty('trigger');
    });

    test('while it is frozen neither direction scales, and nodes are not counted', () => {
      const scalings = { ...flapped, frozenUntil: 100_001 };
      expect(at(rule({ scaling: down }), { scalings })).toMatchObject({ state: { reason: 'flapping' } });
      const up = { ...scaling, wisdomMs: 0 };
      expect(at(rule({ scaling: up }), { scalings })).toMatchObject({ state: { reason: 'flapping' } });
      expect(at(rule({ scaling: up }), { scalings: { ...flapped, frozenUntil: 100_000 } })).toEqual({
        needs: 'capacity',
      });
    });

    test('going on in the same direction is no change', () => {
      const up = { ...scaling, wisdomMs: 0 };
      expect(at(rule({ scaling: up }), { scalings: flapped, capacity: counted(1) })).toMatchObject({
        state: { reason: 'triggered' },
      });
    });

    test('changes are forgotten after an hour', () => {
      expect(scaled(flapped, 'down', 20_000 + HOUR_MS).directionChanges).toEqual([30_000, 20_000 + HOUR_MS]);
    });
  });

  test.each([
    ['shadow', 'shadowed'],
    ['approve', 'awaiting_approval'],
    ['auto', 'triggered'],
  ] as const)('mode %s decides last: %s, and its wisdom time begins', (mode, reason) => {
    expectStory(rule({ mode, wisdomMs: 20_000 }), [
      [0, 90, reason],
      [10, 90, 'wisdom'],
      [20, 90, reason],
    ]);
  });

  test('a disabled service is unknown, and forgets its hold', () => {
    const outcome = at(rule({ enabled: false }), {});
    expect(outcome).toMatchObject({ state: { phase: 'unknown', reason: 'disabled', inAlarm: false } });
  });
});

describe('what is written', () => {
  test('a steady service changes nothing', () => {
    const given = rule();
    const observation = { values: { cpu: 50 }, errors: {}, killSwitch: false };
    const first = evaluate(given, initialState(given, 0), observation, 0);
    if (first.needs) throw new Error('no nodes here');
    expect(first.changed).toBe(true);
    expect(evaluate(given, first.state, observation, 10_000)).toMatchObject({
      changed: false,
      opensInterval: false,
    });
  });

  test('another condition starts anew; the wisdom time is kept', () => {
    const before = tell(rule({ wisdomMs: 60_000 }), [[0, 90, 'triggered']]).state;
    const changed = rule({ when: 'cpu > 85', holdMs: 20_000, wisdomMs: 60_000 });
    const outcome = evaluate(changed, before, { values: { cpu: 90 }, errors: {}, killSwitch: false }, 10_000);
    expect(outcome).toMatchObject({
      state: { reason: 'holding', pendingSince: 10_000, wisdomFrom: 0, inAlarm: false },
    });
  });
});

describe('a rule without polls', () => {
  const fed = (changes: Partial<Rule> = {}) => rule({ intervalMs: undefined, ...changes });
  const observation: Observation = { values: { cpu: 90 }, errors: {}, killSwitch: false };
  const moment = (given: Rule, rows: readonly Row[], lifeEndsAt?: number) => {
    const { state } = tell(given, rows);
    return nextMoment(given, state, observation, lifeEndsAt, rows.at(-1)![0] * 1000);
  };

  test('is evaluated again at the end of its hold', () => {
    expect(moment(fed({ holdMs: 60_000 }), [[10, 90, '']])).toBe(70_000);
  });

  test('triggers again at the later of wisdom and hold', () => {
    expect(
      moment(fed({ wisdomMs: 300_000, holdMs: 60_000 }), [
        [0, 90, ''],
        [60, 90, ''],
      ]),
    ).toBe(360_000);
  });

  test('with a wisdom time of 0 it triggers once', () => {
    expect(moment(fed(), [[0, 90, '']])).toBeUndefined();
  });

  test('with a wisdom time of 0 it triggers once per alert, not when another one ends', () => {
    const news = (second: number) => ({ news: [0, 20].includes(second) });
    const { triggers } = tell(
      fed(),
      [
        [0, 90, ''],
        [10, 90, ''],
        [20, 90, ''],
        [30, 90, ''],
      ],
      news,
    );
    expect(triggers).toEqual([0, 20]);
  });

  test('an alert that comes while the hold runs again triggers at its end', () => {
    const news = (second: number) => ({ news: [0, 40].includes(second) });
    const { triggers } = tell(
      fed({ holdMs: 30_000 }),
      [
        [0, 90, ''],
        [30, 90, ''],
        [40, 90, ''],
        [60, 90, ''],
        [90, 90, ''],
      ],
      news,
    );
    expect(triggers).toEqual([30, 60]);
  });

  test('is evaluated when the life of an alert ends', () => {
    expect(moment(fed(), [[0, 90, '']], 5_000)).toBe(5_000);
  });
});

function every10(from: number, to: number, cpu: number): Row[] {
  return Array.from({ length: (to - from) / 10 + 1 }, (_, index) => [from + index * 10, cpu, ''] as const);
}
