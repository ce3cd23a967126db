/**
 * What users of Alertmanager, Icinga, Uptime Kuma, Grafana and others have complained about, each as a test of what
 * happens here. The names hold the projects and the numbers of their issues.
 */
import { openTestDatabase } from '../../test/databases';
import { ruleWhen } from '../../test/rule';
import { check } from '../common/check';
import { ManualClock } from '../common/clock';
import { newId, slotOf } from '../common/ids';
import type { Database } from '../database/database';
import { evaluate, initialState, nextMoment } from '../engine/evaluate';
import { explain } from '../engine/explain';
import type { Observation, Parent, Rule, SilenceWindow, State } from '../engine/types';
import type { Infrastructures } from '../infrastructures/infrastructures';
import type { Queues } from '../queue/queues';
import { STOPPING } from '../services/dependencies';
import type { Services } from '../services/services';
import { SilencePreview } from './silence-preview';
import { SilenceDto } from './silence.dto';
import { windowsOf } from './schedule';
import { Silences } from './silences';

const T0 = Date.parse('2026-11-30T03:00:00Z');
const SEEN = { values: { cpu: 90 }, errors: {}, killSwitch: false };

const night = (given: Partial<SilenceWindow> = {}): SilenceWindow => ({
  id: 'night',
  owner: 'anna',
  reason: 'patching of the switches',
  mutes: 'actions',
  onEnd: 'act',
  from: T0,
  until: T0 + 3_600_000,
  ...given,
});

function after(rule: Rule, before: State | undefined, given: Partial<Observation>, second: number) {
  const now = T0 + second * 1000;
  const outcome = evaluate(rule, before ?? initialState(rule, now), { ...SEEN, ...given }, now);
  if (outcome.needs) throw new Error(`needs ${outcome.needs}`);
  return outcome;
}

describe('silences', () => {
  test('alertmanager #4303: who silenced it, why and until when is told where the alarm is', () => {
    const rule = ruleWhen('cpu > 80');
    const silences = [night()];
    const { state } = after(rule, undefined, { silences }, 10);
    const told = {
      condition: 'cpu > 80',
      values: { cpu: { value: 90 } },
      missingData: 'hold',
      silences,
    } as const;
    expect(explain(rule, state, told, T0 + 10_000)).toBe(
      'cpu is 90, over 80; anna silenced it ("patching of the switches") until 2026-11-30 04:00:00Z',
    );
  });

  test('notificator #76, alertmanager #5459: a silenced alarm is an alarm, with a reason of its own', () => {
    const { state, trigger, opensInterval } = after(
      ruleWhen('cpu > 80'),
      undefined,
      { silences: [night()] },
      10,
    );
    expect([state.phase, state.reason, state.inAlarm, trigger, opensInterval]).toEqual([
      'alarm',
      'silenced',
      true,
      undefined,
      true,
    ]);
  });

  test.each([
    ['no end', {}, '/endsAt', /required: no silence is endless/],
    ['an end that is no moment', { endsAt: 'never' }, '/endsAt', /./],
    ['no reason', { endsAt: '2027-01-01T00:00:00Z', reason: ' ' }, '/reason', /must not be empty/],
    ['nothing to match', { endsAt: '2027-01-01T00:00:00Z', match: {} }, '/match', /must have/],
  ])('icingaweb2 #4361, alertmanager #5459: %s is refused', (_, given, pointer, said) => {
    const { errors } = check(SilenceDto, {
      match: { labels: { team: 'web' } },
      reason: 'patching',
      ...given,
    });
    expect(errors).toMatchObject([{ pointer, detail: expect.stringMatching(said) }]);
  });

  test('alertmanager #578: its beginning and its end count to the millisecond, not to the next minute', () => {
    const rule = ruleWhen('cpu > 80', { graceMs: 0 });
    const reasonAt = (second: number) => after(rule, undefined, { silences: [night()] }, second).state.reason;
    expect([reasonAt(-0.001), reasonAt(0), reasonAt(3_599.999), reasonAt(3_600)]).toEqual([
      'triggered',
      'silenced',
      'silenced',
      'triggered',
    ]);
  });

  test('alertmanager #578: what alerts feed is looked at at its end, though nothing new arrives', () => {
    const rule = ruleWhen('cpu > 80', { intervalMs: undefined, wisdomMs: 60_000, graceMs: 1_000 });
    const silences = [night()];
    const { state } = after(rule, undefined, { silences }, 10);
    expect(nextMoment(rule, state, { ...SEEN, silences }, undefined, T0 + 10_000)).toBe(T0 + 3_601_000);
  });

  test('Nagios, Icinga, Checkmk: what recovers under a silence that had triggered before it runs its recovery', () => {
    const rule = ruleWhen('cpu > 80', { wisdomMs: 600_000 });
    const triggered = after(rule, undefined, {}, -10).state;
    const silenced = after(rule, triggered, { silences: [night()] }, 10).state;
    expect(after(rule, silenced, { values: { cpu: 1 }, silences: [night()] }, 20).recovered).toBe(true);
  });
});

describe('times', () => {
  const starts = (timeZone: string, rrule: string, from: string, count = 3, hours = 6) =>
    windowsOf(
      { from: Date.parse(from), until: Date.parse(from) + 30 * 86_400_000 },
      { rrule, timeZone, durationSeconds: hours * 3_600 },
    ).next(Date.parse(from), count);
  const iso = (at: number) => new Date(at).toISOString().slice(0, 16);

  test.each([
    ['Europe/Berlin', '2026-03-28T12:00:00Z', ['2026-03-28T22:00', '2026-03-29T21:00', '2026-03-30T21:00']],
    ['Europe/Berlin', '2026-10-24T12:00:00Z', ['2026-10-24T21:00', '2026-10-25T22:00', '2026-10-26T22:00']],
    [
      'America/New_York',
      '2026-03-07T12:00:00Z',
      ['2026-03-08T04:00', '2026-03-09T03:00', '2026-03-10T03:00'],
    ],
    [
      'Australia/Sydney',
      '2026-10-03T00:00:00Z',
      ['2026-10-03T13:00', '2026-10-04T12:00', '2026-10-05T12:00'],
    ],
  ])(
    'uptime-kuma #6233, gatus #327, grafana #82988: 23:00 of %s is 23:00 before and after clocks are set',
    (zone, from, expected) => {
      const windows = starts(zone, 'FREQ=DAILY;BYHOUR=23;BYMINUTE=0', from);
      expect(windows.map((one) => iso(one.from))).toEqual(expected);
      // It lasts as long as it is to, also in a night that is an hour shorter or longer.
      for (const one of windows) expect(one.until - one.from).toBe(6 * 3_600_000);
    },
  );

  test('uptime-kuma #4856: a window over midnight of a zone far from UTC is of the day on which it begins there', () => {
    const rule = 'FREQ=WEEKLY;BYDAY=SU;BYHOUR=23;BYMINUTE=0';
    const [first] = starts('Pacific/Auckland', rule, '2026-06-01T00:00:00Z', 1);
    // Sunday, 7 June, 23:00 there.
    expect([iso(first!.from), iso(first!.until)]).toEqual(['2026-06-07T11:00', '2026-06-07T17:00']);
  });
});

describe('dependencies', () => {
  const rule = ruleWhen('cpu > 80', { isDependent: true, escalationMs: [60_000], repeat: false });
  const sw: Parent = { name: 'sw-3', phase: 'alarm' };

  test('icinga2 #4428: a child is not told of while what it depends on is down, nor is its next step taken', () => {
    const stopped = after(rule, undefined, { parent: sw }, 0);
    expect([stopped.state.reason, stopped.trigger]).toEqual(['dependency', undefined]);
    const triggered = after(rule, undefined, { parent: null }, 0).state;
    expect(after(rule, triggered, { parent: sw }, 60).followUp?.escalates).toBeUndefined();
  });

  test('icinga2 #4428: one that was told of before its parent was known to be down says so', () => {
    const { state } = after(rule, undefined, { parent: null }, 0);
    const told = { condition: 'cpu > 80', values: { cpu: { value: 90 } }, missingData: 'hold' } as const;
    const said = (parent: Parent | null) => explain(rule, state, { ...told, parent }, T0 + 5_000);
    expect(said(null)).toBe('cpu is 90, over 80 for 5 s; triggered at 03:00:00Z');
    expect(said(sw)).toBe(
      'cpu is 90, over 80 for 5 s; triggered at 03:00:00Z; meanwhile sw-3, on which it depends, is in phase alarm',
    );
  });
});

describe('acknowledging and escalation', () => {
  const rule = ruleWhen('cpu > 80', { repeat: false, escalationMs: [60_000, 120_000] });
  const acknowledged = (state: State, from: number, until: number): State => ({
    ...state,
    acknowledged: { by: 'anna', note: 'on it', from: T0 + from * 1000, until: T0 + until * 1000 },
  });
  const stepsAt = (before: State, second: number) => {
    const { state, followUp } = after(rule, before, {}, second);
    return [state, followUp?.escalates ?? []] as const;
  };

  test('uptime-kuma #1315: an alarm that lasts is told further, each step once', () => {
    const told: (readonly number[])[] = [];
    let { state } = after(rule, undefined, {}, 0);
    for (const second of [30, 60, 90, 120, 150, 900]) {
      const [next, steps] = stepsAt(state, second);
      told.push(steps);
      state = next;
    }
    expect(told).toEqual([[], [0], [], [1], [], []]);
  });

  test('uptime-kuma #1989, oncall #4760: an acknowledged alarm is told no further, however many steps are due', () => {
    const state = acknowledged(after(rule, undefined, {}, 0).state, 10, 900);
    for (const second of [60, 120, 600, 899]) expect(stepsAt(state, second)[1]).toEqual([]);
  });

  test('oncall #1792: an acknowledged alarm that is forgotten is told again', () => {
    const first = stepsAt(after(rule, undefined, {}, 0).state, 60)[0];
    const second = stepsAt(first, 120)[0];
    const [told, steps] = stepsAt(acknowledged(second, 130, 900), 900);
    expect(steps).toEqual([1]);
    // Once.
    expect(stepsAt(told, 910)[1]).toEqual([]);
  });
});

describe('what is asked of PostgreSQL', () => {
  let database: Database;
  let end: () => Promise<void>;
  let preview: SilencePreview;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const store = { findMany: () => Promise.resolve([]) };
    const clock = new ManualClock(new Date(T0));
    const silences = new Silences(
      database,
      { store } as unknown as Services,
      { store } as unknown as Infrastructures,
      {} as Queues,
      clock,
    );
    preview = new SilencePreview(database, silences, clock);
  });
  afterAll(() => end());

  async function services(
    ...given: { labels: object; phase: string; dependsOn?: object[] }[]
  ): Promise<string[]> {
    await database.rows('TRUNCATE services CASCADE');
    const ids = given.map(() => newId());
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, condition, hold_seconds,
         wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, series, depends_on, version, created_at, updated_at)
       SELECT id, 'service-' || n, '', labels, true, 10, slot, true, '{}', 'a > 1', 0, 60, true, 'hold', '{}', '{}', 'auto', 60, '{}', depends, 1, now(), now()
       FROM unnest($1::uuid[], $2::jsonb[], $3::jsonb[], $4::int[]) WITH ORDINALITY AS s (id, labels, depends, slot, n)`,
      [
        ids,
        given.map(({ labels }) => JSON.stringify(labels)),
        given.map(({ dependsOn }) => JSON.stringify(dependsOn ?? [])),
        ids.map(slotOf),
      ],
    );
    await database.rows(
      `INSERT INTO service_states (service_id, state, decision_id)
       SELECT id, jsonb_build_object('phase', phase), id FROM unnest($1::uuid[], $2::text[]) AS s (id, phase)`,
      [ids, given.map(({ phase }) => phase)],
    );
    return ids;
  }

  test.each([
    [{ team: 'nobody' }, 0, ['it matches no service']],
    [
      { env: 'prod' },
      2,
      ['it matches everything: all 2 services', 'it mutes what is in alarm now: service-2'],
    ],
    [{ team: 'web' }, 1, []],
  ])('alertmanager #814: a preview of %j warns before it is made', async (labels, total, warnings) => {
    await services(
      { labels: { env: 'prod', team: 'web' }, phase: 'ok' },
      { labels: { env: 'prod' }, phase: 'alarm' },
    );
    const shown = await preview.of({
      match: { labels },
      endsAt: new Date(T0 + 60_000).toISOString(),
      reason: 'patching',
    });
    expect([shown.total, shown.warnings]).toEqual([total, warnings]);
  });

  test('alertmanager #4205, #1671, VictoriaMetrics #8029: a label that is missing on both sides is not equal', async () => {
    const dependsOn = [{ match: { kind: 'switch' }, equal: ['site'], whenPhase: ['alarm'] }];
    const ids = await services(
      { labels: { kind: 'switch' }, phase: 'alarm' },
      { labels: { kind: 'switch', site: 'north' }, phase: 'alarm' },
      { labels: {}, phase: 'alarm', dependsOn },
      { labels: { site: 'north' }, phase: 'alarm', dependsOn },
      { labels: { site: 'south' }, phase: 'alarm', dependsOn },
      { labels: { site: '' }, phase: 'alarm', dependsOn },
    );
    const rows = await database.rows<{ child: string; name: string }>(STOPPING, [ids]);
    expect(rows).toEqual([{ child: ids[3], name: 'service-2', phase: 'alarm' }]);
  });

  test('alertmanager #1671: what fits as its own parent does not stop itself', async () => {
    const dependsOn = [{ match: { kind: 'switch' }, equal: [], whenPhase: ['alarm'] }];
    const ids = await services({ labels: { kind: 'switch' }, phase: 'alarm', dependsOn });
    expect(await database.rows(STOPPING, [ids])).toEqual([]);
  });
});
