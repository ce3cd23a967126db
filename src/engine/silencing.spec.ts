import { ruleWhen } from '../../test/rule';
import { evaluate, initialState, nextMoment } from './evaluate';
import { explain, why } from './explain';
import type { Mutes, Observation, Parent, Rule, Scaling, SilenceWindow, State } from './types';

const T0 = 1_800_000_000_000;
const INTERVAL_MS = 10_000;

const silence = (
  from: number,
  until: number,
  given: Partial<SilenceWindow> = {},
  id = 'night',
): SilenceWindow => ({
  id,
  owner: 'anna',
  reason: 'patching',
  mutes: 'actions',
  onEnd: 'act',
  from: T0 + from * 1000,
  until: T0 + until * 1000,
  ...given,
});

const DOWN: Scaling = {
  infrastructure: 'web',
  direction: 'down',
  minNodes: 0,
  maxNodes: 9,
  wisdomMs: 0,
  maxDirectionChanges: 9,
  wish: ({ effective }) => effective - 1,
};

type Line = [second: number, cpu: number, reason: string, steps?: number[]];

interface Told {
  rule?: Partial<Rule>;
  silences?: readonly SilenceWindow[];
  parent?: (second: number) => Parent | null | undefined;
  acknowledged?: (second: number) => State['acknowledged'];
}

/** Plays a story; each line says what the rule has to say. The state is written and read at every moment. */
function story({ rule: given = {}, silences, parent, acknowledged }: Told, lines: readonly Line[]): State {
  const rule = ruleWhen('cpu > 80', {
    intervalMs: INTERVAL_MS,
    graceMs: INTERVAL_MS,
    wisdomMs: 0,
    ...given,
  });
  let state: State | undefined;
  for (const [second, cpu, reason, steps = []] of lines) {
    const now = T0 + second * 1000;
    const told = acknowledged?.(second);
    if (state !== undefined && told !== undefined) state = { ...state, acknowledged: told };
    const seen: Observation = {
      values: { cpu },
      errors: {},
      killSwitch: false,
      // What has ended long ago is forgotten.
      silences: silences?.filter((one) => one.from <= now && now < one.until + 3 * INTERVAL_MS),
      parent: parent?.(second) ?? null,
      capacity: { known: true, current: 5, inFlight: 0 },
    };
    const outcome = evaluate(rule, state ?? initialState(rule, now), seen, now);
    if (outcome.needs) throw new Error(`second ${second}: needs ${outcome.needs}`);
    expect([second, cpu, outcome.state.reason, outcome.followUp?.escalates ?? []]).toEqual([second, cpu, reason, steps]); // prettier-ignore
    state = JSON.parse(JSON.stringify(outcome.state)) as State;
  }
  return state!;
}

describe('a silence', () => {
  test('mutes from its first moment up to its last, and the breach that lasts acts an interval later', () => {
    story({ rule: { wisdomMs: 10_000 }, silences: [silence(10, 40)] }, [
      [0, 90, 'triggered'],
      [10, 90, 'silenced'],
      [30, 90, 'silenced'],
      [40, 90, 'silenced'],
      [50, 90, 'triggered'],
    ]);
  });

  test('that ends between two polls lets the first one act that is a whole interval after it', () => {
    story({ silences: [silence(0, 33)] }, [
      [0, 90, 'silenced'],
      [30, 90, 'silenced'],
      [40, 90, 'silenced'],
      [50, 90, 'triggered'],
    ]);
  });

  test('begins no wisdom time by what it mutes', () => {
    story({ rule: { wisdomMs: 60_000 }, silences: [silence(0, 20)] }, [
      [0, 90, 'silenced'],
      [30, 90, 'triggered'],
      [40, 90, 'wisdom'],
    ]);
  });

  test('leaves no grace to a breach that begins at its end or later', () => {
    story({ silences: [silence(0, 20)] }, [
      [0, 10, 'condition_false'],
      [10, 10, 'condition_false'],
      [20, 90, 'triggered'],
    ]);
  });

  test('does not stop the hold: what is held when it ends acts at the later of hold and grace', () => {
    const told = { rule: { holdMs: 30_000 }, silences: [silence(0, 20)] };
    story(told, [
      [10, 90, 'holding'],
      [20, 90, 'holding'],
      [30, 90, 'holding'],
      [40, 90, 'triggered'],
    ]);
  });

  test('that waits at its end lets only a fresh breach act, however long this one lasts', () => {
    story({ silences: [silence(0, 20, { onEnd: 'wait' })] }, [
      [10, 90, 'silenced'],
      [20, 90, 'silenced'],
      [9_990, 90, 'silenced'],
      [10_000, 10, 'condition_false'],
      [10_010, 90, 'triggered'],
    ]);
  });

  test('between two polls is waited out too, and a breach from before it has had its turn', () => {
    story({ rule: { wisdomMs: 10_000 }, silences: [silence(11, 14, { onEnd: 'wait' })] }, [
      [0, 90, 'triggered'],
      [10, 90, 'triggered'],
      [20, 90, 'silenced'],
      [30, 90, 'silenced'],
    ]);
  });

  test.each<[Mutes, Partial<Rule>, string]>([
    ['scale_down', { scaling: DOWN }, 'silenced'],
    [
      'scale_down',
      { scaling: { ...DOWN, direction: 'up', wish: ({ effective }) => effective + 1 } },
      'triggered',
    ],
    ['scale_down', {}, 'triggered'],
    ['notifications', { scaling: DOWN }, 'triggered'],
    ['actions', { scaling: DOWN }, 'silenced'],
  ])('of %s with %j: %s', (mutes, rule, reason) => {
    story({ rule, silences: [silence(0, 60, { mutes })] }, [[10, 90, reason]]);
  });

  test('of telling holds the steps of an escalation back, and they are taken an interval after its end', () => {
    const rule = { repeat: false, escalationMs: [20_000, 40_000] };
    story({ rule, silences: [silence(10, 50, { mutes: 'notifications' })] }, [
      [0, 90, 'triggered'],
      [20, 90, 'not_repeating'],
      [50, 90, 'not_repeating'],
      [60, 90, 'not_repeating', [0, 1]],
    ]);
    story({ rule, silences: [silence(10, 50, { mutes: 'notifications', onEnd: 'wait' })] }, [
      [0, 90, 'triggered'],
      [20, 90, 'not_repeating'],
      [990, 90, 'not_repeating'],
    ]);
  });

  test('overlaps with others: the longest is named, and nothing acts before the last has ended', () => {
    const silences = [
      silence(0, 30),
      silence(10, 50, { owner: 'ben' }, 'other'),
      silence(0, 20, {}, 'short'),
    ];
    const state = story({ silences }, [
      [0, 90, 'silenced'],
      [20, 90, 'silenced'],
      [40, 90, 'silenced'],
    ]);
    const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, graceMs: INTERVAL_MS });
    const told = {
      condition: 'cpu > 80',
      values: { cpu: { value: 90 } },
      missingData: 'hold',
      silences,
    } as const;
    expect(explain(rule, state, told, T0 + 40_000)).toContain(
      'ben silenced it ("patching") until 2027-01-15',
    );
    expect(why(rule, state, told, T0 + 40_000).guard).toMatchObject({ reason: 'silenced' });
  });

  test.each<[string, Partial<SilenceWindow>[], string, string]>([
    ['lets act what it was to have waiting', [{ onEnd: 'act' }], 'silenced', 'triggered'],
    ['mutes telling alone', [{ onEnd: 'wait', mutes: 'notifications' }], 'triggered', 'triggered'],
    ['mutes what scales down alone', [{ onEnd: 'wait', mutes: 'scale_down' }], 'triggered', 'triggered'],
    ['is to wait where it was to act', [{ onEnd: 'act' }, { onEnd: 'wait' }], 'silenced', 'silenced'],
    ['lasts longer', [{ onEnd: 'wait', until: T0 + 45_000 }], 'silenced', 'silenced'],
    ['covers the service no more', [], 'silenced', 'silenced'],
  ])('that is changed while it mutes, and %s', (_, changes, during, after) => {
    const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, graceMs: INTERVAL_MS });
    let state = initialState(rule, T0);
    const at = (second: number, silences: SilenceWindow[]): string => {
      const seen = { values: { cpu: 90 }, errors: {}, killSwitch: false, silences };
      const outcome = evaluate(rule, state, seen, T0 + second * 1000) as { state: State };
      state = JSON.parse(JSON.stringify(outcome.state)) as State;
      return state.reason;
    };
    expect(at(0, [silence(0, 40, { onEnd: 'wait' })])).toBe('silenced');
    const versions = changes.map((change) => [silence(0, 40, change)]);
    if (versions.length === 0) versions.push([]);
    const said = versions.map((told, index) => at(10 + index * 10, told));
    expect(said.at(-1)).toBe(during);
    expect(at(900, versions.at(-1)!)).toBe(after);
    expect(at(910, [])).toBe(after);
  });

  test('that covers a service no more is said to have ended then', () => {
    const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, graceMs: INTERVAL_MS });
    const seen = { values: { cpu: 90 }, errors: {}, killSwitch: false };
    const silences = [silence(0, 900, { onEnd: 'wait' })];
    const first = evaluate(rule, initialState(rule, T0), { ...seen, silences }, T0) as { state: State };
    const { state } = evaluate(rule, first.state, seen, T0 + 10_000) as { state: State };
    expect(state.waits).toMatchObject({ act: { until: T0 + 10_000 }, tell: { until: T0 + 10_000 } });
  });

  test('whose beginning and end nobody saw mutes as if somebody had', () => {
    const told = (onEnd: 'act' | 'wait') => [silence(30, 60, { onEnd })];
    const story = (onEnd: 'act' | 'wait', second: number) => {
      const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, graceMs: INTERVAL_MS, wisdomMs: 0 });
      const seen = { values: { cpu: 90 }, errors: {}, killSwitch: false };
      const { state } = evaluate(rule, initialState(rule, T0), seen, T0) as { state: State };
      // The worker was away meanwhile.
      const back = { ...seen, silences: told(onEnd), previousAt: T0 };
      return (evaluate(rule, state, back, T0 + second * 1000) as { state: State }).state.reason;
    };
    expect([story('wait', 90), story('wait', 9_000)]).toEqual(['silenced', 'silenced']);
    expect([story('act', 69), story('act', 70), story('act', 9_000)]).toEqual([
      'silenced',
      'triggered',
      'triggered',
    ]);
  });

  test('comes after the kill switch and before wisdom', () => {
    const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, wisdomMs: 60_000 });
    const state = { ...initialState(rule, T0), wisdomFrom: T0 };
    const seen = { values: { cpu: 90 }, errors: {}, silences: [silence(0, 60)] };
    expect(evaluate(rule, state, { ...seen, killSwitch: true }, T0 + 1)).toMatchObject({ state: { reason: 'kill_switch' } }); // prettier-ignore
    expect(evaluate(rule, state, { ...seen, killSwitch: false }, T0 + 1)).toMatchObject({ state: { reason: 'silenced' } }); // prettier-ignore
  });

  test('is a moment like the end of a hold for a rule without polls', () => {
    const rule = ruleWhen('cpu > 80', { intervalMs: undefined, graceMs: 5_000, wisdomMs: 60_000 });
    const seen = { values: { cpu: 90 }, errors: {}, killSwitch: false, silences: [silence(0, 60)] };
    const { state } = evaluate(rule, initialState(rule, T0), seen, T0) as { state: State };
    expect(nextMoment(rule, state, seen, undefined, T0)).toBe(T0 + 65_000);
    const again = { ...seen, silences: [silence(0, 60, { onEnd: 'wait' })] };
    expect(nextMoment(rule, state, again, undefined, T0)).toBeUndefined();
  });

  test('that ran while an alarm had triggered does not keep its recovery back', () => {
    const rule = ruleWhen('cpu > 80', { intervalMs: INTERVAL_MS, wisdomMs: 60_000 });
    const at = (before: State, cpu: number, second: number) =>
      evaluate(rule, before, { values: { cpu }, errors: {}, killSwitch: false, silences: [silence(5, 60)] }, T0 + second * 1000) as { state: State; recovered?: boolean }; // prettier-ignore
    const { state } = at(initialState(rule, T0), 90, 0);
    expect(at(at(state, 90, 10).state, 10, 20).recovered).toBe(true);
    // One that never triggered has nothing to recover from.
    expect(at(at(initialState(rule, T0), 90, 10).state, 10, 20).recovered).toBeUndefined();
  });
});

describe('a dependency', () => {
  const sw: Parent = { name: 'sw-3', phase: 'alarm' };

  test('stops while the other service is in its phase, and is asked for in alarm alone', () => {
    story({ rule: { isDependent: true }, parent: (second) => (second < 20 ? sw : null) }, [
      [0, 90, 'dependency'],
      [10, 90, 'dependency'],
      [20, 90, 'triggered'],
    ]);
    const rule = ruleWhen('cpu > 80', { isDependent: true });
    const seen = { values: { cpu: 90 }, errors: {}, killSwitch: false };
    expect(evaluate(rule, initialState(rule, T0), seen, T0)).toEqual({ needs: 'parent' });
    const calm = { ...seen, values: { cpu: 9 } };
    expect(evaluate(rule, initialState(rule, T0), calm, T0)).toMatchObject({ state: { phase: 'ok' } });
  });

  test('that comes late tells what was done meanwhile, and holds further steps back', () => {
    const rule = { isDependent: true, escalationMs: [20_000], repeat: true };
    const state = story({ rule, parent: (second) => (second < 10 ? null : sw) }, [
      [0, 90, 'triggered'],
      [10, 90, 'dependency'],
      [20, 90, 'dependency'],
    ]);
    const told = {
      condition: 'cpu > 80',
      values: { cpu: { value: 90 } },
      missingData: 'hold',
      parent: sw,
    } as const;
    expect(explain(ruleWhen('cpu > 80'), state, told, T0 + 20_000)).toMatch(
      /sw-3, on which it depends, is in phase alarm; it had triggered at \d\d:\d\d:\d\dZ, before that was known/,
    );
  });

  test('holds steps back of a rule that does not repeat', () => {
    const rule = { isDependent: true, escalationMs: [20_000], repeat: false };
    story({ rule, parent: (second) => (second >= 10 && second < 30 ? sw : null) }, [
      [0, 90, 'triggered'],
      [20, 90, 'not_repeating'],
      [30, 90, 'not_repeating', [0]],
    ]);
  });
});

describe('an acknowledgement', () => {
  const rule = { repeat: false, escalationMs: [20_000, 60_000] };
  const until = (from: number, second: number) => (at: number) =>
    at >= from && at < second
      ? { by: 'anna', note: 'on it', from: T0 + from * 1000, until: T0 + second * 1000 }
      : undefined;

  test('holds steps back until its time is over; then those that are due are taken', () => {
    story({ rule, acknowledged: until(10, 40) }, [
      [0, 90, 'triggered'],
      [10, 90, 'not_repeating'],
      [30, 90, 'not_repeating'],
      [40, 90, 'not_repeating', [0]],
      [60, 90, 'not_repeating', [1]],
    ]);
  });

  test('tells again when it has run out and no step is due', () => {
    story({ rule, acknowledged: until(30, 50) }, [
      [0, 90, 'triggered'],
      [20, 90, 'not_repeating', [0]],
      [30, 90, 'not_repeating'],
      [50, 90, 'not_repeating', [0]],
      [51, 90, 'not_repeating'],
      [60, 90, 'not_repeating', [1]],
      [70, 90, 'not_repeating'],
    ]);
  });

  test('ends with its alarm', () => {
    const state = story({ rule, acknowledged: until(10, 20) }, [
      [0, 90, 'triggered'],
      [10, 90, 'not_repeating'],
      [15, 10, 'condition_false'],
    ]);
    expect(state.acknowledged).toBeUndefined();
  });

  test('lets a rule go on to trigger', () => {
    story({ rule: { ...rule, repeat: true }, acknowledged: until(10, 900) }, [
      [0, 90, 'triggered'],
      [10, 90, 'triggered'],
      [20, 90, 'triggered'],
    ]);
  });
});
