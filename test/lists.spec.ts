import { until, World, type Api, type Json, type MonscaleProcess } from './program';

jest.setTimeout(120_000);

const LISTS = [
  'services', 'infrastructures', 'actions', 'sources', 'executions', 'alerts', 'users', 'grants', 'tokens', 'audit', 'sessions',
  'services/web-0/decisions', 'contacts', 'contacts/on-call/notices', 'services/web-0/versions',
]; // prettier-ignore

/** Polled; an alarm where `value` is over 1. */
const polled = (name: string, value: number, more: object = {}) => ({
  name,
  intervalSeconds: 1,
  metrics: { n: { type: 'static_count', params: { value } } },
  condition: 'n > 1.0',
  ...more,
});

let world: World;
let program: MonscaleProcess;
let api: Api;

beforeAll(async () => {
  world = await World.create();
  program = await world.start('all');
  api = program.api;
  await api.create('/infrastructures', { name: 'pool, west', labels: { team: 'web' } });
  await api.create('/actions', { name: 'tell', type: 'log_message', params: { message: 'x' }, labels: { team: 'web' } });
  await api.create('/actions', { name: 'unused', type: 'log_message', params: { message: 'x' } });
  for (const n of [0, 1, 2])
    await api.create('/services', polled(`web-${n}`, n, { labels: { team: 'web', tier: `${n}` }, actions: ['tell'], infrastructure: 'pool, west' }));
  await api.create('/services', polled('db', 5, { labels: { team: 'db' }, description: 'Keeps 100% of "all"', mode: 'shadow' }));
  await api.create('/services', polled('off', 5, { enabled: false }));
  await api.create('/actions', { name: 'post', type: 'webhook', params: { url: 'http://127.0.0.1:9/' } });
  await api.create('/contacts', { name: 'on-call', action: 'post', events: ['silent_source'] });
}); // prettier-ignore
afterAll(() => world.end());

const names = async (query: string): Promise<string[]> =>
  (await api.get(`/services?${query}`)).body.items.map(({ name }: Json) => name);

test('every list says how many there are, and names a filter that it does not have', async () => {
  for (const list of LISTS) {
    const { status, body } = await api.get(`/${list}?limit=1`);
    expect([list, status, typeof body.total, body.items.length <= 1]).toEqual([list, 200, 'number', true]);
    const wrong = await api.get(`/${list}?limt=1`);
    expect([list, wrong.status, wrong.body.errors]).toEqual([
      list,
      400,
      [{ pointer: '/limt', detail: 'is not a known field; did you mean limit?' }],
    ]);
  }
});

test('the list of MIBs has no filter, and says so', async () => {
  expect((await api.get('/mibs')).body.total).toBeGreaterThan(0);
  const wrong = await api.get('/mibs?name=IF-MIB');
  expect([wrong.status, wrong.body.errors]).toEqual([
    400,
    [{ pointer: '/name', detail: 'is not a known field' }],
  ]);
});

test.each([
  ['infrastructures?label=team%3Dweb&search=WEST&sort=-name', ['pool, west']],
  ['infrastructures?nodes=static_count', []],
  ['actions?type=log_message&label=team', ['tell']],
  ['actions?sort=-name', ['unused', 'tell', 'post']],
  ['executions?status=failed,unknown&label=team%3Dweb', []],
  ['alerts?label=a%3Db&search=x&sort=receivedAt', []],
  ['sources?format=snmp,native&search=no-such', []],
  ['users?search=nobody&disabled=false&group=a,b', []],
  ['tokens?expired=false&madeBy=nobody&role=viewer', []],
  ['grants?role=admin&approve=true&anonymous=false&label=team&user=nobody&group=x', []],
  ['audit?object=off&action=create,x', []],
  ['audit?object=off&via=administrator&action=create', [undefined]],
  ['services/off/decisions?reason=triggered&phase=alarm', []],
])('GET /%s', async (path, expected) => {
  const { body } = await api.get(`/${path}`);
  expect(body).toMatchObject({ total: expected.length });
  expect(body.items.map(({ name }: Json) => name)).toEqual(expected);
});

test('services by what they are and by what is told of them, worst first', async () => {
  await until(async () => (await names('phase=alarm&sort=name')).join() === 'db,web-2', 10_000);
  await until(async () => (await names('phase=ok&sort=name')).join() === 'web-0,web-1', 10_000);
  const worst = await names('sort=severity');
  expect(worst.slice(0, 2).sort()).toEqual(['db', 'web-2']);
  expect(worst.slice(2)).toEqual(['off', ...worst.slice(3)]);
  expect(await names('reason=disabled,holding')).toEqual(['off']);
  expect(await names('infrastructure=pool\\,%20west&action=tell&label=team=web&label=tier=0,tier=2&sort=-name')).toEqual(['web-2', 'web-0']); // prettier-ignore
  expect(await names('search=100%25%20"ALL"')).toEqual(['db']);
  expect(await names('mode=shadow,approve')).toEqual(['db']);

  const { items, total } = (await api.get('/services?include=state&sort=severity')).body;
  expect(total).toBe(5);
  for (const { name, state } of items) {
    const alone = (await api.get(`/services/${name}/state`)).body;
    expect({ name, phase: state.phase, since: state.since }).toEqual({
      name,
      phase: alone.phase,
      since: alone.since,
    });
    expect([Object.keys(state.values), typeof state.explanation]).toEqual([
      Object.keys(alone.values),
      'string',
    ]);
  }
  const counts = (await api.get('/services/counts')).body;
  expect(counts).toEqual({
    total: 5,
    phases: { ok: 2, pending: 0, alarm: 2, unknown: 1 },
    reasons: expect.objectContaining({ condition_false: 2, disabled: 1 }),
    modes: { auto: 4, shadow: 1, approve: 0 },
  });
  expect(Object.values<number>(counts.reasons).reduce((sum, count) => sum + count)).toBe(5);
  expect((await api.get('/services/counts?label=team=web&phase=alarm')).body).toMatchObject({ total: 1 });
  expect((await api.get('/services/counts?limit=1')).status).toBe(400);
});

test('many are changed at once: what fails is named, the others are done, and each is audited', async () => {
  const bulk = async (kind: string, body: object, who = api) => (await who.post(`/${kind}/bulk`, body)).body;
  const change = { enabled: false, mode: 'approve', labels: { tier: null, seen: 'yes' } };
  const select = { filter: { label: ['team=web'] } };
  expect(await bulk('services', { select, change, dryRun: true })).toEqual({ matched: 3, succeeded: 3, failed: [] });
  expect(await names('mode=approve')).toEqual([]);
  expect(await bulk('services', { select, change })).toEqual({ matched: 3, succeeded: 3, failed: [] });
  expect((await api.get('/services?mode=approve')).body.items).toMatchObject(
    [0, 1, 2].map((n) => ({ name: `web-${n}`, version: 2, enabled: false, labels: { team: 'web', seen: 'yes' } })),
  );
  expect((await api.get('/services/web-1')).body.labels).not.toHaveProperty('tier');
  // Again changes nothing.
  expect(await bulk('services', { select, change })).toMatchObject({ succeeded: 3 });
  expect((await api.get('/services/web-1')).body.version).toBe(2);
  const { body: audit } = await api.get('/audit?object=service:web-1&action=update');
  expect(audit.items[0].changes.map(({ pointer }: Json) => pointer).sort()).toEqual(['/enabled', '/labels/seen', '/labels/tier', '/mode']); // prettier-ignore
  expect((await api.get('/services/web-1/versions')).body).toMatchObject({ total: 2 });

  const { token } = await api.create('/tokens', { name: 'web', role: 'editor', scope: { labels: { team: 'web' } } });
  const own = api.as(token);
  const ids = ['web-0', 'db', 'nobody', 'web-0', (await api.get('/services/web-0')).body.id];
  expect(await bulk('services', { select: { ids }, change: { mode: 'auto' } }, own)).toEqual({
    matched: 3,
    succeeded: 1,
    failed: ['db', 'nobody'].map((name) => ({ id: name, name, detail: `there is no service "${name}"` })),
  });
  // Out of the scope, by a change that would take them there.
  const relabelled = await bulk('services', { select, change: { labels: { team: 'db' } } }, own);
  expect(relabelled).toMatchObject({ matched: 3, succeeded: 0 });
  expect(relabelled.failed[0]).toEqual({ id: expect.any(String), name: 'web-0', detail: expect.stringContaining('team=web') });
  // Seen, and not theirs to change.
  const { token: mixed } = await api.create('/tokens', { name: 'mixed', role: 'viewer' });
  expect((await api.as(mixed).post('/services/bulk', { select, change })).status).toBe(403);

  const gone = await bulk('actions', { select: { filter: { type: 'log_message' } }, delete: true });
  expect(gone).toEqual({ matched: 2, succeeded: 1, failed: [{ id: expect.any(String), name: 'tell', detail: expect.stringContaining('in use by') }] }); // prettier-ignore
  expect((await api.get('/actions')).body).toMatchObject({ total: 2, items: [{ name: 'tell' }, { name: 'post' }] });
  expect(await bulk('infrastructures', { select: { ids: ['pool, west'] }, change: { labels: { a: 'b' } } })).toMatchObject({ succeeded: 1 });
  expect(await bulk('services', { select: { filter: { mode: 'auto,shadow,approve' } }, delete: true, dryRun: true })).toMatchObject({ matched: 5, succeeded: 5 });
  expect(await bulk('services', { select: { filter: { mode: 'auto,shadow,approve' } }, delete: true })).toMatchObject({ matched: 5, succeeded: 5 });
  expect((await api.get('/services')).body).toEqual({ items: [], total: 0 });
  expect((await api.get('/audit?action=delete')).body).toMatchObject({ total: 6 });
}); // prettier-ignore

test('trying a change of many is refused what the change is refused, and changes nothing', async () => {
  const on = (service: string) => ({ dependsOn: [{ service }] });
  await api.create('/services', polled('ring a', 0, { enabled: false, dependsOn: [{ match: { ring: 'b' } }] }));
  await api.create('/services', polled('ring b', 0, { enabled: false, ...on('ring a') }));
  await api.create('/services', polled('late child', 0, { enabled: false, labels: { chain: 'x' } }));
  await api.create('/services', polled('late parent', 0, { enabled: false, labels: { chain: 'x' } }));
  await api.patch('/services/late%20child', on('late parent'));
  const audited = async () => (await api.get('/audit?limit=1')).body.total;
  const both = async (body: object) => {
    const before = await audited();
    const tried = await api.post('/services/bulk', { ...body, dryRun: true });
    expect(await audited()).toBe(before);
    const done = await api.post('/services/bulk', body);
    expect(tried.body).toEqual(done.body);
    return done.body;
  };
  const circle = { select: { ids: ['ring a', 'ring b'] }, change: { labels: { ring: 'b' } } };
  expect((await both(circle)).failed).toEqual([expect.objectContaining({ detail: expect.stringContaining('makes a circle') })]);
  expect(await both({ select: { filter: { label: 'chain=x' } }, delete: true })).toEqual({ matched: 2, succeeded: 2, failed: [] });
  expect(await both({ select: { filter: { search: 'ring' } }, delete: true })).toMatchObject({ matched: 2, succeeded: 1 });
  expect((await api.delete('/services/ring%20a')).status).toBe(204);
}); // prettier-ignore

test.each([
  ['nothing', {}, '/select'],
  ['no selection', { select: {}, change: { enabled: true } }, '/select'],
  ['two', { select: { ids: ['a'], filter: { phase: 'ok' } }, change: { enabled: true } }, '/select'],
  ['no ids', { select: { ids: [] }, change: { enabled: true } }, '/select/ids'],
  ['an empty filter', { select: { filter: {} }, delete: true }, '/select/filter'],
  ['a search for nothing', { select: { filter: { search: ' ' } }, delete: true }, '/select/filter'],
  ['an unknown filter', { select: { filter: { phse: 'ok' } }, delete: true }, '/select/filter/phse'],
  ['a page', { select: { filter: { limit: 1 } }, delete: true }, '/select/filter/limit'],
  ['a wrong filter', { select: { filter: { phase: 'x' } }, delete: true }, '/select/filter/phase'],
  ['no change', { select: { ids: ['a'] } }, ''],
  ['change and end', { select: { ids: ['a'] }, change: { enabled: true }, delete: true }, ''],
  ['an empty change', { select: { ids: ['a'] }, change: {} }, '/change'],
  ['a change of what is not', { select: { ids: ['a'] }, change: { condition: 'true' } }, '/change/condition'],
  ['a wrong change', { select: { ids: ['a'] }, change: { enabled: 'yes' } }, '/change/enabled'],
  ['a wrong label', { select: { ids: ['a'] }, change: { labels: { a: 1 } } }, '/change/labels/a'],
  [
    'too many',
    { select: { ids: Array.from({ length: 10_001 }, (_, n) => `${n}`) }, delete: true },
    '/select/ids',
  ],
])('a change of many with %s is refused', async (_, body, pointer) => {
  const answer = await api.post('/services/bulk', body);
  expect(answer.status).toBe(400);
  expect(answer.body.errors.map((error: Json) => error.pointer)).toEqual([pointer]);
});
