import { Api, until, World, type Answer, type Json, type MonscaleProcess } from './program';

/** Every route, as the contract names them; those of formats that are yet to come are not among them. */
const ROUTES = [
  'GET /health/live',
  'GET /health/ready',
  'GET /metrics',
  'GET /api/v1/mappings',
  ...['infrastructures', 'actions', 'services', 'sources', 'contacts'].flatMap((kind) => [
    `GET /api/v1/${kind}`,
    `POST /api/v1/${kind}`,
    `GET /api/v1/${kind}/{ref}`,
    `PUT /api/v1/${kind}/{ref}`,
    `PATCH /api/v1/${kind}/{ref}`,
    `DELETE /api/v1/${kind}/{ref}`,
  ]),
  'GET /api/v1/infrastructures/{ref}/capacity',
  'GET /api/v1/infrastructures/{ref}/load-balancer',
  'POST /api/v1/infrastructures/{ref}/load-balancer/sync',
  ...['state', 'decisions', 'samples'].map((part) => `GET /api/v1/services/{ref}/${part}`),
  ...['evaluate', 'end-wisdom'].map((verb) => `POST /api/v1/services/{ref}/${verb}`),
  'GET /api/v1/executions',
  'GET /api/v1/executions/{id}',
  ...['retry', 'cancel', 'approve', 'reject', 'resolve'].map(
    (verb) => `POST /api/v1/executions/{id}/${verb}`,
  ),
  'GET /api/v1/alerts',
  'POST /api/v1/alerts',
  'PUT /trap',
  'GET /api/v1/export',
  'POST /api/v1/import',
];

const WAIT_MS = 10_000;

const SECRETS = ['hush-header', 'hush-signature', 'hush-password', 'hush-community', 'hush-rotated'];

const LIST = { type: 'redis_list_length', params: { url: 'redis://:hush-password@127.0.0.1:1/0', key: 'x' } };
const HOOK = {
  type: 'webhook',
  params: {
    url: 'http://127.0.0.1:1/',
    headers: { 'X-Key': 'hush-header' },
    secret: 'hush-signature',
  },
};
const service = (changes: object = {}) => ({
  name: 'web',
  metrics: { waiting: LIST },
  condition: 'waiting > 10',
  enabled: false,
  ...changes,
});

/** Writes down every answer, so that it can be searched for secrets. */
class RecordingApi extends Api {
  readonly answers: string[] = [];

  override async send(...request: Parameters<Api['send']>): Promise<Answer> {
    const answer = await super.send(...request);
    this.answers.push(JSON.stringify(answer.body));
    return answer;
  }
}

describe('definitions over HTTP', () => {
  let world: World;
  let program: MonscaleProcess;
  let api: RecordingApi;

  beforeAll(async () => {
    world = await World.create();
    program = await world.start('all', { env: { MONSCALE_PARAM_LIST_URL: world.redisUrl } });
    api = new RecordingApi(`${program.url}/api/v1`);
  }, 60_000);

  afterAll(async () => {
    // Whatever was asked for in the whole spec.
    for (const secret of SECRETS) expect(api.answers.filter((body) => body.includes(secret))).toEqual([]);
    expect(SECRETS.filter((secret) => program.output.includes(secret))).toEqual([]);
    await world?.end();
  });

  afterEach(async () => {
    for (const kind of ['services', 'actions', 'infrastructures', 'sources']) {
      for (const { id } of await api.all(`/${kind}`)) await api.delete(`/${kind}/${id}`);
    }
  });

  /** Returns what a PUT may send of what was read. */
  const definitionIn = ({ id: _id, version: _version, createdAt: _created, updatedAt: _updated, ...rest }: Json) =>
    rest; // prettier-ignore

  const errorsOf = ({ status, body, headers }: Answer) => {
    expect(headers.get('content-type')).toContain('application/problem+json');
    expect(body).toMatchObject({ status, type: expect.any(String), title: expect.any(String) });
    return { status, pointers: (body.errors ?? []).map(({ pointer }: Json) => pointer) };
  };

  it.each([
    ['infrastructures', { name: 'pool', maxNodes: 4 }, { minNodes: 1, maxNodes: 4, upWisdomSeconds: 0 }],
    [
      'actions',
      { name: 'pool', ...HOOK },
      { timeoutSeconds: 30, retry: { attempts: 5, backoffSeconds: 2, maxBackoffSeconds: 300 } },
    ],
    [
      'services',
      service({ name: 'pool' }),
      { intervalSeconds: 30, wisdomSeconds: 120, missingData: 'hold', mode: 'auto', repeat: true },
    ],
    ['sources', { name: 'pool', format: 'native' }, { format: 'native', params: {} }],
  ])('%s are created, read, replaced, changed and deleted, by id or name', async (kind, body, defaults) => {
    const created = await api.post(`/${kind}`, body);
    expect(created).toMatchObject({ status: 201, body: { name: 'pool', version: 1, ...defaults } });
    expect(created.headers.get('etag')).toBe('"1"');
    const { id, token: _, ...shown } = created.body;
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    for (const reference of [id, 'pool'])
      expect((await api.get(`/${kind}/${reference}`)).body).toEqual({ id, ...shown });
    expect((await api.get(`/${kind}`)).body).toEqual({ items: [{ id, ...shown }], total: 1 });

    expect(errorsOf(await api.post(`/${kind}`, body))).toEqual({ status: 409, pointers: ['/name'] });

    const renamed = await api.patch(`/${kind}/pool`, { name: 'other' });
    expect(renamed).toMatchObject({ status: 200, body: { ...shown, ...renamed.body, id, name: 'other' } });
    expect(renamed.headers.get('etag')).toBe('"2"');
    const replaced = await api.put(`/${kind}/other`, body, { 'If-Match': '"2"' });
    expect(replaced.body).toEqual({ id, ...shown, version: 3, updatedAt: expect.any(String) });
    for (const same of [
      await api.patch(`/${kind}/pool`, {}),
      await api.patch(`/${kind}/pool`, { name: 'pool' }, { 'If-Match': '"3"' }),
      await api.put(`/${kind}/pool`, body),
      await api.put(`/${kind}/pool`, definitionIn(replaced.body)),
      await api.put(`/${kind}/pool`, (await api.get(`/${kind}/pool`)).body),
      await api.get(`/${kind}/pool`),
    ]) {
      expect([same.status, same.body]).toEqual([200, replaced.body]);
      expect(same.headers.get('etag')).toBe('"3"');
    }

    const another = { ...replaced.body, id: '00000000-0000-7000-8000-000000000000' };
    expect(errorsOf(await api.put(`/${kind}/pool`, another))).toEqual({ status: 400, pointers: ['/id'] });
    const old = { ...replaced.body, name: 'lost', version: 2 };
    expect(errorsOf(await api.put(`/${kind}/pool`, old)).status).toBe(412);
    const forced = await api.put(`/${kind}/pool`, { ...old, name: 'pool' }, { 'If-Match': '*' });
    expect([forced.status, forced.body.version]).toEqual([200, 3]);
    const odd = { ...replaced.body, version: '3' };
    expect(errorsOf(await api.put(`/${kind}/pool`, odd))).toEqual({ status: 400, pointers: ['/version'] });

    const stale = { 'If-Match': '"2"' };
    expect(errorsOf(await api.put(`/${kind}/pool`, body, stale)).status).toBe(412);
    expect(errorsOf(await api.patch(`/${kind}/pool`, { name: 'lost' }, stale)).status).toBe(412);
    expect(errorsOf(await api.delete(`/${kind}/pool`, stale)).status).toBe(412);
    expect((await api.delete(`/${kind}/pool`, { 'If-Match': '"3"' })).status).toBe(204);
    for (const answer of [
      await api.get(`/${kind}/pool`),
      await api.get(`/${kind}/${id}`),
      await api.put(`/${kind}/pool`, body),
      await api.patch(`/${kind}/pool`, {}),
      await api.delete(`/${kind}/pool`),
    ])
      expect(errorsOf(answer).status).toBe(404);
  });

  it('what is sent as it is makes no version, whatever kind it is of', async () => {
    await api.create('/actions', { name: 'tell', ...HOOK });
    await api.create('/users', { name: 'ada', password: 'a password of hers' });
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    const schedule = {
      rrule: 'FREQ=DAILY;BYHOUR=3;BYMINUTE=0',
      timeZone: 'Europe/Madrid',
      durationSeconds: 60,
    };
    const kinds: [path: string, body: object][] = [
      ['/contacts', { name: 'ops', action: 'tell', events: ['failed'] }],
      ['/grants', { subject: { user: 'ada' }, role: 'viewer', scope: { labels: { team: 'web', at: 'x' } } }],
      ['/grants', { subject: { group: 'ops' }, approve: true }],
      ['/silences', { match: { labels: { b: 'c', a: 'b' } }, mutes: 'actions', endsAt, reason: 'quiet' }],
      ['/silences', { match: { labels: { a: 'b' } }, mutes: 'notifications', schedule,
        endsAt: new Date(Date.now() + 9 * 86_400_000).toISOString(), reason: 'nightly' }],
    ]; // prettier-ignore
    const made: [path: string, id: string][] = [['/users', 'ada']];
    for (const [path, body] of kinds) made.push([path, (await api.create(path, body)).id]);
    for (const [path, id] of made) {
      const { body: before } = await api.get(`${path}/${id}`);
      const same = [await api.patch(`${path}/${id}`, {}, { 'If-Match': '"1"' })];
      if (path !== '/silences') same.push(await api.put(`${path}/${id}`, definitionIn(before)));
      for (const { status, body, headers } of same)
        expect([path, status, body, headers.get('etag')]).toEqual([path, 200, before, '"1"']);
      expect((await api.patch(`${path}/${id}`, {}, { 'If-Match': '"2"' })).status).toBe(412);
    }
    const named = { subject: { user: 'ada' }, role: 'operator', scope: { labels: { at: 'x', team: 'web' } } };
    const grant = `${made[2]![0]}/${made[2]![1]}`;
    expect((await api.put(grant, named)).body).toMatchObject({ version: 2, role: 'operator' });
    expect((await api.put(grant, named)).body).toMatchObject({ version: 2 });
    const { body: audit } = await api.get('/audit?action=update');
    const done = audit.items.filter(({ outcome }: Json) => outcome !== 'refused');
    expect(done.length).toBeGreaterThan(0);
    expect(done.filter(({ changes }: Json) => changes.length === 0)).toEqual([]);
    for (const [path, id] of made.reverse()) expect((await api.delete(`${path}/${id}`)).status).toBe(204);
  });

  it('a merge patch merges, replaces lists, and removes by null', async () => {
    await api.create('/actions', { name: 'a', type: 'log_message', params: { message: 'x' } });
    await api.create('/actions', { name: 'b', type: 'log_message', params: { message: 'x' } });
    const before = await api.create(
      '/services',
      service({
        labels: { team: 'web', tier: '1' },
        recovery: 'waiting < 5',
        actions: ['a'],
        holdSeconds: 9,
      }),
    );
    const { body } = await api.patch(
      '/services/web',
      { labels: { tier: null, site: 'north' }, recovery: null, actions: ['b'], holdSeconds: null },
      { 'Content-Type': 'application/merge-patch+json' },
    );
    const { recovery: _, ...rest } = before;
    expect(body).toEqual({
      ...rest,
      labels: { team: 'web', site: 'north' },
      actions: ['b'],
      holdSeconds: 0,
      version: 2,
      updatedAt: body.updatedAt,
    });
    expect(errorsOf(await api.patch('/services/web', { condition: null })).status).toBe(400);
    expect(errorsOf(await api.patch('/services/web', [])).status).toBe(400);
  });

  it('what is in use is not deleted, and its users are named', async () => {
    await api.create('/infrastructures', {
      name: 'pool',
      nodes: { type: 'static_count', params: { value: 2 } },
    });
    await api.create('/actions', { name: 'tell', type: 'log_message', params: { message: 'x' } });
    await api.create('/services', service({ infrastructure: 'pool', direction: 'up', actions: ['tell'] }));
    for (const path of ['/infrastructures/pool', '/actions/tell']) {
      const refused = await api.delete(path);
      expect(errorsOf(refused).status).toBe(409);
      expect(refused.body.detail).toContain('service web');
    }
    expect((await api.get('/infrastructures/pool/capacity')).body).toEqual({
      current: 2,
      inFlight: 0,
      effective: 2,
      minNodes: 1,
      maxNodes: 8,
    });
    await api.delete('/services/web');
    for (const path of ['/infrastructures/pool', '/actions/tell'])
      expect((await api.delete(path)).status).toBe(204);
  });

  it.each<[string, object, string[]]>([
    ['an unknown field', service({ colour: 'red' }), ['/colour']],
    ['a missing one', { name: 'web', condition: 'true' }, ['/metrics']],
    ['a number out of range', service({ intervalSeconds: 0 }), ['/intervalSeconds']],
    ['another type', service({ enabled: 'yes' }), ['/enabled']],
    ['several at once', service({ mode: 'fast', holdSeconds: -1 }), ['/holdSeconds', '/mode']],
    ['an unknown mapping', service({ metrics: { waiting: { type: 'guess' } } }), ['/metrics/waiting/type']],
    [
      'a wrong param',
      service({ metrics: { waiting: { ...LIST, params: { url: 'redis://h', key: '' } } } }),
      ['/metrics/waiting/params/key'],
    ],
    [
      'an unknown param',
      service({ metrics: { waiting: { ...LIST, params: { ...LIST.params, colour: 1 } } } }),
      ['/metrics/waiting/params/colour'],
    ],
    ['a condition with an unknown metric', service({ condition: 'waiting > 1 && cpu > 80' }), ['/condition']],
    ['a condition that is no boolean', service({ condition: 'waiting + 1.0' }), ['/condition']],
    ['a broken recovery', service({ recovery: 'waiting <' }), ['/recovery']],
    ['an unknown action', service({ actions: ['nobody'] }), ['/actions/0']],
    ['an unknown infrastructure', service({ infrastructure: 'x', direction: 'up' }), ['/infrastructure']],
    ['a name that looks like an id', service({ name: '01a20319-a81c-76fc-ac6a-632130547d5d' }), ['/name']],
    ['no object', [], ['']],
  ])('%s is refused by its pointer', async (_, body, pointers) => {
    const answer = errorsOf(await api.post('/services', body));
    expect({ ...answer, pointers: answer.pointers.sort() }).toEqual({ status: 400, pointers });
  });

  it('a condition with an unknown metric is refused by the place in it', async () => {
    const { body } = await api.post('/services', service({ condition: 'waiting > 1 && cpu > 80' }));
    expect(body.errors[0].detail).toContain('cpu');
    expect(body.errors[0].detail).toMatch(/1:16|column 16|character 1[56]/);
  });

  it.each([
    [
      '/services',
      'application/x-www-form-urlencoded',
      'application/json; curl -d says so where no header is given',
    ],
    [
      '/actions',
      'application/x-www-form-urlencoded; charset=UTF-8',
      'application/json; curl -d says so where no header is given',
    ],
    ['/tools/metrics/try', 'text/plain', 'application/json'],
    ['/services', 'text/xml', 'application/json'],
    ['/services', 'application/yaml', 'application/json'],
    [
      '/import',
      'application/x-www-form-urlencoded',
      'application/json or application/yaml; curl -d says so where no header is given',
    ],
  ])('a body that %s is sent as %s is 415, and says what is right', async (path, type, right) => {
    const text = JSON.stringify(service({ name: 'forgotten' }));
    expect(await api.post(path, text, { 'Content-Type': type })).toMatchObject({
      status: 415,
      body: {
        detail: `the Content-Type ${JSON.stringify(type)} is not taken here; send Content-Type: ${right}`,
      },
    });
  });

  it('an empty body is none, whatever its type says', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain'])
      expect(errorsOf(await api.post('/services', '', { 'Content-Type': type })).status).toBe(400);
  });

  it('what may have been meant is said', async () => {
    const detailOf = async (change: object): Promise<string> =>
      (await api.post('/services', service(change))).body.errors[0].detail as string;
    expect(await detailOf({ condition: 'waitng > 1' })).toBe(
      'Unknown variable: waitng (column 1); did you mean waiting?',
    );
    expect(await detailOf({ condition: 'ismissing(waiting)' })).toMatch(/; did you mean isMissing\?$/);
    expect(await detailOf({ metrics: { waiting: { type: 'redis_list_lenght', params: {} } } })).toMatch(
      /^there is no metric mapping named "redis_list_lenght"; did you mean redis_list_length\?; known: alert, /,
    );
    expect(await detailOf({ hold_seconds: 5 })).toBe('is not a known field; did you mean holdSeconds?');
    expect(await detailOf({ condition: 'waiting > 80 and waiting < 90' })).toBe(
      'has "and" (column 14): write &&',
    );
  });

  it('a metric with a mistake of its own is not unknown to the condition', async () => {
    const window = { function: 'average', seconds: 60 };
    const metrics = { cpu: { type: 'static_count', params: { value: 3 }, window } };
    const { body } = await api.post('/services', service({ metrics, condition: 'cpu > 3' }));
    expect(body.errors).toEqual([
      { pointer: '/metrics/cpu/window/function', detail: expect.stringMatching(/^must be one of avg, /) },
    ]);
  });

  it('what is no JSON is 400, and what is nothing known 404', async () => {
    for (const text of ['{', '', '[1,', 'null', '"text"', '\u0000', '{"__proto__": {"x": 1}}'])
      expect([400, 415]).toContain((await api.post('/services', text)).status);
    expect((await api.post('/services', service({ name: 'nul\u0000' }))).status).toBe(400);
    expect(errorsOf(await api.get('/nothing')).status).toBe(404);
    expect(errorsOf(await api.get('/executions/no-id')).status).toBe(400);
    expect(errorsOf(await api.get('/executions/01a20319-a81c-76fc-ac6a-632130547d5d')).status).toBe(404);
    for (const query of ['limit=0', 'limit=501', 'limit=many', 'cursor=x', 'colour=red'])
      expect(errorsOf(await api.get(`/services?${query}`)).status).toBe(400);
    expect(errorsOf(await api.get('/executions?status=odd&from=yesterday')).pointers.sort()).toEqual([
      '/from',
      '/status',
    ]);
  });

  it('lists come in pages', async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.create('/infrastructures', { name });
    const first = (await api.get('/infrastructures?limit=2')).body;
    const second = (await api.get(`/infrastructures?limit=2&cursor=${first.nextCursor}`)).body;
    const third = (await api.get(`/infrastructures?limit=2&cursor=${second.nextCursor}`)).body;
    const names = [first, second, third].map(({ items }) => items.map(({ name }: Json) => name));
    expect(names).toEqual([['a', 'b'], ['c', 'd'], ['e']]);
    expect(third).not.toHaveProperty('nextCursor');
  });

  it('a secret is shown as one, kept on request or when left out, and replaced', async () => {
    const { params } = await api.create('/actions', { name: 'hook', ...HOOK });
    expect(params).toMatchObject({ headers: { secret: true }, secret: { secret: true } });
    const stored = async () => (await world.rows('SELECT params FROM actions'))[0].params;
    const sealed = await stored();
    expect(JSON.stringify(sealed)).not.toMatch(/hush/);

    const kept = {
      ...HOOK,
      name: 'hook',
      params: { ...HOOK.params, headers: params.headers, secret: params.secret },
    };
    expect((await api.put('/actions/hook', kept)).status).toBe(200);
    expect(await stored()).toEqual(sealed);
    await api.patch('/actions/hook', { params: { url: 'http://127.0.0.1:1/other' } });
    expect(await stored()).toEqual({ ...sealed, url: 'http://127.0.0.1:1/other' });
    // Who may change where they go must not be sent them.
    expect(errorsOf(await api.patch('/actions/hook', { params: { url: 'http://127.0.0.1:2/' } }))).toEqual({
      status: 400,
      pointers: ['/params/headers', '/params/secret'],
    });
    expect(await stored()).toEqual({ ...sealed, url: 'http://127.0.0.1:1/other' });
    await api.patch('/actions/hook', { params: { secret: 'hush-rotated', headers: null } });
    const rotated = await stored();
    expect(rotated).not.toHaveProperty('headers');
    expect(rotated.secret).not.toEqual(sealed.secret);

    const nothingYet = {
      name: 'new',
      type: 'webhook',
      params: { url: 'http://h/', secret: { secret: true } },
    };
    expect(errorsOf(await api.post('/actions', nothingYet))).toEqual({
      status: 400,
      pointers: ['/params/secret'],
    });

    await api.create('/sources', {
      name: 'udp',
      format: 'snmp',
      params: { communities: ['hush-community'] },
    });
    await api.create('/services', service());
    await api.post('/services/web/evaluate');
  });

  it('a secret goes to nobody whom a label or another infrastructure names', async () => {
    const steered = { name: 'steered', type: 'webhook', params: { url: 'http://{{ alert.labels.host }}/', secret: 'hush-steered' } };
    expect(errorsOf(await api.post('/actions', steered))).toEqual({ status: 400, pointers: ['/params/url'] });
    await api.create('/actions', { ...steered, params: { url: steered.params.url } });
    const secretAdded = { params: { secret: 'hush-steered' } };
    expect(errorsOf(await api.patch('/actions/steered', secretAdded))).toEqual({ status: 400, pointers: ['/params/url'] });
    const hostAdded = { params: { url: 'http://127.0.0.1:1{{ alert.labels.port }}/' } };
    await api.create('/actions', { ...steered, name: 'plain', params: { url: 'http://127.0.0.1:1/{{ alert.labels.path }}', secret: 'hush-steered' } });
    expect(errorsOf(await api.patch('/actions/plain', hostAdded))).toEqual({ status: 400, pointers: ['/params/url'] });
    const imported = await api.post('/import', { infrastructures: [], services: [], actions: [{ ...steered, name: 'imported' }] });
    expect(errorsOf(imported)).toEqual({ status: 400, pointers: ['/actions/0/params/url'] });
    // As it was stored before: it is not carried out.
    await world.rows(`UPDATE actions SET params = params || '{"url": "http://{{ nodes.current }}/"}' WHERE name = 'plain'`);
    await world.rows('UPDATE actions SET version = version + 1');
    expect((await api.post('/actions/plain/test')).body).toMatchObject({ outcome: 'permanent', error: expect.stringMatching(/^\/url: must name scheme, host and port/) });

    for (const name of ['ours', 'theirs'])
      await api.create('/infrastructures', { name, nodes: { type: 'static_nodes', params: { addresses: ['127.0.0.1'] } } });
    const metrics = { waiting: { type: 'snmp_oid_average', params: { oid: '1.3.6.1.2.1.1.3.0', version: '2c', community: 'hush-community' } } };
    await api.create('/services', service({ name: 'asking', metrics, condition: 'waiting > 1', infrastructure: 'ours', enabled: false }));
    expect(errorsOf(await api.patch('/services/asking', { infrastructure: 'theirs' }))).toEqual({
      status: 400,
      pointers: ['/metrics/waiting/params/community'],
    });
    expect((await api.patch('/services/asking', { description: 'kept' })).status).toBe(200);
    expect((await api.patch('/services/asking', { infrastructure: 'theirs', metrics })).status).toBe(200);
  }); // prettier-ignore

  it('a secret may be named; one that is not there is missing data that names it', async () => {
    const list = (url: object) => ({ waiting: { type: 'redis_list_length', params: { url, key: 'x' } } });
    const changes = { enabled: true, intervalSeconds: 1 };
    await api.create(
      '/services',
      service({ name: 'there', metrics: list({ env: 'MONSCALE_PARAM_LIST_URL' }), ...changes }),
    );
    await api.create(
      '/services',
      service({ name: 'gone', metrics: list({ env: 'MONSCALE_PARAM_NO_SUCH' }), ...changes }),
    );
    await api.create(
      '/services',
      service({ name: 'file', metrics: list({ file: '/run/secrets/no-such' }), ...changes }),
    );
    expect((await api.get('/services/there')).body.metrics.waiting.params.url).toEqual({
      env: 'MONSCALE_PARAM_LIST_URL',
    });

    const state = async (name: string) => (await api.get(`/services/${name}/state`)).body;
    await until(async () => (await state('there')).phase === 'ok', WAIT_MS);
    for (const [name, why] of [
      ['gone', /MONSCALE_PARAM_NO_SUCH is not set/],
      ['file', /there is no file \/run\/secrets\/no-such/],
    ] as const) {
      const blind = await until(async () => {
        const shown = await state(name);
        return why.test(shown.explanation) && shown;
      }, WAIT_MS);
      expect(blind).toMatchObject({ phase: 'unknown', reason: 'missing_data' });
    }
  });

  it('nobody gets in without a token that is known', async () => {
    for (const stranger of [api.as(undefined), api.as('guessed'), api.as('hush-password')]) {
      for (const path of ['/services', '/mappings', '/alerts', '/executions', '/sources']) {
        const answer = await stranger.get(path);
        expect(errorsOf(answer).status).toBe(401);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      }
      expect((await stranger.post('/alerts', { labels: {} })).status).toBe(401);
      expect((await stranger.post('/services', service())).status).toBe(401);
    }
    for (const path of ['/health/live', '/health/ready', '/metrics', '/docs-json'])
      expect((await program.root.as(undefined).get(path)).status).toBe(200);
  });

  it('the OpenAPI document lists every route, and each reference in it leads somewhere', async () => {
    const document = (await program.root.get('/docs-json')).body;
    expect(document.openapi).toMatch(/^3\./);
    const routes = Object.entries<Json>(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(routes).toEqual(expect.arrayContaining(ROUTES));
    for (const operations of Object.values<Json>(document.paths)) {
      for (const operation of Object.values<Json>(operations)) {
        expect(operation.summary).toEqual(expect.any(String));
        expect(Object.keys(operation.responses).length).toBeGreaterThan(0);
      }
    }
    for (const [, name] of JSON.stringify(document).matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(document.components.schemas).toHaveProperty(name!);
    // A name that two classes of bodies have stands for one of them, and the other is described wrongly.
    expect(program.output).not.toContain('Duplicate DTO');
    expect(document.components.schemas.RetryDto.properties).toHaveProperty('attempts');
    const page = await program.root.get('/docs');
    expect(page.status).toBe(200);
    expect(page.body).toContain('<html');
  });

  it('the catalogue describes every mapping, secrets marked write-only', async () => {
    const { body } = await api.get('/mappings');
    const { conditionFunctions, ...mappings } = body;
    expect(Object.keys(mappings).sort()).toEqual([
      'actions',
      'alertFormats',
      'loadBalancers',
      'metrics',
      'policies',
    ]);
    expect(conditionFunctions.map(({ name }: Json) => name)).toEqual(['abs', 'min', 'max', 'isMissing']);
    const entries: Json[] = Object.values(mappings).flat();
    for (const { type, title, description, paramsSchema } of entries) {
      expect([type, title, description]).not.toContain('');
      expect(paramsSchema).toMatchObject({ type: 'object', additionalProperties: false });
      for (const field of Object.values<Json>(paramsSchema.properties))
        expect(field.description).toEqual(expect.any(String));
    }
    const schemaOf = (type: string) => entries.find((entry) => entry.type === type)?.paramsSchema.properties;
    for (const [type, secrets] of [
      ['webhook', ['headers', 'secret']],
      ['redis_list_length', ['url']],
      ['snmp_oid', ['community']],
      ['sns_publish', ['secretAccessKey']],
      ['snmp', ['communities']],
      ['f5', ['password']],
      ['cloudforms_vms', ['password']],
    ] as const)
      for (const secret of secrets) expect(schemaOf(type)[secret].writeOnly).toBe(true);
    expect(schemaOf('snmp_oid').v3.properties.authKey.writeOnly).toBe(true);
  });
});
