import { ruleWhen } from '../../test/rule';
import { compileCondition } from './condition';
import { evaluate, initialState, nextMoment, type Decided } from './evaluate';
import type { Observation, Rule, State } from './types';

/** `_` is a failed read; a number is cpu. */
type Reading = number | '_';

const expectation = (text: string, withinSeconds: number): Rule['expect'] => {
  const condition = compileCondition(text, ['cpu']);
  return { condition: (values) => condition(values).truth, withinMs: withinSeconds * 1000 };
};

/** Tells a story; answers what followed, as [second, what] pairs. */
function follow(
  rule: Rule,
  rows: readonly (readonly [second: number, cpu: Reading])[],
  more: (second: number) => Partial<Observation> = () => ({}),
) {
  let state: State = initialState(rule, 0);
  const said: [number, string][] = [];
  let last: Decided | undefined;
  for (const [second, cpu] of rows) {
    const values: Record<string, number> = cpu === '_' ? {} : { cpu };
    const errors: Record<string, string> = cpu === '_' ? { cpu: 'no answer in 5 s' } : {};
    const observation = { values, errors, killSwitch: false, ...more(second) };
    last = evaluate(rule, state, observation, second * 1000) as Decided;
    state = last.state;
    if (last.trigger) said.push([second, 'trigger']);
    const { escalates = [], effect } = last.followUp ?? {};
    for (const step of escalates) said.push([second, `step ${step}`]);
    if (effect) said.push([second, `${effect.of / 1000}: ${effect.helped}`]);
  }
  return { said, state, last };
}

const rule = (changes: Partial<Rule> = {}) =>
  ruleWhen('cpu > 80', { wisdomMs: 3_600_000, intervalMs: 60_000, ...changes });

describe('escalation', () => {
  const steps = rule({ escalationMs: [120_000, 240_000] });

  test('each step is taken once, counted from the first trigger, while the alarm lasts', () => {
    const rows = [0, 60, 120, 180, 240, 300, 360].map((second) => [second, 90] as const);
    expect(follow(steps, rows).said).toEqual([
      [0, 'trigger'],
      [120, 'step 0'],
      [240, 'step 1'],
    ]);
  });

  test('an alarm that has ended takes no more steps, and the next one begins anew', () => {
    const rows = [[0, 90], [60, 90], [120, 50], [180, 50], [240, 50], [3600, 90], [3720, 90]] as const; // prettier-ignore
    expect(follow(rule({ escalationMs: [120_000], wisdomMs: 0, repeat: false }), rows).said).toEqual([
      [0, 'trigger'],
      [3600, 'trigger'],
      [3720, 'step 0'],
    ]);
  });

  test('blind, no step is taken; it is when the alarm is seen to last', () => {
    const rows = [[0, 90], [60, 90], [120, '_'], [180, 90]] as const; // prettier-ignore
    expect(follow(steps, rows).said).toEqual([
      [0, 'trigger'],
      [180, 'step 0'],
    ]);
  });

  test('the kill switch holds a step back', () => {
    const rows = [[0, 90], [120, 90], [180, 90]] as const; // prettier-ignore
    const more = (second: number) => ({ killSwitch: second === 120 });
    expect(follow(steps, rows, more).said).toEqual([
      [0, 'trigger'],
      [180, 'step 0'],
    ]);
  });

  test('steps whose time came while nobody looked are all taken', () => {
    expect(follow(steps, [[0, 90], [60, 90], [300, 90]]).said).toEqual([
      [0, 'trigger'],
      [300, 'step 0'],
      [300, 'step 1'],
    ]); // prettier-ignore
  });

  test('a hold that runs again after the trigger is no end of the alarm', () => {
    const held = rule({ escalationMs: [120_000], holdMs: 60_000, wisdomMs: 0 });
    const rows = [0, 60, 120, 180].map((second) => [second, 90] as const);
    expect(follow(held, rows).said).toEqual([
      [60, 'trigger'],
      [180, 'trigger'],
      [180, 'step 0'],
    ]);
  });

  test('it begins another interval of the ledger; nothing else changes', () => {
    const { last } = follow(steps, [[0, 90], [60, 90], [120, 90]]); // prettier-ignore
    expect(last).toMatchObject({
      opensInterval: true,
      changed: true,
      state: { phase: 'alarm', reason: 'wisdom' },
    });
    const { last: quiet } = follow(steps, [[0, 90], [60, 90], [120, 90], [180, 90]]); // prettier-ignore
    expect(quiet).toMatchObject({ opensInterval: false, changed: false });
  });

  test('without polls it is looked at when its time comes, and again while the switch holds it back', () => {
    const fed = rule({ intervalMs: undefined, escalationMs: [120_000], wisdomMs: 3_600_000 });
    const { state } = follow(fed, [[0, 90]]);
    const observation = { values: { cpu: 90 }, errors: {}, killSwitch: false };
    expect(nextMoment(fed, state, observation, undefined, 0)).toBe(120_000);
    expect(nextMoment(fed, state, { ...observation, killSwitch: true }, undefined, 120_000)).toBe(150_000);
  });
});

describe('what a trigger is to bring about', () => {
  const hopeful = rule({ expect: expectation('cpu < 60', 180) });

  test('it helped as soon as that is so', () => {
    expect(follow(hopeful, [[0, 90], [60, 70], [120, 55], [180, 50]]).said).toEqual([
      [0, 'trigger'],
      [120, '0: true'],
    ]); // prettier-ignore
  });

  test('it did not when it is not so in time', () => {
    expect(follow(hopeful, [[0, 90], [60, 90], [180, 90], [240, 50]]).said).toEqual([
      [0, 'trigger'],
      [180, '0: false'],
    ]); // prettier-ignore
  });

  test('it can not be told when nothing can be read at the end', () => {
    expect(follow(hopeful, [[0, 90], [60, 90], [180, '_']]).said).toEqual([
      [0, 'trigger'],
      [180, '0: undefined'],
    ]); // prettier-ignore
  });

  test('another trigger ends the waiting for the one before', () => {
    const eager = rule({ expect: expectation('cpu < 60', 180), wisdomMs: 60_000 });
    expect(follow(eager, [[0, 90], [60, 90], [120, 50]]).said).toEqual([
      [0, 'trigger'],
      [60, 'trigger'],
      [60, '0: false'],
      [120, '60: true'],
    ]); // prettier-ignore
  });

  test('nothing is expected of a shadow, nor of a rule that was changed', () => {
    const shadow = rule({ expect: expectation('cpu < 60', 180), mode: 'shadow' });
    expect(follow(shadow, [[0, 90], [60, 50]]).said).toEqual([[0, 'trigger']]); // prettier-ignore
    const { state } = follow(hopeful, [[0, 90]]);
    const observation = { values: { cpu: 50 }, errors: {}, killSwitch: false };
    const changed = evaluate({ ...hopeful, key: 'another' }, state, observation, 60_000) as Decided;
    expect(changed.followUp).toBeUndefined();
    expect(changed.state.expectFrom).toBeUndefined();
  });

  test('without polls it is looked at when the time is over', () => {
    const fed = rule({ intervalMs: undefined, expect: expectation('cpu < 60', 180) });
    const { state } = follow(fed, [[0, 90]]);
    expect(nextMoment(fed, state, { values: {}, errors: {}, killSwitch: false }, undefined, 0)).toBe(180_000);
  });
});
