/** Silences as the program knows them, and the rule engine together: stories over real times, with restarts. */
import fc from 'fast-check';
import { ruleWhen } from '../../test/rule';
import { evaluate, initialState } from '../engine/evaluate';
import { isAhead, setBack } from '../engine/moments';
import type { Rule, SilenceWindow, State } from '../engine/types';
import { windowsOf } from './schedule';
import type { Silence } from './silence';
import { SilenceIndex, type Silenceable } from './silence-index';

const MINUTE = 60_000;
const service: Silenceable = { id: 'a', labels: { team: 'web' }, infrastructureId: null };

const silence = (given: Partial<Silence>): Silence => ({
  id: 'night',
  version: 1,
  createdAt: new Date(0),
  updatedAt: new Date(0),
  owner: 'anna',
  match: { labels: { team: 'web' } },
  scopes: null,
  mutes: 'actions',
  startsAt: new Date('2026-01-01T00:00:00Z'),
  endsAt: new Date('2027-12-01T00:00:00Z'),
  schedule: null,
  reason: 'patching',
  endWhenOkSeconds: null,
  onEnd: 'act',
  endedAt: null,
  endedBy: null,
  cutAt: null,
  ...given,
});

interface Played {
  rule?: Partial<Rule>;
  silences: (now: number) => Silence[];
  /** Moments of evaluations. */
  moments: readonly number[];
  cpu?: (now: number) => number;
  /** Whether the process is another one from this moment on. */
  restarts?: (now: number) => boolean;
}

/** Plays a story as the program does. @returns the reason at each moment */
function played({
  rule: given,
  silences,
  moments,
  cpu = () => 90,
  restarts = () => false,
}: Played): string[] {
  const rule = ruleWhen('cpu > 80', { intervalMs: MINUTE, graceMs: MINUTE, ...given });
  let state: State | undefined;
  let index = new SilenceIndex(silences(moments[0]!));
  return moments.map((now) => {
    index = restarts(now) ? new SilenceIndex(silences(now)) : new SilenceIndex(silences(now), index);
    if (state !== undefined && isAhead(state, now)) state = setBack(state, now - 1);
    const told = index.of(service, now, Math.min(now, state?.breachFrom ?? now));
    const seen = { values: { cpu: cpu(now) }, errors: {}, killSwitch: false, silences: told };
    const outcome = evaluate(rule, state ?? initialState(rule, now), seen, now);
    if (outcome.needs) throw new Error(`needs ${outcome.needs}`);
    state = JSON.parse(JSON.stringify(outcome.state)) as State;
    return state.reason;
  });
}

const every = (from: string, until: string, ms = MINUTE): number[] => {
  const moments: number[] = [];
  for (let at = Date.parse(from); at <= Date.parse(until); at += ms) moments.push(at);
  return moments;
};

/** Returns the first and the last moment at which it is so. */
function span(moments: readonly number[], reasons: readonly string[], reason: string): string[] {
  const found = moments.filter((_, index) => reasons[index] === reason);
  return [found[0], found.at(-1)].map((at) => new Date(at!).toISOString().slice(0, 16));
}

describe('a window of every night, from 2:30 of Madrid for two hours', () => {
  const schedule = {
    rrule: 'FREQ=DAILY;BYHOUR=2;BYMINUTE=30',
    timeZone: 'Europe/Madrid',
    durationSeconds: 7_200,
  };

  test.each([
    ['in winter', '2026-02-10T00:00Z', '2026-02-10T01:30', '2026-02-10T03:30'],
    ['in summer', '2026-07-10T00:00Z', '2026-07-10T00:30', '2026-07-10T02:30'],
    ['the night before clocks are set forward', '2026-03-28T00:00Z', '2026-03-28T01:30', '2026-03-28T03:30'],
    ['the night after', '2026-03-30T00:00Z', '2026-03-30T00:30', '2026-03-30T02:30'],
    // 2:30 comes twice: the window begins at the first.
    ['the night in which they are set back', '2026-10-25T00:00Z', '2026-10-25T00:30', '2026-10-25T02:30'],
    ['the night after that', '2026-10-26T00:00Z', '2026-10-26T01:30', '2026-10-26T03:30'],
  ])('%s', (_, day, from, until) => {
    const moments = every(day, day.replace('T00', 'T06'));
    const reasons = played({ silences: () => [silence({ schedule })], moments });
    // Muted up to the last minute before one interval of grace is over.
    expect(span(moments, reasons, 'silenced')).toEqual([from, until]);
    expect(reasons.at(-1)).toBe('triggered');
  });

  test('there is none in the night in which clocks skip 2:30', () => {
    const moments = every('2026-03-29T00:00Z', '2026-03-29T06:00Z');
    expect(played({ silences: () => [silence({ schedule })], moments })).not.toContain('silenced');
  });

  test('a breach that waits at its end waits all day, and through the next night', () => {
    const moments = every('2026-02-10T00:00Z', '2026-02-11T06:00Z', 5 * MINUTE);
    const reasons = played({ silences: () => [silence({ schedule, onEnd: 'wait' })], moments });
    expect(span(moments, reasons, 'silenced')).toEqual(['2026-02-10T01:30', '2026-02-11T06:00']);
  });
});

describe('a restart in the middle of a window', () => {
  test.each(['act', 'wait'] as const)('changes nothing of what is said, to the second (%s)', (onEnd) => {
    const [from, until] = [Date.parse('2026-02-10T01:00:00Z'), Date.parse('2026-02-10T01:10:00Z')];
    const one = silence({ startsAt: new Date(from), endsAt: new Date(until), onEnd });
    const moments = every('2026-02-10T00:59Z', '2026-02-10T01:15Z', 1_000);
    const story = { silences: () => [one], moments, rule: { intervalMs: 1_000, graceMs: 1_000 } };
    const without = played(story);
    expect(played({ ...story, restarts: (now) => now === from + 300_000 })).toEqual(without);
    expect(without.map((reason, index) => [reason, moments[index]! - until] as const).find(([reason, since]) => since >= 0 && reason === 'triggered')?.[1]).toBe(onEnd === 'act' ? 1_000 : undefined); // prettier-ignore
    // Away from before it began to after its end, it says the same as one that was there.
    const away = moments.filter((at) => at < from || at >= until);
    const said = new Map(moments.map((at, index) => [at, without[index]]));
    expect(played({ ...story, moments: away })).toEqual(away.map((at) => said.get(at)));
  });
});

describe('a clock that steps', () => {
  const window = { startsAt: new Date('2026-02-10T02:00Z'), endsAt: new Date('2026-02-10T03:00Z') };

  test('into a window and back out of it leaves nothing waiting for its end', () => {
    const moments = ['T00:00Z', 'T00:01Z', 'T02:10Z', 'T02:11Z', 'T00:04Z', 'T00:05Z'].map((time) => Date.parse(`2026-02-10${time}`)); // prettier-ignore
    const reasons = played({ silences: () => [silence({ ...window, onEnd: 'wait' })], moments });
    expect(reasons).toEqual(['triggered', 'triggered', 'silenced', 'silenced', 'triggered', 'triggered']);
  });

  test('over a window is as if nobody had looked in it', () => {
    const moments = ['T01:59Z', 'T03:30Z', 'T03:31Z'].map((time) => Date.parse(`2026-02-10${time}`));
    const said = (onEnd: 'act' | 'wait') =>
      played({ silences: () => [silence({ ...window, onEnd })], moments });
    expect([said('act'), said('wait')]).toEqual([
      ['triggered', 'triggered', 'triggered'],
      ['triggered', 'silenced', 'silenced'],
    ]);
  });
});

test('one that is made, changed and ended while it mutes counts from the next look on', () => {
  const moments = every('2026-02-10T00:00Z', '2026-02-10T00:12Z');
  const at = (minute: number) => moments[0]! + minute * MINUTE;
  const reasons = played({
    moments,
    silences: (now) => {
      if (now < at(2)) return [];
      const made = { startsAt: new Date(at(2)), endsAt: new Date(at(100)) };
      if (now < at(5)) return [silence(made)];
      if (now < at(8)) return [silence({ ...made, version: 2, endsAt: new Date(at(9)) })];
      return [silence({ ...made, version: 3, endedAt: new Date(at(8)) })];
    },
  });
  expect(reasons.map((reason) => reason === 'silenced')).toEqual([
    false,
    false,
    true,
    true,
    true,
    true,
    true,
    true,
    true,
    false,
    false,
    false,
    false, // prettier-ignore
  ]);
});

test('the program tells the engine of as few silences as it can: it says what it would if it were told of all', () => {
  const MOMENT = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(
      fc.array(
        fc.record({
          from: MOMENT,
          lasts: fc.constantFrom(1, 3, 10, 30),
          onEnd: fc.constantFrom<Silence['onEnd'][]>('act', 'wait'),
          mutes: fc.constantFrom<Silence['mutes'][]>('actions', 'notifications'),
        }),
        { maxLength: 4 },
      ),
      fc.uniqueArray(MOMENT, { minLength: 1, maxLength: 40 }),
      fc.array(fc.boolean(), { minLength: 61, maxLength: 61 }),
      fc.constantFrom<Rule['missingData'][]>('hold', 'breach'),
      (given, looks, breaches, missingData) => {
        const begin = Date.parse('2026-02-10T00:00Z');
        const at = (minute: number) => begin + minute * MINUTE;
        const silences = given.map(({ from, lasts, ...one }, index) =>
          silence({
            id: String(index),
            startsAt: new Date(at(from)),
            endsAt: new Date(at(from + lasts)),
            ...one,
          }),
        );
        const moments = looks.sort((a, b) => a - b).map(at);
        const cpu = (now: number) => (breaches[(now - begin) / MINUTE] ? 90 : 10);
        const rule = ruleWhen('cpu > 80', {
          intervalMs: undefined,
          wisdomMs: 2 * MINUTE,
          graceMs: MINUTE,
          missingData,
        });
        const all = silences.map(({ id, owner, reason, mutes, onEnd, startsAt, endsAt }): SilenceWindow => ({
          id,
          owner,
          reason,
          mutes,
          onEnd,
          from: startsAt.getTime(),
          until: windowsOf({ from: startsAt.getTime(), until: endsAt.getTime() }, undefined).last(Infinity)!.until, // prettier-ignore
        }));
        let state: State | undefined;
        const told = moments.map((now) => {
          const seen = { values: { cpu: cpu(now) }, errors: {}, killSwitch: false, silences: all };
          const outcome = evaluate(rule, state ?? initialState(rule, now), seen, now);
          if (outcome.needs) throw new Error('needs more');
          state = JSON.parse(JSON.stringify(outcome.state)) as State;
          return state.reason;
        });
        const story = { rule, silences: () => silences, moments, cpu };
        expect(played(story)).toEqual(told);
        expect(played({ ...story, restarts: () => true })).toEqual(told);
      },
    ),
    { numRuns: 300 },
  );
});
