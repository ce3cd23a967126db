import { ruleWhen } from '../../test/rule';
import { evaluate, initialState, NEVER_SCALED } from './evaluate';
import { isAhead, scalingsBy, setBack } from './moments';
import type { SilenceWindow, State } from './types';

const NOW = 1_800_000_000_000;
const HOUR = 3_600_000;
const state: State = { ...initialState(ruleWhen('cpu > 1'), NOW - 60_000), phase: 'ok' };

const MOMENTS = [
  'since',
  'pendingSince',
  'trueSince',
  'breachFrom',
  'lastTriggeredAt',
  'firstTriggeredAt',
  'expectFrom',
  'wisdomFrom',
  'seenAt',
  'staleSince',
  'missingFrom',
] as const;

describe('a state with a moment in the future', () => {
  test.each(MOMENTS)('%s is found and set back, and nothing else is changed', (name) => {
    const ahead = { ...state, [name]: NOW + HOUR };
    expect([isAhead(ahead, NOW), isAhead(state, NOW)]).toEqual([true, false]);
    expect(setBack(ahead, NOW)).toEqual({ ...state, [name]: NOW });
  });

  test('a silence that has not begun is waited out no longer, and what has is', () => {
    const silence = (from: number): SilenceWindow => ({
      id: 'night',
      owner: 'anna',
      reason: 'patching',
      mutes: 'actions',
      onEnd: 'wait',
      from,
      until: NOW + 9 * HOUR,
    });
    const [begun, ahead] = [silence(NOW - 1), silence(NOW + HOUR)];
    const waiting = { ...state, waits: { act: begun, tell: ahead } };
    expect([isAhead(waiting, NOW), isAhead({ ...state, waits: { act: begun } }, NOW)]).toEqual([true, false]);
    expect(setBack(waiting, NOW)).toEqual({ ...state, waits: { act: begun } });
    expect(setBack({ ...state, waits: { act: ahead } }, NOW)).toEqual({ ...state, waits: undefined });
  });

  test('an acknowledgement lasts no longer than it was to', () => {
    const ahead = { by: 'anna', note: '', from: NOW + 9 * HOUR, until: NOW + 10 * HOUR };
    const seen = { ...state, acknowledged: ahead };
    expect([isAhead(seen, NOW), isAhead({ ...state, acknowledged: { ...ahead, from: NOW } }, NOW)]).toEqual([
      true,
      false,
    ]);
    expect(setBack(seen, NOW).acknowledged).toEqual({ ...ahead, from: NOW, until: NOW + HOUR });
  });

  test('every moment of a state is looked at: a number that is none is named here', () => {
    const none = ['escalated'];
    const full: Required<State> = {
      ...state,
      ...(Object.fromEntries(MOMENTS.map((name) => [name, 1])) as Record<(typeof MOMENTS)[number], number>),
      escalated: 1,
      waits: {},
      acknowledged: { by: 'anna', note: '', from: 0, until: 1 },
      nodes: { current: 1, inFlight: 0, effective: 1, desired: 1, delta: 0 },
      nodesError: '',
    };
    const numbers = Object.entries(full).flatMap(([name, value]) =>
      typeof value === 'number' ? [name] : [],
    );
    expect(numbers.filter((name) => !none.includes(name)).sort()).toEqual([...MOMENTS].sort());
  });

  test('a wisdom time lasts no longer than it may from now on', () => {
    const rule = ruleWhen('cpu > 1', { wisdomMs: 60_000 });
    const ahead = { ...state, ruleKey: rule.key, wisdomFrom: NOW + HOUR, lastTriggeredAt: NOW + HOUR };
    const at = (before: State, now: number) =>
      evaluate(rule, before, { values: { cpu: 2 }, errors: {}, killSwitch: false }, now);
    expect(at(ahead, NOW + 61_000)).toMatchObject({ state: { reason: 'wisdom' } });
    expect(at(setBack(ahead, NOW), NOW + 59_000)).toMatchObject({ state: { reason: 'wisdom' } });
    expect(at(setBack(ahead, NOW), NOW + 61_000)).toMatchObject({ state: { reason: 'triggered' } });
  });
});

describe('what is remembered of an infrastructure', () => {
  test('is the very same when nothing of it lies in the future', () => {
    const scalings = { ...NEVER_SCALED, lastAt: { up: NOW }, frozenUntil: NOW + HOUR };
    expect(scalingsBy(scalings, NOW, NOW)).toBe(scalings);
  });

  test('is set back: last changes to now, a freeze to an hour', () => {
    const ahead = {
      lastAt: { up: NOW + HOUR, down: NOW - 1 },
      directionChanges: [NOW - 5, NOW + HOUR],
      frozenUntil: NOW + 2 * HOUR,
    };
    expect(scalingsBy(ahead, NOW, NOW)).toEqual({
      lastAt: { up: NOW, down: NOW - 1 },
      directionChanges: [NOW - 5, NOW],
      frozenUntil: NOW + HOUR,
    });
  });
});
