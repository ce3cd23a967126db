import fc from 'fast-check';
import { openTestDatabase } from '../../test/databases';
import { ManualClock } from '../common/clock';
import { leastIdAt, newId, slotOf } from '../common/ids';
import type { Database } from '../database/database';
import type { Queues } from '../queue/queues';
import type { Infrastructures } from '../infrastructures/infrastructures';
import type { Services } from '../services/services';
import { SilenceBook } from './silence-book';
import { SilencePreview } from './silence-preview';
import { Silences } from './silences';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** A Tuesday in the week after clocks were set back in Madrid. */
const NOW = Date.parse('2026-10-27T12:00:00Z');

/** An execution as the ledger tells of it. */
interface Told {
  /** Hours before now. */
  hours: number;
  service: number;
  kind: 'breach' | 'escalation' | 'recovery';
  direction: 'up' | 'down' | null;
  status: 'succeeded' | 'queued' | 'awaiting_approval' | 'shadowed';
}

const LABELS = [
  { team: 'web', env: 'prod' },
  { team: 'web', env: 'test' },
  { team: 'data', env: 'prod' },
  {},
] as const;

const toldArbitrary: fc.Arbitrary<Told> = fc.record({
  hours: fc.oneof(
    fc.integer({ min: 0, max: 8 * 24 * 4 }).map((quarters) => quarters / 4),
    fc.constantFrom(0, 24, 7 * 24, 7 * 24 + 0.001),
  ),
  service: fc.nat(LABELS.length - 1),
  kind: fc.constantFrom<Told['kind'][]>('breach', 'escalation', 'recovery'),
  direction: fc.constantFrom<Told['direction'][]>('up', 'down', null),
  status: fc.constantFrom<Told['status'][]>('succeeded', 'queued', 'awaiting_approval', 'shadowed'),
});

const ZONE = 'Europe/Madrid';
const wall = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, dateStyle: 'short', timeStyle: 'medium' });
const localHours = (at: number): number => Number(wall.format(at).slice(11, 13)) + Number(wall.format(at).slice(14, 16)) / 60; // prettier-ignore
const weekDay = (at: number): number => new Date(`${wall.format(at).slice(0, 10)}T00:00Z`).getUTCDay();

/** Schedules, and whether they mute a moment, by a clock on the wall. */
const SCHEDULES: [rrule: string | undefined, hours: number, isWithin: (at: number) => boolean][] = [
  [undefined, 0, () => true],
  ['FREQ=DAILY;BYHOUR=6;BYMINUTE=0', 6, (at) => localHours(at) >= 6 && localHours(at) < 12],
  ['FREQ=WEEKLY;BYDAY=MO,SA;BYHOUR=8;BYMINUTE=0', 4, (at) => [1, 6].includes(weekDay(at)) && localHours(at) >= 8 && localHours(at) < 12], // prettier-ignore
  // However often it is to come from now on, and whenever it is to begin.
  ['FREQ=DAILY;BYHOUR=6;BYMINUTE=0;COUNT=2', 6, (at) => localHours(at) >= 6 && localHours(at) < 12],
  // Windows that overlap are one.
  ['FREQ=DAILY;BYHOUR=0,12;BYMINUTE=0', 20, () => true],
];

describe('silences in PostgreSQL', () => {
  let database: Database;
  let end: () => Promise<void>;
  let preview: SilencePreview;
  let silences: Silences;
  const clock = new ManualClock(new Date(NOW));
  const ids = LABELS.map(() => newId());

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const store = { findMany: () => Promise.resolve([]), namesOf: () => Promise.resolve(new Map()) };
    const queues = { addServices: () => Promise.resolve(true) };
    silences = new Silences(
      database,
      { store } as unknown as Services,
      { store } as unknown as Infrastructures,
      queues as unknown as Queues,
      clock,
    );
    preview = new SilencePreview(database, silences, clock);
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, condition, hold_seconds,
         wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, series, version, created_at, updated_at)
       SELECT id, 'service-' || n, '', labels, true, 10, slot, true, '{}', 'a > 1', 0, 60, true, 'hold', '{}', '{}', 'auto', 60, '{}', 1, now(), now()
       FROM unnest($1::uuid[], $2::jsonb[], $3::int[]) WITH ORDINALITY AS s (id, labels, slot, n)`,
      [ids, LABELS.map((labels) => JSON.stringify(labels)), ids.map(slotOf)],
    );
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       VALUES ($1, 'act', '', 'webhook', '{}', 5, '{}', 1, now(), now())`,
      [ids[0]],
    );
  });
  afterAll(() => end());

  async function write(ledger: readonly Told[]): Promise<void> {
    await database.rows('TRUNCATE triggers, executions CASCADE');
    const rows = ledger.map(({ hours, service, kind, direction, status }, index) => {
      const at = new Date(NOW - hours * HOUR);
      const id = `${leastIdAt(at).slice(0, 24)}${index.toString(16).padStart(12, '0')}`;
      return { id, at, service: ids[service], kind, direction: kind === 'breach' ? direction : null, status };
    });
    await database.rows(
      `WITH told AS (SELECT * FROM jsonb_to_recordset($1::jsonb) AS t (id uuid, at timestamptz, service uuid, kind text, direction text, status text)),
       t AS (INSERT INTO triggers (id, service_id, at, kind, direction, justification)
         SELECT id, service, at, kind, direction, '' FROM told)
       INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, justification, variables, status, created_at, attempts)
       SELECT id, id, service, 's', $2, 'act', '', '{}', status, at, '[]' FROM told`,
      [JSON.stringify(rows), ids[0]],
    );
  }

  test('the preview says what the ledger says would have been muted in the same time', async () => {
    const isMuted = {
      actions: ({ kind }: Told) => kind !== 'recovery',
      scale_down: ({ kind, direction }: Told) => kind === 'breach' && direction === 'down',
      notifications: ({ kind }: Told) => kind === 'escalation',
    };
    await fc.assert(
      fc.asyncProperty(
        fc.array(toldArbitrary, { maxLength: 60 }),
        fc.constantFrom<(keyof typeof isMuted)[]>('actions', 'scale_down', 'notifications'),
        fc.constantFrom<Record<string, string>[]>({ team: 'web' }, { env: 'prod' }, { team: 'data', env: 'prod' }, { team: 'x' }), // prettier-ignore
        fc.constantFrom(...SCHEDULES),
        fc.constantFrom(0, 1, 30),
        async (ledger, mutes, labels, [rrule, hours, isWithin], beginsInDays) => {
          await write(ledger);
          const told = await preview.of({
            match: { labels },
            mutes,
            startsAt: new Date(NOW + beginsInDays * DAY).toISOString(),
            endsAt: new Date(NOW + 300 * DAY).toISOString(),
            reason: 'patching',
            ...(rrule && { schedule: { rrule, timeZone: ZONE, durationSeconds: hours * 3600 } }),
          });
          const expected = ledger.filter((one) => {
            const at = NOW - one.hours * HOUR;
            const isCovered = Object.entries(labels).every(([label, value]) => (LABELS[one.service] as Record<string, string>)[label] === value); // prettier-ignore
            const isLate = one.hours <= 7 * 24 && isWithin(at);
            return isCovered && isLate && one.status !== 'shadowed' && isMuted[mutes](one);
          });
          const words = expected.map(
            ({ hours: before, service }) =>
              `${new Date(NOW - before * HOUR).toISOString()} service-${service + 1}`,
          );
          expect(told.wouldHaveMuted.map(({ at, service }) => `${at} ${service}`).sort()).toEqual(
            words.sort(),
          );
          expect(told.mutedTotal).toBe(expected.length);
          // The newest is told first.
          const times = told.wouldHaveMuted.map(({ at }) => at);
          expect(times).toEqual([...times].sort().reverse());
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  test('the preview tells some of very many, and counts them', async () => {
    const one: Told = { hours: 1, service: 0, kind: 'breach', direction: null, status: 'succeeded' };
    await write(Array.from({ length: 300 }, (_, index) => ({ ...one, hours: index / 10 })));
    const told = await preview.of({
      match: { labels: { team: 'web' } },
      endsAt: new Date(NOW + DAY).toISOString(),
      reason: 'patching',
    });
    expect([told.wouldHaveMuted.length, told.mutedTotal]).toEqual([100, 300]);
    expect(told.wouldHaveMuted[0]!.at).toBe(new Date(NOW).toISOString());
  });

  test('statements and evaluation agree on what a silence covers', async () => {
    const book = new SilenceBook(database);
    await fc.assert(
      fc.asyncProperty(
        fc.record(
          {
            services: fc.subarray(ids, { minLength: 1 }),
            labels: fc.constantFrom<object[]>({ team: 'web' }, { env: 'prod' }, { team: 'web', env: 'test' }, { none: '' }), // prettier-ignore
            infrastructures: fc.constant([newId()]),
          },
          { requiredKeys: [], noNullPrototype: true },
        ),
        fc.option(
          fc.constantFrom<object[][]>([{ env: 'prod' }], [{}], [{ team: 'x' }, { team: 'data' }], []),
        ),
        async (match, scopes) => {
          fc.pre(Object.keys(match).length > 0);
          const id = newId();
          await database.rows('DELETE FROM silences');
          await database.rows(
            `INSERT INTO silences (id, version, created_at, updated_at, owner, match, scopes, mutes, starts_at, ends_at, reason, on_end)
             VALUES ($1, 1, now(), now(), 'anna', $2, $3, 'actions', now() - interval '1 day', now() + interval '1 day', 'x', 'act')`,
            [id, JSON.stringify(match), scopes && JSON.stringify(scopes)],
          );
          await database.rows('UPDATE silence_revision SET revision = revision + 1');
          await book.current();
          const covered = ids.filter((service, index) => {
            const found = book.of(
              { id: service, labels: LABELS[index]!, infrastructureId: null },
              Date.now(),
            );
            return found !== undefined;
          });
          const { matches } = (await silences.get(id)) as { matches?: number };
          expect(matches).toBe(covered.length);
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  describe('that end once their services have been ok for long enough', () => {
    const now = clock.now().getTime();
    /** Phases of the services with the label `team: web`, and for how many seconds. */
    async function states(...given: [phase: string, seconds: number][]): Promise<void> {
      await database.rows('TRUNCATE service_states, silences CASCADE');
      await database.rows(
        `INSERT INTO service_states (service_id, state, decision_id)
         SELECT id, jsonb_build_object('phase', phase, 'since', since), id FROM unnest($1::uuid[], $2::text[], $3::float8[]) AS s (id, phase, since)`,
        [ids.slice(0, given.length), given.map(([phase]) => phase), given.map(([, seconds]) => now - seconds * 1000)], // prettier-ignore
      );
    }
    async function asking(columns: Record<string, string> = {}): Promise<string> {
      const id = newId();
      const given = {
        match: `'{"labels": {"team": "web"}}'`,
        starts_at: `$2::timestamptz - interval '1 hour'`,
        ...columns,
      };
      await database.rows(
        `INSERT INTO silences (id, version, created_at, updated_at, owner, mutes, ends_at, reason, on_end, end_when_ok_seconds, ${Object.keys(given).join(', ')})
         VALUES ($1, 1, now(), now(), 'anna', 'actions', $2::timestamptz + interval '3 days', 'x', 'act', 60, ${Object.values(given).join(', ')})`,
        [id, new Date(now)],
      );
      return id;
    }
    const audited = (action: string, id: string) =>
      database.rows('SELECT FROM audit WHERE action = $1 AND object_id = $2', [action, id]);
    const shownOf = async (id: string) => (await silences.get(id)) as { active?: boolean; endedBy?: string };

    test.each<[string, [string, number][], Record<string, string>, number]>([
      ['all are', [['ok', 60], ['ok', 900]], {}, 1],
      ['one is not for long enough', [['ok', 59.9], ['ok', 900]], {}, 0],
      ['one is in alarm', [['ok', 900], ['alarm', 900]], {}, 0],
      ['one is not known', [['ok', 900], ['unknown', 900]], {}, 0],
      ['one was never evaluated', [['ok', 900]], {}, 0],
      ['it has not muted for as long itself', [['ok', 900], ['ok', 900]], { starts_at: `$2::timestamptz - interval '59 seconds'` }, 0],
      ['it covers none', [['ok', 900], ['ok', 900]], { match: `'{"labels": {"team": "none"}}'` }, 0],
      ['it has not begun', [['ok', 900], ['ok', 900]], { starts_at: `$2::timestamptz + interval '1 hour'` }, 0],
    ])('%s', async (_, phases, columns, ended) => {
      await states(...phases);
      const id = await asking(columns);
      expect(await silences.endOk()).toBe(ended);
      const { endedBy } = await shownOf(id);
      expect(endedBy).toBe(ended === 1 ? 'ok for 60 s' : undefined);
      expect(await silences.endOk()).toBe(0);
    }); // prettier-ignore

    test('is ended by one of several processes', async () => {
      await states(['ok', 900], ['ok', 900]);
      const id = await asking();
      const counts = await Promise.all([silences.endOk(), silences.endOk(), silences.endOk()]);
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(1);
      expect(await audited('end', id)).toHaveLength(1);
    });

    test('of one that repeats, the window ends, and the next one comes', async () => {
      await states(['ok', 900], ['ok', 900]);
      const schedule = { rrule: 'FREQ=DAILY;BYHOUR=11;BYMINUTE=0', timeZone: 'UTC', durationSeconds: 7200 };
      const id = await asking({
        schedule: `'${JSON.stringify(schedule)}'`,
        starts_at: `$2::timestamptz - interval '3 days'`,
      });
      expect((await shownOf(id)).active).toBe(true);
      expect(await silences.endOk()).toBe(1);
      expect((await shownOf(id)).active).toBe(false);
      clock.advance(86_400);
      expect((await shownOf(id)).active).toBe(true);
      clock.set(new Date(NOW));
    });

    test('one that a clock that was ahead has ended can be ended, and is', async () => {
      await states(['ok', 900], ['ok', 900]);
      const id = await asking({ ended_at: `$2::timestamptz + interval '9 hours'`, ended_by: `'ben'` });
      expect((await shownOf(id)).active).toBe(true);
      await silences.remove(id, undefined);
      expect((await shownOf(id)).active).toBe(false);
      await silences.remove(id, undefined);
      expect(await audited('delete', id)).toHaveLength(1);
    });
  });

  test('there is room for so many, and what they name is counted together', async () => {
    await database.rows('DELETE FROM silences');
    const fill = (count: number, named: number) =>
      database.rows(
        `INSERT INTO silences (id, version, created_at, updated_at, owner, match, mutes, starts_at, ends_at, reason, on_end)
         SELECT gen_random_uuid(), 1, now(), now(), 'anna',
           jsonb_build_object('services', (SELECT jsonb_agg(gen_random_uuid()) FROM generate_series(1, $2::int) WHERE n > 0)), 'actions', $3, $4, 'x', 'act'
         FROM generate_series(1, $1::int) n`,
        [count, named, new Date(NOW - DAY), new Date(NOW + DAY)],
      );
    const body = {
      match: { labels: { team: 'web' } },
      endsAt: new Date(NOW + DAY).toISOString(),
      reason: 'x',
    };
    await fill(201, 1_000);
    await expect(silences.create(body)).rejects.toThrow('name 201000 services and infrastructures, and may name 200000'); // prettier-ignore
    await database.rows('DELETE FROM silences');
    await fill(10_000, 1);
    await expect(silences.create(body)).rejects.toThrow('there are 10000 silences that are not over');
    await database.rows('UPDATE silences SET ended_at = $1', [new Date(NOW)]);
    await expect(silences.create(body)).resolves.toMatchObject({ active: true });
  });
});
