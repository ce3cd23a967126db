import { ruleWhen } from '../../test/rule';
import { explain, why, type Circumstances } from './explain';
import type { Reason, State } from './types';

const NOON = Date.UTC(2026, 0, 1, 12, 0, 0);
const rule = ruleWhen('cpu > 80', {
  holdMs: 60_000,
  wisdomMs: 300_000,
  scaling: {
    infrastructure: 'web',
    direction: 'up',
    minNodes: 1,
    maxNodes: 4,
    wisdomMs: 0,
    maxDirectionChanges: 6,
    wish: () => 0,
  },
});

function sentence(
  reason: Reason,
  state: Partial<State> = {},
  circumstances: Partial<Circumstances> = {},
): string {
  const base: State = {
    ruleKey: 'k',
    phase: 'alarm',
    reason,
    since: NOON,
    inAlarm: false,
    triggered: false,
    answered: false,
    errors: {},
  };
  return explain(
    rule,
    { ...base, pendingSince: NOON - 42_000, lastTriggeredAt: NOON - 100_000, ...state },
    { condition: 'cpu > 80', values: { cpu: { value: 93 } }, missingData: 'hold', ...circumstances },
    NOON,
  );
}

const nodes = { current: 3, inFlight: 1, effective: 4, desired: 4, delta: 0 };

test.each<[Reason, Partial<State>, Partial<Circumstances>, string]>([
  ['holding', {}, {}, 'cpu is 93, over 80 for 42 s of 60 s; triggers at 12:00:18Z unless it ends'],
  ['condition_false', {}, { values: { cpu: { value: 12.34567 } } }, 'cpu is 12.346; "cpu > 80" is false'],
  [
    'wisdom',
    {},
    { wisdomUntil: NOON + 200_000 },
    'cpu is 93, over 80 for 42 s; it triggered at 11:58:20Z and may not again before 12:03:20Z (wisdom time)',
  ],
  [
    'at_max_nodes',
    { nodes },
    {},
    'cpu is 93, over 80 for 42 s; web has 3 nodes (and 1 to come), its maximum is 4',
  ],
  [
    'nodes_unknown',
    { nodesError: 'no answer in 5 s' },
    {},
    "cpu is 93, over 80 for 42 s; the nodes of web can't be counted, so it is not scaled: no answer in 5 s",
  ],
  [
    'nodes_unknown',
    { nodesError: "the nodes of web can't be counted: no answer in 5 s" },
    {},
    "cpu is 93, over 80 for 42 s; the nodes of web can't be counted, so it is not scaled: no answer in 5 s",
  ],
  [
    'triggered',
    { nodes: { ...nodes, inFlight: 0, effective: 3 } },
    {},
    'cpu is 93, over 80 for 42 s; triggered at 11:58:20Z, from 3 to 4 nodes',
  ],
  [
    'triggered',
    { nodes: { ...nodes, desired: 5 } },
    {},
    'cpu is 93, over 80 for 42 s; triggered at 11:58:20Z, from 3 (and 1 to come) to 5 nodes',
  ],
  [
    'triggered',
    { nodes: { current: 5, inFlight: -1, effective: 4, desired: 3, delta: -1 } },
    {},
    'cpu is 93, over 80 for 42 s; triggered at 11:58:20Z, from 5 (1 of them leaving) to 3 nodes',
  ],
  [
    'awaiting_approval',
    { nodes: { current: 3, inFlight: -1, unapproved: -1, effective: 2, desired: 1, delta: -1 } },
    {},
    "cpu is 93, over 80 for 42 s; triggered at 11:58:20Z, from 3 (1 of them leaving if approved) to 1 nodes, and waits for a person's approval",
  ],
  [
    'awaiting_approval',
    { nodes: { current: 3, inFlight: 3, unapproved: 1, effective: 6, desired: 7, delta: 1 } },
    {},
    "cpu is 93, over 80 for 42 s; triggered at 11:58:20Z, from 3 (and 2 to come, and 1 to come if approved) to 7 nodes, and waits for a person's approval",
  ],
  [
    'at_max_nodes',
    { nodes: { current: 3, inFlight: 1, unapproved: 1, effective: 4, desired: 4, delta: 0 } },
    {},
    'cpu is 93, over 80 for 42 s; web has 3 nodes (and 1 to come if approved), its maximum is 4',
  ],
  ['missing_data', { phase: 'unknown' }, {}, 'nothing has been read yet'],
  [
    'missing_data',
    { phase: 'unknown', errors: { cpu: 'no answer in 5 s' } },
    {},
    "cpu can't be read: no answer in 5 s; nothing triggers, the hold time stands still",
  ],
  [
    'missing_data',
    { phase: 'alarm', errors: { load: 'no answer' } },
    {},
    "cpu is 93, over 80 for 42 s; its policy can't say how many nodes there should be: load can't be read: no answer",
  ],
  [
    'holding',
    {},
    { values: { cpu: { value: 93, note: 'avg 5 min, 40 s of it seen' } } },
    'cpu is 93 (avg 5 min, 40 s of it seen), over 80 for 42 s of 60 s; triggers at 12:00:18Z unless it ends',
  ],
  [
    'flapping',
    {},
    { scalings: { lastAt: {}, directionChanges: [], frozenUntil: NOON + 60_000 } },
    'cpu is 93, over 80 for 42 s; web was to go up and down more than 6 times within an hour, so nobody scales it before 12:01:00Z',
  ],
  [
    'policy_satisfied',
    { nodes: { ...nodes, inFlight: 0 } },
    {},
    'cpu is 93, over 80 for 42 s; web has 3 nodes, and its policy asks for no change',
  ],
  [
    'policy_satisfied',
    { nodes: { current: 6, inFlight: -2, effective: 4, desired: 4, delta: 0, isCovered: true } },
    {},
    'cpu is 93, over 80 for 42 s; web has 6 nodes (2 of them leaving), and its policy asks for no more than those that are there',
  ],
  [
    'holding',
    { inAlarm: true, triggered: true, trueSince: NOON - 142_000, pendingSince: NOON - 9_000 },
    { wisdomUntil: NOON + 200_000 },
    'cpu is 93, over 80 for 142 s; it triggered at 11:58:20Z, and its hold time of 60 s runs anew; triggers again at 12:03:20Z unless it ends',
  ],
  [
    'holding',
    {},
    { killSwitch: true },
    'cpu is 93, over 80 for 42 s of 60 s; the kill switch is on, so nothing triggers at its end',
  ],
  ['kill_switch', {}, {}, 'cpu is 93, over 80 for 42 s; the kill switch is on, so nothing triggers'],
])('%s', (reason, state, circumstances, expected) => {
  expect(sentence(reason, state, circumstances)).toBe(expected);
});

test('a condition over several metrics is quoted, with all their values', () => {
  const values = { cpu: { value: 93 }, load: { error: 'no answer' } };
  expect(sentence('holding', {}, { condition: 'cpu > 80 || load > 4', values })).toBe(
    'cpu is 93, load is missing; "cpu > 80 || load > 4" is true for 42 s of 60 s; triggers at 12:00:18Z unless it ends',
  );
});

describe('why', () => {
  const taken = (state: Partial<State>, circumstances: Partial<Circumstances> = {}) =>
    why(
      rule,
      {
        ruleKey: 'k',
        phase: 'alarm',
        reason: 'triggered',
        since: NOON,
        inAlarm: false,
        triggered: false,
        answered: false,
        errors: {},
        ...state,
      },
      { condition: 'cpu > 80', values: { cpu: { value: 93 } }, missingData: 'hold', ...circumstances },
      NOON,
    );

  test('the condition has its values filled in', () => {
    expect(taken({}).condition).toEqual({ text: 'cpu > 80', filled: '93 > 80', truth: true });
    expect(taken({}, { values: { cpu: { error: 'no answer' } } }).condition).toEqual({
      text: 'cpu > 80',
      filled: 'missing > 80',
      truth: null,
    });
    const condition = 'max(cpu, 3) > 80 || isMissing(load)';
    const values = { cpu: { value: 1.23456 }, load: { error: 'no answer' } };
    expect(taken({}, { condition, values }).condition.filled).toBe('max(1.235, 3) > 80 || true');
  });

  test.each<[Partial<State>, Partial<Circumstances>, string | undefined, string[]]>([
    [
      { phase: 'ok', reason: 'condition_false' },
      { values: { cpu: { value: 12 } } },
      undefined,
      ['"cpu > 80" (cpu is 12) must become true and stay true for 1 min'],
    ],
    [
      { phase: 'pending', reason: 'holding', pendingSince: NOON - 42_000 },
      {},
      'its hold time of 60 s is not over; triggers at 12:00:18Z unless it ends',
      ['the condition must stay true until 12:00:18Z'],
    ],
    [
      { reason: 'at_max_nodes', nodes },
      {},
      'web has 3 nodes (and 1 to come), its maximum is 4',
      ['web must have fewer than 4 nodes, or a higher maxNodes'],
    ],
    [
      { reason: 'missing_data', phase: 'unknown', errors: { cpu: 'no answer' } },
      {},
      "cpu can't be read: no answer; nothing triggers, the hold time stands still",
      ['cpu must be readable again'],
    ],
    [
      { reason: 'triggered', lastTriggeredAt: NOON },
      { wisdomUntil: NOON + 300_000 },
      undefined,
      ['it triggers again at 12:05:00Z at the earliest, if the condition stays true'],
    ],
  ])('%j', (state, circumstances, detail, toChange) => {
    const { guard, ...rest } = taken(state, circumstances);
    expect(guard?.detail).toBe(detail);
    expect(rest.toChange).toEqual(toChange);
  });
});
