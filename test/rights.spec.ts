import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newId } from '../src/common/ids';
import { cell, PRINCIPALS, rightsPage, routes, type Principal, type Route } from './rights-docs';
import { inBatches, until, World, type Api, type Json, type MonscaleProcess } from './program';

/** Stands in every field of what the team `db` has, and in nothing else. */
const MARKER = 'zzmarker';
const METRICS = { m: { type: 'alert', params: { match: { host: MARKER } } } };
const AT_ONCE = 8;

jest.setTimeout(180_000);

let world: World;
let program: MonscaleProcess;
let admin: Api;

const tokenOf = async (body: object): Promise<Json> =>
  admin.create('/tokens', { name: 'of a test', ...body });
const as = async (body: object): Promise<Api> => admin.as((await tokenOf(body)).token);
const scoped = (role: string, team: string) => as({ role, scope: { labels: { team } } });
const action = (name: string, labels: object) => ({
  name,
  labels,
  description: name,
  type: 'log_message',
  params: { message: name },
});
const teller = (name: string, labels: object) => ({
  ...action(name, labels),
  type: 'webhook',
  params: { url: 'http://127.0.0.1:9/' },
});
const contact = (name: string, labels: object, by: string) => ({
  name,
  labels,
  action: by,
  events: ['failed'],
});
const service = (name: string, labels: object, more: object = {}) => ({
  name,
  labels,
  description: name,
  metrics: METRICS,
  condition: 'm > 0',
  ...more,
});

beforeAll(async () => {
  world = await World.create();
  program = await world.start('all');
  admin = program.api;
});

afterAll(() => world.end());

describe('each route answers each principal as docs/rights.md says', () => {
  const tokens = new Map<Principal, string>();
  const sources = new Map<string, string>();
  let execution: string;

  beforeAll(async () => {
    const labels = { team: 'db', [MARKER]: MARKER };
    await admin.create('/infrastructures', { name: MARKER, description: MARKER, labels });
    await admin.create('/actions', action(MARKER, labels));
    await admin.create('/services', service(MARKER, labels, { infrastructure: MARKER, direction: 'up', actions: [MARKER] }));
    await admin.create('/actions', teller(`${MARKER} teller`, labels));
    await admin.create('/contacts', { ...contact(MARKER, labels, `${MARKER} teller`), description: MARKER });
    await admin.create('/users', { name: 'somebody', password: 'a long password' });
    for (const format of ['native', 'pagerduty', 'alertmanager', 'icinga'])
      sources.set(format, (await admin.create('/sources', { name: `${MARKER} ${format}`, format })).token);
    execution = (await admin.post(`/actions/${MARKER}/test`, { dryRun: false })).body.execution;
    await admin.post('/alerts', { labels: { host: MARKER }, annotations: { text: MARKER } });
    for (const role of ['viewer', 'operator', 'editor', 'admin'] as const)
      tokens.set(role, (await tokenOf({ role })).token);
    tokens.set('editor of another team', (await tokenOf({ role: 'editor', scope: { labels: { team: 'web' } } })).token);
    tokens.set('approve alone', (await tokenOf({ approve: true })).token);
  }); // prettier-ignore

  const sourceFor = (path: string): string => {
    if (/pagerduty|enqueue|generic/.test(path)) return sources.get('pagerduty')!;
    if (path === '/api/v2/alerts') return sources.get('alertmanager')!;
    return sources.get(path.includes('process-check') ? 'icinga' : 'native')!;
  };

  /** What of a thing's path stands for `{…}`. */
  const pathOf = ({ path }: Route): string =>
    path
      .replace(/^(\/api\/v1\/executions\/)\{id\}/, `$1${execution}`)
      .replace(/^(\/api\/v1\/sources\/)\{ref\}/, `$1${encodeURIComponent(`${MARKER} native`)}`)
      .replace(/^(\/api\/v1\/users\/)\{ref\}/, '$1somebody')
      .replace('{format}', 'native')
      .replace('{n}', '1')
      .replace('{ref}', path.includes('/grants/') ? newId() : MARKER)
      .replace(/\{\w+\}/g, newId());

  const bodyOf = ({ path, method }: Route): object | undefined => {
    if (method === 'GET' || method === 'OPTIONS') return undefined;
    if (path.endsWith('/resolve')) return { status: 'failed', note: 'x' };
    // Of the other team: whoever is scoped may not make it.
    const labels = { team: 'db' };
    const made: Record<string, object> = {
      '/api/v1/services': service(newId().replaceAll('-', 'x'), labels),
      '/api/v1/actions': action(newId().replaceAll('-', 'x'), labels),
      '/api/v1/infrastructures': { name: newId().replaceAll('-', 'x'), labels },
    };
    return (method === 'POST' && made[path]) || {};
  };

  const ask = async (route: Route, principal: Principal): Promise<number> => {
    const token = principal === 'source' ? sourceFor(route.path) : tokens.get(principal);
    const type: Record<string, string> = route.path.endsWith('/mibs') ? { 'Content-Type': 'text/plain' } : {};
    // Nothing is changed by it: what is asked is who may.
    const headers = { 'If-Match': '"999"', ...type };
    const { status } = await program.root.as(token).send(route.method, pathOf(route), bodyOf(route), headers);
    return status;
  };

  const isAs = (status: number, { path, access }: Route, expected: string): boolean => {
    if (access === 'public') return status < 500;
    if (expected !== 'yes' && expected !== 'own') return status === Number(expected);
    if (status === 401 || status === 403 || status >= 500) return false;
    const isThere = /\/(services|infrastructures|actions|executions|contacts)\/\{/.test(path) && !path.includes('load-balancer');
    return !(isThere && status === 404);
  }; // prettier-ignore

  test('the page is what the routes declare', () => {
    const { before, after } = rightsPage();
    expect(before).toBe(after);
  });

  test('every route of the OpenAPI document is in it; what is in it besides is public', async () => {
    const { body } = await program.root.get('/docs-json');
    const documented = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    const inTable = new Map(routes().map((route) => [`${route.method} ${route.path}`, route.access]));
    expect(documented.filter((route) => !inTable.has(route))).toEqual([]);
    for (const route of documented) inTable.delete(route);
    expect([...inTable.values()].filter((access) => access !== 'public')).toEqual([]);
  });

  test('each route of it says what it answers, and in which form', async () => {
    const { body } = await program.root.get('/docs-json');
    const wordless = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
      Object.entries<Json>(methods).flatMap(([method, { responses }]) => {
        const good = Object.entries<Json>(responses).filter(([status]) => /^[123]/.test(status));
        const isSaid = ([status, { content }]: [string, Json]) =>
          ['204', '302'].includes(status) || content !== undefined;
        return method === 'options' || (good.length > 0 && good.every(isSaid)) ? [] : [`${method} ${path}`];
      }),
    );
    expect(wordless).toEqual([]);
  });

  test('two forms never share a name: one would be told for the other', async () => {
    await program.root.get('/docs-json');
    expect(program.output).toContain('ready');
    expect(program.output).not.toMatch(/Duplicate DTO/);
  });

  test('and the program answers so', async () => {
    const wrong: string[] = [];
    const asked = routes().flatMap((route) => PRINCIPALS.map((principal) => ({ route, principal })));
    await inBatches(asked, AT_ONCE, async ({ route, principal }) => {
      const expected = cell(route, principal);
      const status = await ask(route, principal);
      if (!isAs(status, route, expected))
        wrong.push(`${route.method} ${route.path} of ${principal}: ${status}, not ${expected}`);
    });
    expect(wrong).toEqual([]);
    expect(asked.length).toBeGreaterThan(400);
  });

  test('whoever is scoped reads nothing of another team, in any answer', async () => {
    const { token } = await tokenOf({ role: 'viewer', scope: { labels: { team: 'web' } } });
    const own = admin.as(token);
    await admin.create('/infrastructures', { name: 'web', labels: { team: 'web' } });
    await admin.create('/actions', action('web', { team: 'web' }));
    await admin.create('/services', service('web', { team: 'web' }, { metrics: { m: { type: 'alert', params: { match: { host: 'web' } } } } }));
    const { body: test } = await admin.post('/actions/web/test', { dryRun: false });
    await admin.post('/alerts', { labels: { host: 'web' } });
    const read: string[] = [];
    const gets = routes().filter(({ method, path }) => method === 'GET' && path.startsWith('/api/'));
    const root = program.root.as(token);
    await inBatches(gets, AT_ONCE, async ({ path }) => {
      for (const filled of [path.replace('{ref}', 'web').replace('{id}', test.execution), path.replace('{ref}', MARKER).replace('{id}', execution)]) {
        const { status, body } = await root.get(filled);
        if (filled.includes(MARKER) || filled.includes(execution)) {
          if (status < 400) read.push(`${filled} is read`);
        } else if (JSON.stringify(body).includes(MARKER)) read.push(`${filled} shows ${MARKER}`);
      }
    });
    expect(read).toEqual([]);
    expect((await own.get('/services')).body.items).toHaveLength(1);
    expect((await own.get('/executions')).body.items).toHaveLength(1);
    expect((await own.get('/alerts')).body.items).toHaveLength(1);
    expect((await admin.get('/alerts')).body.items.length).toBeGreaterThan(1);
  }); // prettier-ignore
});

describe('whoever is scoped', () => {
  let web: Api;
  beforeAll(async () => {
    web = await scoped('editor', 'a');
    for (const team of ['a', 'b']) {
      await admin.create('/infrastructures', { name: `${team} servers`, labels: { team } });
      await admin.create('/actions', action(`${team} tell`, { team }));
    }
    await admin.create('/services', service('b rule', { team: 'b' }));
    await web.create('/services', service('a rule', { team: 'a', tier: '1' }));
  });

  test.each([
    ['relabels nothing out of it', 'PATCH', '/services/a%20rule', { labels: { team: 'b' } }, 403, 'team=a'],
    ['takes no label away', 'PUT', '/services/a%20rule', service('a rule', {}), 403, 'team=a'],
    ['relabels nothing into it', 'PATCH', '/services/b%20rule', { labels: { team: 'a' } }, 404, 'b rule'],
    ['makes nothing outside', 'POST', '/actions', action('x', { team: 'b' }), 403, 'team=a'],
    ['makes nothing without labels', 'POST', '/infrastructures', { name: 'x' }, 403, 'team=a'],
    ['deletes nothing outside', 'DELETE', '/actions/b%20tell', undefined, 404, 'b tell'],
    ['acts on nothing outside', 'POST', '/services/b%20rule/end-wisdom', {}, 404, 'b rule'],
    ['names no action outside', 'POST', '/services', service('x', { team: 'a' }, { actions: ['b tell'] }), 400, 'there is no action'],
    ['nor at a recovery', 'POST', '/services', service('x', { team: 'a' }, { onRecovery: ['b tell'] }), 400, 'there is no action'],
    ['nor in a step', 'POST', '/services', service('x', { team: 'a' }, { then: [{ afterSeconds: 1, actions: ['b tell'] }] }), 400, 'there is no action'],
    ['nor an infrastructure', 'POST', '/services', service('x', { team: 'a' }, { infrastructure: 'b servers' }), 400, 'there is no infrastructure'],
    ['learns of a name only that it is taken', 'POST', '/services', service('b rule', { team: 'a' }), 409, 'is taken'],
    ['simulates nothing outside', 'POST', '/simulations', { service: 'b rule', series: { m: [[0, 1]] } }, 400, 'there is no service'],
    ['sends no alert for it', 'POST', '/alerts', { service: 'b rule', value: 1 }, 400, 'there is no service'],
    ['nor one that might feed it', 'POST', '/alerts', { labels: { host: MARKER } }, 400, 'is required of a sender'],
    ['turns no kill switch', 'PUT', '/kill-switch', { on: true }, 403, 'operator without a scope'],
    ['imports nothing outside', 'POST', '/import', { monscale: 1, actions: [action('x', { team: 'b' })] }, 403, 'team=a'],
    ['nor over it', 'POST', '/import', { monscale: 1, actions: [action('b tell', { team: 'a' })] }, 409, 'is taken'],
    ['nor a source', 'POST', '/import', { monscale: 1, sources: [{ name: 'x', format: 'native' }] }, 403, 'admin'],
  ] as const)('%s', async (_, method, path, body, status, words) => {
    const answer = await web.send(method, path, body);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([status, expect.stringContaining(words)]);
  }); // prettier-ignore

  test('writes what is in it, in any way', async () => {
    expect((await web.patch('/services/a%20rule', { labels: { tier: '2' } })).status).toBe(200);
    const imported = await web.post('/import', { monscale: 1, actions: [action('a more', { team: 'a' })] });
    expect(imported.body.created).toHaveLength(1);
    expect((await web.post('/alerts', { service: 'a rule', value: 1 })).status).toBe(202);
    expect((await web.get('/export')).body).toMatchObject({
      actions: [{ name: 'a more' }, { name: 'a tell' }],
      services: [{ name: 'a rule' }],
      sources: [],
    });
  });

  test('keeps what others had a rule use, by ids, and is not told whom a thing serves', async () => {
    await admin.create('/services', service('a shared', { team: 'a' }, { actions: ['a tell', 'b tell'], infrastructure: 'b servers', direction: 'up' }));
    const { body } = await web.get('/services/a%20shared');
    expect(JSON.stringify(body)).not.toContain('b tell');
    expect((await web.patch('/services/a%20shared', { description: 'x' })).status).toBe(200);
    expect((await admin.get('/services/a%20shared')).body).toMatchObject({ actions: ['a tell', 'b tell'], infrastructure: 'b servers' });
    await admin.patch('/services/b%20rule', { actions: ['a tell'] });
    const refused = await web.delete('/actions/a%20tell');
    expect([refused.status, refused.body.detail]).toEqual([409, expect.stringContaining('out of your scope')]);
    expect(refused.body.detail).not.toContain('b rule');
  }); // prettier-ignore

  test('is told nothing by a sentence, a search or a filter about what a rule has to do with out of the scope', async () => {
    const [switches, servers, hand] = ['qq switches', 'qq servers', 'qq hand'];
    const labels = { team: 'c' };
    const told = (host: string) => ({ metrics: { m: { type: 'alert', params: { match: { host } } } } });
    await admin.create('/actions', { ...action(hand, labels), params: { message: 'x' } });
    await admin.create('/infrastructures', { name: servers, labels, nodes: { type: 'static_count', params: { value: 8 } }, maxNodes: 8 });
    await admin.create('/services', service(switches, labels, told('cut')));
    const rule = (name: string, more: object) => service(name, { team: 'a' }, { ...told('cut'), actions: [hand], wisdomSeconds: 0, ...more });
    await admin.create('/services', rule('a full', { infrastructure: servers, direction: 'up' }));
    await admin.create('/services', rule('a leaf', { dependsOn: [{ service: switches, whenPhase: ['ok', 'alarm', 'unknown'] }] }));
    await admin.create('/services', rule('a late', { dependsOn: [{ service: switches }] }));
    await admin.create('/services', rule('a seen', { dependsOn: [{ service: 'a rule', whenPhase: ['ok', 'unknown', 'alarm'] }] }));
    await web.post('/alerts', { service: 'a rule', value: 0 });
    await admin.post('/alerts', { labels: { host: 'cut' } });
    const reason = async (name: string) => (await admin.get(`/services/${encodeURIComponent(name)}/state`)).body.reason;
    await until(async () => (await reason('a full')) === 'at_max_nodes' && (await reason('a leaf')) === 'dependency', 20_000);
    await until(async () => (await reason('a late')) === 'triggered', 20_000);

    const secret = new RegExp([switches, servers, hand].join('|'));
    const paths = ['a full', 'a leaf', 'a late'].flatMap((name) =>
      ['state', 'why', `why?at=${new Date().toISOString()}`, 'decisions', 'dependencies'].map((what) => `/services/${encodeURIComponent(name)}/${what}`));
    for (const path of [...paths, '/services?include=state&limit=500', '/executions?limit=500']) {
      const [all, own] = [await admin.get(path), await web.get(path)];
      expect([path, all.status, own.status]).toEqual([path, 200, 200]);
      expect([path, JSON.stringify(own.body).match(secret)]).toEqual([path, null]);
    }
    expect((await admin.get('/services/a%20leaf/state')).body.explanation).toContain(`${switches}, on which it depends`);
    expect((await web.get('/services/a%20leaf/state')).body.explanation).toContain('a service out of your scope, on which it depends, is in phase');
    expect((await web.get('/services/a%20full/why')).body.toChange).toEqual([expect.stringMatching(/^an infrastructure out of your scope must have fewer/)]);
    expect((await web.get('/services/a%20seen/state')).body.explanation).toContain('a rule, on which it depends');

    const totals = async (who: Api, path: string) => (await who.get(path)).body.total;
    for (const path of [`/executions?action=${hand}`, '/executions?search=qq', `/executions?search=${hand}`, `/alerts?service=${switches}`])
      expect([path, await totals(admin, path) > 0, await totals(web, path)]).toEqual([path, true, 0]);
    const { id } = (await admin.get(`/services/${switches}`)).body;
    expect([await totals(admin, `/alerts?service=${id}`), await totals(web, `/alerts?service=${id}`)]).toEqual([1, 0]);
  }); // prettier-ignore

  test('is not told who else is in a circle of dependencies', async () => {
    await admin.create('/services', service('qq ring', { team: 'c', ring: 'far' }, { dependsOn: [{ match: { ring: 'near' } }] }));
    const own = service('a ring', { team: 'a', ring: 'near' }, { dependsOn: [{ match: { ring: 'far' } }] });
    const refused = await web.post('/services', own);
    expect([refused.status, refused.body.errors]).toEqual([400, [{ pointer: '/dependsOn/0', detail: expect.stringContaining('a service out of your scope') }]]);
    expect(JSON.stringify(refused.body)).not.toContain('qq ring');
    expect(JSON.stringify((await admin.post('/services', own)).body)).toContain('qq ring');
  }); // prettier-ignore

  test('a right of a wider scope does not lend itself to another', async () => {
    const { id } = await admin.create('/users', {
      name: 'carl',
      password: 'a long password',
      groups: ['seers'],
    });
    await admin.create('/grants', { subject: { group: 'seers' }, role: 'viewer' });
    await admin.create('/grants', {
      subject: { user: 'carl' },
      role: 'operator',
      scope: { labels: { team: 'a' } },
    });
    const carl = await ofUser(id, { role: 'admin', approve: true });
    expect((await carl.get('/services/b%20rule')).status).toBe(200);
    const refused = await carl.post('/services/b%20rule/end-wisdom');
    expect([refused.status, refused.body.detail]).toEqual([403, expect.stringContaining('operator')]);
    expect((await carl.post('/services/a%20rule/end-wisdom')).status).not.toBe(403);
  });
});

/** A token as if a user had made it. */
async function ofUser(userId: string, body: object): Promise<Api> {
  const { id, token } = await tokenOf(body);
  await world.rows('UPDATE api_tokens SET user_id = $2 WHERE id = $1', [id, userId]);
  return admin.as(token);
}

describe('tokens', () => {
  test('fall with their maker, at once', async () => {
    const user = await admin.create('/users', { name: 'dora', password: 'a long password' });
    const dora = await ofUser(user.id, { role: 'admin' });
    expect((await dora.get('/services')).status).toBe(403);
    const grant = await admin.create('/grants', { subject: { user: 'dora' }, role: 'editor' });
    expect((await dora.get('/services')).status).toBe(200);
    expect((await dora.get('/users')).status).toBe(403);
    await admin.patch(`/grants/${grant.id}`, { role: 'viewer' });
    expect((await dora.post('/import', {})).status).toBe(403);
    await admin.patch('/users/dora', { disabled: true });
    expect((await dora.get('/services')).status).toBe(401);
    await admin.patch('/users/dora', { disabled: false });
    expect((await dora.get('/services')).status).toBe(200);
    expect((await dora.post('/tokens', { name: 'x', role: 'viewer' })).status).toBe(403);
    await admin.delete('/users/dora');
    expect((await dora.get('/services')).status).toBe(401);
  });

  test('show when they were used, expire, and are void once deleted', async () => {
    const short = await tokenOf({ name: 'short', role: 'viewer', expiresInDays: 0.00002 });
    const one = await tokenOf({ name: 'one', role: 'operator' });
    expect(one.token).toMatch(/^msc_[\w-]{43}$/);
    expect(one).not.toHaveProperty('lastUsedAt');
    await Promise.all(Array.from({ length: 20 }, () => admin.as(one.token).post('/alerts', { labels: { x: 'y' } })));
    const shown = await until(async () => {
      const { body } = await admin.get(`/tokens/${one.id}`);
      return body.lastUsedAt !== undefined && body;
    }, 5_000);
    expect(shown).toMatchObject({ name: 'one', madeBy: 'the administrator', lastUsedAt: expect.any(String) });
    expect(JSON.stringify(shown)).not.toContain(one.token);
    const late = await until(async () => {
      const answer = await admin.as(short.token).get('/services');
      return answer.status !== 200 && answer;
    }, 5_000);
    expect([late.status, late.body.detail]).toEqual([401, expect.stringContaining('expired')]);
    expect((await admin.delete(`/tokens/${one.id}`)).status).toBe(204);
    expect((await admin.as(one.token).get('/services')).status).toBe(401);
  }); // prettier-ignore

  test('are seen by their maker alone, and by administrators', async () => {
    const user = await admin.create('/users', { name: 'emil', password: 'a long password' });
    const emil = await ofUser(user.id, { role: 'viewer' });
    const { body } = await emil.get('/tokens');
    expect(body.items).toEqual([expect.objectContaining({ madeBy: 'emil' })]);
    const foreign = await tokenOf({ role: 'viewer' });
    expect((await emil.get(`/tokens/${foreign.id}`)).status).toBe(404);
    expect((await emil.delete(`/tokens/${foreign.id}`)).status).toBe(404);
    expect((await emil.delete(`/tokens/${body.items[0].id}`)).status).toBe(204);
  });

  test.each([
    ['/role', {}],
    ['/role', { role: 'root' }],
    ['/expiresInDays', { role: 'viewer', expiresInDays: 0 }],
    ['/expiresInDays', { role: 'viewer', expiresInDays: 1e9 }],
    ['/scope/labels', { role: 'viewer', scope: {} }],
    ['/scope/labels', { role: 'viewer', scope: { labels: {} } }],
    ['/scope/labels/a', { role: 'viewer', scope: { labels: { a: 1 } } }],
    ['/rights', { role: 'viewer', rights: [] }],
  ])('a wrong one is refused by its field: %s of %j', async (pointer, body) => {
    const answer = await admin.post('/tokens', { name: 'x', ...body });
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([400, pointer]);
  });
});

describe('grants and users', () => {
  test('the examples of the page are right', async () => {
    const page = readFileSync(join(__dirname, '../docs/people.md'), 'utf8');
    const examples = page.split(/`POST (?=\/)/).slice(1).flatMap((part) => {
      const path = /^[^`]+/.exec(part)![0];
      return [...part.matchAll(/```json\n(.*?)```/gs)].map(([, json]) => [path, JSON.parse(json!) as object] as const);
    });
    expect(examples).toHaveLength(5);
    const made: string[] = [];
    for (const [path, example] of examples) made.push(`${path}/${(await admin.create(path, example)).id}`);
    for (const path of made.reverse()) expect((await admin.delete(path)).status).toBe(204);
  }); // prettier-ignore

  test.each([
    ['/subject', { role: 'viewer' }],
    ['/subject', { role: 'viewer', subject: {} }],
    ['/subject', { role: 'viewer', subject: { group: 'x', anonymous: true } }],
    ['/subject', { role: 'viewer', subject: { anonymous: false } }],
    ['/subject/user', { role: 'viewer', subject: { user: 'nobody here' } }],
    ['/subject/token', { role: 'viewer', subject: { token: 'msc_x' } }],
    ['/role', { subject: { group: 'x' } }],
    ['/role', { role: 'editor', subject: { anonymous: true } }],
    ['/role', { role: 'viewer', approve: true, subject: { anonymous: true } }],
    ['/scope/labels', { role: 'viewer', subject: { group: 'x' }, scope: { labels: {} } }],
  ])('a wrong grant is refused by its field: %s of %j', async (pointer, body) => {
    const answer = await admin.post('/grants', body);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([400, pointer]);
  });

  test.each([
    ['/password', { password: 'elevenchars' }],
    ['/password', { password: 'x'.repeat(1_025) }],
    ['/password', { password: { env: 'MONSCALE_ADMIN_TOKEN' } }],
    ['/password', {}],
    ['/groups/0', { password: 'a long password', groups: ['x'.repeat(201)] }],
    ['/name', { password: 'a long password', name: 'a/b' }],
  ])('a wrong user is refused by its field: %s', async (pointer, body) => {
    const answer = await admin.post('/users', { name: 'wrong', ...body });
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([400, pointer]);
  });

  test.each([
    ['a name in a path of clients', '..', 'which mean something else in a path'],
    ['what is not seen', 'an\u200bna', 'not seen'],
    ['what joins nothing', 'anna\u200d', 'not seen'],
    ['what turns the direction', 'a\u202enna', 'not seen'],
  ])('the name of a user is not %s', async (_, name, words) => {
    const answer = await admin.post('/users', { name, password: 'a long password' });
    expect([answer.status, answer.body.errors]).toEqual([400, [{ pointer: '/name', detail: expect.stringContaining(words) }]]);
  }); // prettier-ignore

  test('two names that look the same are one', async () => {
    expect((await admin.create('/users', { name: 'zoe\u0308', password: 'a long password' })).name).toBe(
      'zo\u00eb',
    );
    expect((await admin.post('/users', { name: 'zo\u00eb', password: 'a long password' })).status).toBe(409);
  });

  test('a password is kept as a hash, shown to nobody, and kept by a change of something else', async () => {
    const made = await admin.create('/users', { name: 'fred', password: 'pässwörd of fred' });
    const hash = async () => (await world.rows('SELECT password_hash FROM users WHERE name = $1', ['fred']))[0].password_hash;
    const before = await hash();
    expect(before).toMatch(/^\$scrypt\$/);
    expect(JSON.stringify(made)).not.toMatch(/p.ssw/i);
    expect((await admin.patch('/users/fred', { email: 'f@example.org' })).body).toMatchObject({ email: 'f@example.org', version: 2 });
    expect(await hash()).toBe(before);
    expect((await admin.put('/users/fred', { name: 'fred', password: 'another of fred' }, { 'If-Match': '"1"' })).status).toBe(412);
    await admin.patch('/users/fred', { password: 'another of fred' });
    expect(await hash()).not.toBe(before);
  }); // prettier-ignore

  test('of the last two administrators one stays, also when they go at once', async () => {
    await admin.create('/users', { name: 'g', password: 'a long password', groups: ['chiefs'] });
    await admin.create('/users', { name: 'h', password: 'a long password' });
    const group = await admin.create('/grants', { subject: { group: 'chiefs' }, role: 'admin' });
    const grant = await admin.create('/grants', { subject: { user: 'h' }, role: 'admin', approve: true });
    const ends = await Promise.all([
      admin.patch('/users/g', { groups: [] }),
      admin.delete(`/grants/${grant.id}`),
    ]);
    expect(ends.map(({ status }) => status).sort()).toEqual([expect.any(Number), 409]);
    // Whichever it was: now it is h, and nothing takes that away.
    await admin.create('/grants', { subject: { user: 'h' }, role: 'admin' });
    await admin.delete(`/grants/${group.id}`);
    await admin.delete(`/grants/${grant.id}`);
    const { items } = (await admin.get('/grants')).body;
    const last = items.find(({ subject, role }: Json) => subject.user === 'h' && role === 'admin');
    const refusals = await Promise.all([
      admin.delete('/users/h'),
      admin.patch('/users/h', { disabled: true }),
      admin.delete(`/grants/${last.id}`),
      admin.patch(`/grants/${last.id}`, { role: 'editor' }),
      admin.patch(`/grants/${last.id}`, { scope: { labels: { a: 'b' } } }),
      admin.patch(`/grants/${last.id}`, { subject: { user: 'g' }, scope: { labels: { a: 'b' } } }),
      admin.put(`/grants/${last.id}`, { subject: { user: 'g' }, role: 'editor' }, { 'If-Match': '"7"' }),
    ]);
    expect(refusals.map(({ status }) => status)).toEqual([409, 409, 409, 409, 409, expect.any(Number), 412]);
    expect((await admin.get('/users/h')).body).toMatchObject({ disabled: false });
  });

  test('what is changed of them is in the audit, and no token', async () => {
    const token = await tokenOf({ name: 'audited', role: 'viewer' });
    const grant = await admin.create('/grants', { subject: { token: token.id }, approve: true });
    await admin.patch(`/grants/${grant.id}`, { role: 'viewer' });
    await admin.delete(`/grants/${grant.id}`);
    await admin.delete(`/tokens/${token.id}`);
    const of = async (id: string) => (await admin.get(`/audit?object=${id}`)).body.items;
    const [grants, tokens] = [await of(grant.id), await of(token.id)];
    const actions = (items: Json[]) => items.map(({ action }) => action);
    expect(actions(grants)).toEqual(['delete', 'update', 'create']);
    expect(actions(tokens)).toEqual(['delete', 'create']);
    expect(grants[1].changes).toEqual([{ pointer: '/role', after: 'viewer' }]);
    expect(JSON.stringify([grants, tokens])).not.toContain(token.token);
  });

  test('everybody reads what is granted to everybody, and no more', async () => {
    const nobody = admin.as(undefined);
    expect((await nobody.get('/services')).status).toBe(401);
    const grant = await admin.create('/grants', { subject: { anonymous: true }, role: 'viewer', scope: { labels: { team: 'a' } } });
    const { status, body } = await nobody.get('/services?limit=500');
    expect([status, new Set(body.items.map(({ labels }: Json) => labels.team))]).toEqual([200, new Set(['a'])]);
    expect((await nobody.post('/alerts', { service: 'a rule', value: 1 })).status).toBe(401);
    expect((await nobody.get('/tokens')).status).toBe(401);
    await admin.delete(`/grants/${grant.id}`);
    expect((await nobody.get('/services')).status).toBe(401);
  }); // prettier-ignore
});
