import fc from 'fast-check';
import { openTestDatabase } from '../../test/databases';
import { plainQuery } from '../api/filters';
import { queryOf } from '../api/page-query';
import { runAs, type Scope } from '../common/caller';
import { checked } from '../common/check';
import { ManualClock } from '../common/clock';
import { InvalidInput } from '../common/errors';
import { newId } from '../common/ids';
import type { Database } from '../database/database';
import { DefinitionStore } from '../database/definitions';
import { ServiceRow } from '../database/entities';
import { PHASES, REASONS, type Phase, type Reason } from '../engine/types';
import type { Services } from '../services/services';
import { ServiceList } from './service-list';
import { MODES, ServiceFilter, ServicesQuery } from './service-query';
import { Unpolled } from './unpolled';

const NOBODY = undefined as never;
const INTERVAL = 10;
/** Slots that polls cover are those below. */
const COVERED = 100;
const DAY_MS = 86_400_000;

/** Service of the property, with what it is to be told as. */
interface Example {
  name: string;
  description: string;
  labels: Record<string, string>;
  enabled: boolean;
  polled: boolean;
  isCovered: boolean;
  mode: string;
  infrastructure: number | null;
  actions: number[];
  state: { phase: Phase; reason: Reason; since: number } | null;
}

interface Stored extends Example {
  id: string;
  updatedAt: number;
}

const WORDS = [
  'web',
  'Web',
  'db',
  'ÄRGER',
  'a,b',
  "o'hara",
  '100%',
  '_',
  '\\',
  '"q"',
  '<b>',
  '🐢',
  'x=y',
  '',
];
const word = fc.constantFrom(...WORDS);
const labels = fc.dictionary(fc.constantFrom('team', 'env', 'a b', "it's", '🐢', '"'), word, { maxKeys: 3 });

const example = fc.record<Example>({
  name: fc
    .array(fc.constantFrom(...WORDS.filter((one) => one !== '')), { minLength: 1, maxLength: 3 })
    .map((words) => words.join(' ')),
  description: fc.array(word, { maxLength: 3 }).map((words) => words.join(' ')),
  labels,
  enabled: fc.boolean(),
  polled: fc.boolean(),
  isCovered: fc.boolean(),
  mode: fc.constantFrom(...MODES),
  infrastructure: fc.option(fc.nat(1)),
  actions: fc.uniqueArray(fc.nat(2)),
  state: fc.option(
    fc.record({
      phase: fc.constantFrom(...PHASES),
      reason: fc.constantFrom(...REASONS),
      since: fc.integer({ min: 1_700_000_000_000, max: 1_700_000_000_009 }),
    }),
  ),
});

const escaped = (value: string) => value.replace(/[\\,]/g, '\\$&');
const some = <T>(one: fc.Arbitrary<T>) => fc.uniqueArray(one, { minLength: 1, maxLength: 2 });
const filter = fc.record(
  {
    search: fc.array(word, { maxLength: 2 }),
    label: some(some(fc.tuple(fc.constantFrom('team', 'env', "it's", '"'), fc.option(word)))),
    phase: some(fc.constantFrom(...PHASES)),
    reason: some(fc.constantFrom(...REASONS)),
    mode: some(fc.constantFrom(...MODES)),
    enabled: some(fc.boolean()),
    infrastructure: some(fc.nat(2)),
    action: some(some(fc.nat(3))),
  },
  { requiredKeys: [] },
);
type Wanted = typeof filter extends fc.Arbitrary<infer T> ? T : never;

/** The query of a filter, as it arrives. */
function queryIn({ search, label, action, phase, reason, mode, enabled, infrastructure }: Wanted) {
  const either = (values?: readonly unknown[]) => values?.map((value) => escaped(String(value))).join(',');
  const query = {
    search: search?.join(' '),
    label: label?.map((times) =>
      either(times.map(([key, value]) => (value === null ? key : `${key}=${value}`))),
    ),
    phase: either(phase),
    reason: either(reason),
    mode: either(mode),
    enabled: either(enabled),
    infrastructure: either(infrastructure?.map((n) => `pool ${n}`)),
    action: action?.map((times) => either(times.map((n) => `act,${n}`))),
  };
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

/** What is told of a service. */
function told({ enabled, polled, isCovered, state, updatedAt }: Stored) {
  const since = state?.since ?? updatedAt;
  if (!enabled) return { phase: 'unknown', reason: 'disabled', since };
  const isLate = polled && !isCovered && state?.reason !== 'not_polled';
  if (!isLate) return { phase: state?.phase ?? 'unknown', reason: state?.reason ?? 'missing_data', since };
  // A phase that goes on has begun when it began; else when it was last decided, or changed.
  return {
    phase: 'unknown',
    reason: 'not_polled',
    since: state === null || state.phase === 'unknown' ? since : updatedAt,
  };
}

/** The same filter in memory. */
function fits(service: Stored, wanted: Wanted): boolean {
  const { phase, reason } = told(service);
  const is = <T>(values: readonly T[] | undefined, value: unknown) => values?.includes(value as T) ?? true;
  const text = [
    service.name,
    service.description,
    ...Object.entries(service.labels).map((one) => one.join('=')),
  ]
    .join('\n')
    .toLowerCase();
  return (
    (wanted.search ?? []).every((one) => text.includes(one.toLowerCase())) &&
    (wanted.label ?? []).every((times) =>
      times.some(
        ([key, value]) =>
          Object.hasOwn(service.labels, key) && (value === null || service.labels[key] === value),
      ),
    ) &&
    is(wanted.phase, phase) &&
    is(wanted.reason, reason) &&
    is(wanted.mode, service.mode) &&
    is(wanted.enabled, service.enabled) &&
    is(wanted.infrastructure, service.infrastructure) &&
    (wanted.action ?? []).every((times) => times.some((n) => service.actions.includes(n)))
  );
}

const SEVERITY = ['alarm', 'unknown', 'pending', 'ok'];
const compare = (a: string | number, b: string | number) => (a < b ? -1 : a > b ? 1 : 0);
/** By code points, as the embedded PostgreSQL and UTF-8 have it. */
const byText = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
const ORDERS: Record<string, (a: Stored, b: Stored) => number> = {
  createdAt: (a, b) => compare(a.id, b.id),
  '-createdAt': (a, b) => compare(b.id, a.id),
  name: (a, b) => byText(a.name, b.name),
  '-name': (a, b) => byText(b.name, a.name),
  updatedAt: (a, b) => compare(a.updatedAt, b.updatedAt) || compare(a.id, b.id),
  '-updatedAt': (a, b) => compare(b.updatedAt, a.updatedAt) || compare(b.id, a.id),
  severity: (a, b) =>
    compare(SEVERITY.indexOf(told(a).phase), SEVERITY.indexOf(told(b).phase)) ||
    compare(told(a).since, told(b).since) ||
    compare(a.id, b.id),
};

describe('services are listed', () => {
  let database: Database;
  let end: () => Promise<void>;
  let list: ServiceList;
  const infrastructures = [newId(), newId(), newId()];
  const actions = [newId(), newId(), newId(), newId()];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const clock = new ManualClock(new Date());
    const store = new DefinitionStore(database, clock, ServiceRow, 'service', {
      isLabelled: true,
      writes: 'editor',
    });
    const unpolled = new Unpolled(database, NOBODY, NOBODY, NOBODY, NOBODY, clock);
    list = new ServiceList(database, { store } as Services, NOBODY, unpolled);
    await database.rows(
      `INSERT INTO infrastructures (id, name, description, labels, min_nodes, max_nodes, up_wisdom_seconds, down_wisdom_seconds,
         warmup_seconds, version, created_at, updated_at)
       SELECT id, 'pool ' || n - 1, '', '{}', 1, 2, 0, 0, 0, 1, now(), now() FROM unnest($1::uuid[]) WITH ORDINALITY AS i (id, n)`,
      [infrastructures],
    );
    await database.rows(
      `INSERT INTO actions (id, name, description, type, params, timeout_seconds, retry, version, created_at, updated_at)
       SELECT id, 'act,' || n - 1, '', 'log_message', '{}', 1, '{}', 1, now(), now() FROM unnest($1::uuid[]) WITH ORDINALITY AS a (id, n)`,
      [actions],
    );
    await database.rows(`INSERT INTO polled_ranges VALUES ($1, 0, $2, now())`, [INTERVAL, COVERED - 1]);
  });
  beforeEach(() => database.rows('UPDATE polled_ranges SET polled_at = now()'));
  afterAll(() => end());

  async function store(examples: readonly Example[]): Promise<Stored[]> {
    await database.rows('DELETE FROM services');
    // Long enough ago that nothing excuses what nobody polls.
    const from = Date.now() - DAY_MS;
    const stored = examples.map((one, index) => ({
      ...one,
      id: newId(),
      updatedAt: from + (index % 3) * 1_000,
    }));
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition,
         hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version,
         created_at, updated_at, infrastructure_id)
       SELECT s.*, 1, to_timestamp(u / 1000.0), to_timestamp(u / 1000.0), infrastructure FROM (
         SELECT id, name, description, labels, enabled, ${INTERVAL}, slot, polled, '{}'::jsonb, '{}'::jsonb, 'true', 0, 0, true, 'hold',
           '{}'::jsonb, '{}'::uuid[], mode, 60 FROM jsonb_to_recordset($1) AS r (id uuid, name text, description text, labels jsonb, enabled bool,
           slot int, polled bool, mode text)) s
       JOIN jsonb_to_recordset($1) AS x (id uuid, u float8, infrastructure uuid) USING (id)`,
      [
        JSON.stringify(
          stored.map(({ isCovered, infrastructure, updatedAt, ...one }) => ({
            ...one,
            slot: isCovered ? 0 : COVERED,
            u: updatedAt,
            infrastructure: infrastructure === null ? null : infrastructures[infrastructure],
          })),
        ),
      ],
    );
    const pairs = stored.flatMap(({ id, actions: named }) => named.map((n) => ({ id, action: actions[n] })));
    await database.rows(
      'INSERT INTO service_actions SELECT * FROM jsonb_to_recordset($1) AS r (id uuid, action uuid)',
      [JSON.stringify(pairs)],
    );
    await database.rows(
      'INSERT INTO service_states (service_id, state, decision_id) SELECT id, state, id FROM jsonb_to_recordset($1) AS r (id uuid, state jsonb)',
      [JSON.stringify(stored.filter(({ state }) => state !== null))],
    );
    return stored;
  }

  async function all(query: object, sort: string, limit: number): Promise<string[]> {
    const ids: string[] = [];
    for (let cursor: string | undefined; ;) {
      const given = { ...query, sort, limit: String(limit), ...(cursor === undefined ? {} : { cursor }) };
      const page = await list.ids(queryOf(ServicesQuery, given));
      ids.push(...page.items);
      if (page.nextCursor === undefined) return ids;
      cursor = page.nextCursor;
    }
  }

  test('a filter in SQL selects what the same filter does in memory, in every order, over pages of any length', () =>
    fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(example, { maxLength: 12, selector: ({ name }) => name }),
        filter,
        fc.constantFrom(...Object.keys(ORDERS)),
        fc.integer({ min: 1, max: 5 }),
        async (examples, wanted, sort, limit) => {
          const stored = await store(examples);
          const expected = stored.filter((one) => fits(one, wanted)).sort(ORDERS[sort]);
          const query = queryIn(wanted);
          expect(await all(query, sort, limit)).toEqual(expected.map(({ id }) => id));
          expect(await list.ids(queryOf(ServicesQuery, query))).toMatchObject({ total: expected.length });

          const counts = await list.counts(checked(ServiceFilter, plainQuery(ServiceFilter, query)));
          const count = (of: (one: Stored) => string) =>
            expected.reduce<Record<string, number>>(
              (sum, one) => ({ ...sum, [of(one)]: (sum[of(one)] ?? 0) + 1 }),
              {},
            );
          const zeros = (words: readonly string[]) => Object.fromEntries(words.map((one) => [one, 0]));
          expect(counts).toEqual({
            total: expected.length,
            phases: { ...zeros(PHASES), ...count((one) => told(one).phase) },
            reasons: count((one) => told(one).reason),
            modes: { ...zeros(MODES), ...count(({ mode }) => mode) },
          });
        },
      ),
      { numRuns: 150 },
    ));

  const asViewer = (scopes: Scope[], work: () => Promise<unknown>) =>
    runAs(
      {
        actor: 'x',
        via: 'session',
        address: '',
        grants: scopes.map((scope) => ({ role: 'viewer', approve: false, scope })),
      },
      work,
    );

  test('nobody finds, sorts or counts what is out of scope', async () => {
    const one: Example = {
      name: 'a', description: '', labels: { team: 'web' }, enabled: true, polled: false, isCovered: true, mode: 'auto',
      infrastructure: null, actions: [], state: null,
    }; // prettier-ignore
    const [mine] = await store([
      one,
      { ...one, name: 'b', labels: { team: 'db' } },
      { ...one, name: 'c', labels: {} },
    ]);
    await asViewer([{ team: 'web' }], async () => {
      for (const query of [
        {},
        { sort: 'severity' },
        { phase: 'unknown' },
        { label: 'team' },
        { label: 'team=web,team=db' },
        { search: '' },
      ])
        expect(await list.ids(queryOf(ServicesQuery, query))).toEqual({ items: [mine!.id], total: 1 });
      expect(await list.counts(new ServiceFilter())).toMatchObject({ total: 1, phases: { unknown: 1 } });
      expect(await list.ids(queryOf(ServicesQuery, { label: 'team=db' }))).toEqual({ items: [], total: 0 });
    });
    await asViewer([], async () => expect((await list.ids(queryOf(ServicesQuery, {}))).total).toBe(0));
  });

  test.each([
    [{ phse: 'alarm' }, '/phse', /did you mean phase/],
    [{ Label: 'a' }, '/Label', /did you mean label/],
    [{ phase: 'alarn' }, '/phase', /must be one of ok, pending/],
    [{ phase: 'alarm,' }, '/phase', /empty value/],
    [{ phase: ['alarm', 'ok'] }, '/phase', /more than once/],
    [{ reason: 'x' }, '/reason', /must be one of/],
    [{ enabled: 'yes' }, '/enabled', /true or false/],
    [{ label: '=web' }, '/label', /name=value/],
    [{ label: Array.from({ length: 21 }, () => 'a') }, '/label', /at most 20 times/],
    [{ mode: 'auto,'.repeat(101) }, '/mode', /at most 100 values/],
    [{ search: 'a '.repeat(11) }, '/search', /at most 10 words/],
    [{ sort: 'phase' }, '/sort', /must be one of createdAt/],
    [{ include: 'everything' }, '/include', /must be one of state/],
    [{ limit: '' }, '/limit', /must be/],
    [{ limit: '501' }, '/limit', /at most 500/],
    [{ constructor: 'x' }, '/constructor', /not a known/],
    [{ __proto__: null, toString: 'x' }, '/toString', /not a known/],
  ])('%j is refused', (given, pointer, detail) => {
    expect(() => queryOf(ServicesQuery, given)).toThrow(
      expect.objectContaining({
        errors: expect.arrayContaining([{ pointer, detail: expect.stringMatching(detail) }]),
      }) as Error,
    );
  });

  test('cursors of another order, or made up, are refused', async () => {
    const one: Example = {
      name: 'a', description: '', labels: {}, enabled: true, polled: false, isCovered: true, mode: 'auto',
      infrastructure: null, actions: [], state: null,
    }; // prettier-ignore
    await store([one, { ...one, name: 'b' }]);
    const sorts = Object.keys(ORDERS);
    const cursors = await Promise.all(
      sorts.map(
        async (sort) =>
          [sort, (await list.ids(queryOf(ServicesQuery, { sort, limit: '1' }))).nextCursor!] as const,
      ),
    );
    const made = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const madeUp = ['x', '', newId(), '----', made(['name', 'a']), made(['name', 1, newId()]), made(['name', '\0', newId()]), made(['name', 'a', 'b']),
      made(['severity', null, 1, newId()]), made(['severity', 1, '1', newId()]), made({}), made(null)]; // prettier-ignore
    for (const sort of sorts) {
      const wrong = [...madeUp, ...cursors.filter(([of]) => of !== sort).map(([, cursor]) => cursor)];
      for (const cursor of wrong) {
        const asked = list.ids(queryOf(ServicesQuery, { sort, cursor }));
        await expect(asked).rejects.toThrow(InvalidInput);
        await expect(asked).rejects.toMatchObject({ errors: [{ pointer: '/cursor' }] });
      }
    }
  });

  test.each([
    [10_000, { total: 10_000 }],
    [10_001, { totalAtLeast: 10_000 }],
  ])('%i services are counted as %j', async (count, total) => {
    await database.rows('DELETE FROM services');
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition,
         hold_seconds, wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version,
         created_at, updated_at)
       SELECT gen_random_uuid(), 'n' || n, '', '{}', true, 10, 0, true, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1,
         now(), now() FROM generate_series(1, $1) n`,
      [count],
    );
    const { items, nextCursor, ...rest } = await list.ids(
      queryOf(ServicesQuery, { limit: '2', sort: 'severity' }),
    );
    expect([items.length, typeof nextCursor, rest]).toEqual([2, 'string', total]);
    expect(await list.counts(new ServiceFilter())).toMatchObject({ total: count });
    await database.rows('DELETE FROM services');
  });

  test('what is written in a filter is no SQL', () =>
    fc.assert(
      fc.asyncProperty(
        fc.constantFrom('search', 'label', 'infrastructure', 'action'),
        fc.oneof(
          fc.string({ maxLength: 30 }),
          fc.constantFrom(`' OR true --`, '$1', ':x', `}') --`, '%', '\\', `{"a":"b"}`),
        ),
        async (name, text) => {
          const value = text.replaceAll('\0', '') || 'x';
          const query = await Promise.resolve()
            .then(() => queryOf(ServicesQuery, { [name]: value }))
            .catch((error: unknown) => error);
          if (query instanceof InvalidInput) return;
          await database.rows('DELETE FROM services');
          expect(await list.ids(query as ServicesQuery)).toEqual({ items: [], total: 0 });
        },
      ),
      { numRuns: 60 },
    ));
});
