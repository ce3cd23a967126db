import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '../src/common/ids';
import { bodyOf, HttpStandIn } from './stand-ins/http-stand-in';
import { secret, until, World, type Api, type Json, type MonscaleProcess } from './program';

jest.setTimeout(180_000);

const SEALED = secret('hush-of-the-hook');
const ALERT = { m: { type: 'alert', params: { match: { host: 'audited' } } } };
const PASSWORD = 'correct horse battery';

/** Takes what webhooks send. */
class Hook extends HttpStandIn {
  readonly requests: { path: string; headers: IncomingMessage['headers']; body: string }[] = [];

  protected async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', headers } = request;
    this.requests.push({ path: url, headers, body: (await bodyOf(request)).toString('utf8') });
    response.end();
  }
}

let world: World;
let program: MonscaleProcess;
let admin: Api;
const hook = new Hook();
let hookUrl: string;

beforeAll(async () => {
  world = await World.create();
  hookUrl = await hook.start();
  program = await world.start('all', { env: { MONSCALE_PUBLIC_URL: 'http://127.0.0.1:1' } });
  admin = program.api;
});
afterAll(async () => {
  await hook.stop();
  await world?.end();
});

const entries = async (filter = ''): Promise<Json[]> =>
  (await admin.get(`/audit?limit=500${filter}`)).body.items;
const hookAction = (name: string, more: object = {}) => ({
  name,
  type: 'webhook',
  params: { url: `${hookUrl}/x`, secret: SEALED, ...more },
});
const rule = (name: string, more: object = {}) => ({ name, metrics: ALERT, condition: 'm > 0', ...more });
const cookieOf = async (username: string): Promise<string> => {
  const { headers } = await admin.as(undefined).post('/session', { username, password: PASSWORD });
  return headers.get('set-cookie')!.split(';', 1)[0]!;
};

describe('who changed this rule yesterday', () => {
  let anna: Record<string, string>;

  beforeAll(async () => {
    const { id } = await admin.create('/users', { name: 'anna', password: PASSWORD });
    await admin.create('/grants', { subject: { user: id }, role: 'editor' });
    anna = { cookie: await cookieOf('anna'), Origin: program.url, 'Sec-Fetch-Site': 'same-origin' };
    await admin.create('/actions', hookAction('page'));
    await admin.create('/services', rule('checkout', { description: 'first', actions: ['page'] }));
    await admin.as(undefined).patch('/services/checkout', { condition: 'm > 5', holdSeconds: 30 }, anna);
  });

  test('one call says, with the difference', async () => {
    const from = new Date(Date.now() - 86_400_000).toISOString();
    const [newest] = await entries(`&object=checkout&from=${from}&action=update`);
    expect(newest).toMatchObject({
      actor: 'anna',
      via: 'session',
      address: '127.0.0.1',
      action: 'update',
      object: { type: 'service', name: 'checkout' },
      outcome: 'succeeded',
      changes: [
        { pointer: '/condition', before: 'm > 0', after: 'm > 5' },
        { pointer: '/holdSeconds', before: 0, after: 30 },
      ],
    });
    const byOthers = await Promise.all(
      [`&object=service:checkout`, `&object=${newest.object.id}`, '&actor=anna&outcome=succeeded'].map(
        entries,
      ),
    );
    for (const found of byOthers) expect(found.map(({ id }) => id)).toContain(newest.id);
    expect(await entries(`&object=checkout&to=${from}`)).toEqual([]);
    expect(await entries('&object=action:checkout')).toEqual([]);
  });

  test('its versions say it, too, and it is restored as a version of its own', async () => {
    const { body } = await admin.get('/services/checkout/versions');
    expect(body.items.map(({ version, actor }: Json) => [version, actor])).toEqual([
      [2, 'anna'],
      [1, 'the administrator'],
    ]);
    const difference = await admin.get('/services/checkout/versions/1/difference?to=2');
    expect(difference.body).toEqual({ from: 1, to: 2, changes: body.items[0].changes });
    const stale = await admin.post('/services/checkout/versions/1/restore', undefined, { 'If-Match': '"1"' });
    expect(stale.status).toBe(412);
    const restored = await admin.post('/services/checkout/versions/1/restore', undefined, {
      'If-Match': '"2"',
    });
    expect(restored.body).toMatchObject({ condition: 'm > 0', holdSeconds: 0, version: 3 });
    const [entry] = await entries('&object=checkout');
    expect(entry).toMatchObject({ action: 'restore', actor: 'the administrator', detail: { version: 1 } });
    expect(entry.changes).toHaveLength(2);
  });

  test('a new name finds what was done under the old one', async () => {
    await admin.patch('/services/checkout', { name: 'till' });
    const found = await entries('&object=till');
    expect(found.map(({ action }) => action)).toEqual(['update', 'restore', 'update', 'create']);
    await admin.patch('/services/till', { name: 'checkout' });
  });

  test.each([
    ['/versions/0', 400, '/n'],
    ['/versions/x', 400, '/n'],
    ['/versions/99', 404, undefined],
    ['/versions/1/difference?to=0', 400, '/to'],
    ['/versions/1/difference?to=99', 404, undefined],
    ['/versions?cursor=x', 400, '/cursor'],
    ['/versions?limit=501', 400, '/limit'],
  ])('GET …%s answers %s', async (path, status, pointer) => {
    const answer = await admin.get(`/services/checkout${path}`);
    expect([answer.status, answer.body.errors?.[0].pointer]).toEqual([status, pointer]);
  });

  test.each(['from=yesterday', 'outcome=perhaps', 'limit=0', 'who=anna', 'cursor=1'])(
    'a wrong filter is a 400 that names it: %s',
    async (filter) => {
      const { status, body } = await admin.get(`/audit?${filter}`);
      expect([status, body.errors[0].pointer]).toEqual([400, `/${filter.split('=')[0]}`]);
    },
  );

  test('pages and the stream have every entry once, newest first', async () => {
    const { body } = await admin.get('/audit?limit=500');
    const paged: Json[] = [];
    for (let cursor = ''; ;) {
      const page = (await admin.get(`/audit?limit=3${cursor}`)).body;
      paged.push(...page.items);
      if (page.nextCursor === undefined) break;
      cursor = `&cursor=${page.nextCursor}`;
    }
    const stream = await admin.send('GET', '/audit', undefined, { Accept: 'application/x-ndjson' });
    expect(stream.headers.get('content-type')).toContain('application/x-ndjson');
    const streamed = stream.body.trim().split('\n').map((line: string) => JSON.parse(line)) as Json[];
    expect(paged).toEqual(body.items);
    expect(streamed).toEqual(body.items);
    const ids = paged.map(({ id }) => id);
    expect(ids).toEqual([...ids].sort().reverse());
  }); // prettier-ignore
});

describe('secrets', () => {
  test('that they changed is told, and not to what', async () => {
    await admin.create('/actions', hookAction('hooked'));
    await admin.patch('/actions/hooked', { params: { secret: secret('hush-of-later') } });
    const [entry] = await entries('&object=hooked');
    expect(entry.changes).toEqual([
      { pointer: '/params/secret', before: { secret: true }, after: { secret: true } },
    ]);
    const difference = await admin.get('/actions/hooked/versions/1/difference');
    expect(difference.body.changes).toEqual(entry.changes);
  });

  test('those of then are restored with where they went, and sent nowhere else', async () => {
    await admin.create('/actions', hookAction('moved'));
    await admin.patch('/actions/moved', { params: { url: `${hookUrl}/elsewhere`, secret: 'hush-of-the-other' } });
    const refused = await admin.patch('/actions/moved', { params: { url: 'http://127.0.0.2:1/', secret: { secret: true } } });
    expect(refused.status).toBe(400);
    expect((await admin.post('/actions/moved/versions/1/restore')).status).toBe(200);
      const sent = hook.requests.length;
    await admin.post('/actions/moved/test', { dryRun: false });
    const [request] = hook.requests.slice(sent);
    const signature = createHmac('sha256', SEALED).update(request!.body).digest('hex');
    expect([request!.path, request!.headers['x-monscale-signature']]).toEqual(['/x', `sha256=${signature}`]);
  }); // prettier-ignore
});

test('a restore names what is gone; versions of what is deleted stay readable by its id', async () => {
  await admin.create('/actions', hookAction('fleeting'));
  const { id } = await admin.create('/services', rule('kept', { actions: ['fleeting'] }));
  await admin.patch('/services/kept', { actions: [] });
  await admin.delete('/actions/fleeting');
  const refused = await admin.post('/services/kept/versions/1/restore');
  expect(refused.body).toMatchObject({
    status: 400,
    errors: [{ pointer: '/actions/0', detail: 'there is no action "fleeting"' }],
  });
  await admin.delete('/services/kept');
  expect((await admin.get(`/services/${id}/versions`)).body.items).toHaveLength(2);
  expect((await admin.get(`/services/${id}/versions/1`)).body.definition).toMatchObject({
    actions: ['fleeting'],
  });
  expect((await admin.get('/services/kept/versions')).status).toBe(404);
  expect((await admin.post(`/services/${id}/versions/1/restore`)).status).toBe(404);
  const web = admin.as((await admin.create('/tokens', { name: 'w', role: 'editor', scope: { labels: { team: 'web' } } })).token);
  expect((await web.get(`/services/${id}/versions`)).status).toBe(404);
}); // prettier-ignore

/** Executions of a service in mode approve, waiting. */
async function waiting(service: string, actions: string[], more: object = {}): Promise<Json[]> {
  const metrics = { m: { type: 'alert', params: { match: { host: service } } } };
  await admin.create('/services', rule(service, { metrics, actions, mode: 'approve', ...more }));
  await admin.post('/alerts', { labels: { host: service } });
  return until(async () => {
    const { items } = (await admin.get(`/executions?service=${service}&kind=trigger`)).body;
    return items.length === actions.length && items;
  }, 10_000);
}

describe('approvals', () => {
  const tell = (name: string) => ({
    name,
    type: 'webhook',
    params: { url: `${hookUrl}/told`, body: '{"link": "{{ execution.approvalUrl }}"}' },
  });
  /** The path of a link that somebody was sent. */
  const linkFor = async (service: string): Promise<string> => {
    const sent = hook.requests.length;
    const [execution] = await waiting(service, ['page'], { approvalActions: ['tell people'], direction: undefined });
    expect(execution.status).toBe('awaiting_approval');
    const told = await until(() => hook.requests.slice(sent).find(({ path }) => path === '/told'), 10_000);
    return new URL((JSON.parse(told.body) as { link: string }).link).pathname;
  }; // prettier-ignore
  const decide = (path: string, decision: string) =>
    program.root.as(undefined).send('POST', path, `decision=${decision}`, {
      'Content-Type': 'application/x-www-form-urlencoded',
    });

  beforeAll(() => admin.create('/actions', tell('tell people')));

  test('by a link: the page asks, a GET never acts, and it is good once', async () => {
    const path = await linkFor('linked');
    for (const method of ['GET', 'HEAD', 'GET']) {
      const page = await program.root.as(undefined).send(method, path);
      expect(page.status).toBe(200);
      expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
      expect(page.headers.get('referrer-policy')).toBe('no-referrer');
      if (method === 'GET') expect(page.body).toMatch(/Run page for linked\?.*value="approve"/s);
    }
    const [before] = (await admin.get('/executions?service=linked&kind=trigger')).body.items;
    expect(before.status).toBe('awaiting_approval');
    expect((await decide(path, 'perhaps')).status).toBe(400);
    const both = await Promise.all([decide(path, 'approve'), decide(path, 'approve')]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    expect((await program.root.as(undefined).get(path)).status).toBe(404);
    expect((await entries('&action=approve')).filter(({ object }) => object.id === before.id)).toEqual([
      expect.objectContaining({ via: 'link', object: { type: 'execution', id: before.id, name: 'page for linked' } }),
    ]);
  }); // prettier-ignore

  test('the link stands nowhere: neither in the history nor in the database', async () => {
    const path = await linkFor('unread');
    const token = path.split('/').at(-1)!;
    const rows = await world.rows(
      'SELECT 1 FROM executions e WHERE strpos(e::text, $1) > 0 UNION ALL SELECT 1 FROM audit a WHERE strpos(a::text, $1) > 0',
      [token],
    );
    expect(rows).toEqual([]);
    const hash = createHash('sha256').update(token).digest();
    expect(await world.rows('SELECT 1 FROM approval_links WHERE token_hash = $1', [hash])).toHaveLength(1);
    expect(program.output).not.toContain(token);
    expect((await decide(path, 'reject')).status).toBe(200);
  });

  test.each(['x', 'A'.repeat(43), '..%2f', '<b>', "' OR 1=1"])('a wrong link is void: %s', async (token) => {
    expect((await program.root.as(undefined).get(`/approve/${token}`)).status).toBe(404);
    expect((await decide(`/approve/${token}`, 'approve')).status).toBe(404);
  });

  test('by another: neither who changed the rule, nor a token of theirs, nor a link', async () => {
    const path = await linkFor('guarded');
    await admin.patch('/services/guarded', { approvalByOther: true });
    const [execution] = (await admin.get('/executions?service=guarded&kind=trigger')).body.items;
    const own = await admin.post(`/executions/${execution.id}/approve`);
    expect([own.status, own.body.detail]).toEqual([403, expect.stringContaining('guarded')]);
    const page = await program.root.as(undefined).get(path);
    expect(page.body).not.toContain('<form');
    expect(page.body).toContain('Sign in');
    expect((await decide(path, 'approve')).status).toBe(403);
    const { id } = (await admin.get('/users/anna')).body;
    const byToken = await admin.create('/tokens', { name: 'other', approve: true });
    await world.rows('UPDATE api_tokens SET user_id = $2 WHERE id = $1', [byToken.id, id]);
    await admin.create('/grants', { subject: { user: id }, approve: true });
    expect((await admin.as(byToken.token).post(`/executions/${execution.id}/approve`)).status).toBe(200);
  });

  test('what acts is no message', async () => {
    await admin.create('/actions', { name: 'logs', type: 'log_message', params: { message: 'x' } });
    const { status, body } = await admin.post('/services', rule('x', { approvalActions: ['logs'] }));
    expect([status, body.errors[0].pointer]).toEqual([400, '/approvalActions/0']);
  });
});

describe('refusals', () => {
  test.each([
    ['what is not there', 'DELETE', '/services/nowhere', 404, { type: 'service', name: 'nowhere' }, 'delete'],
    ['what is in use', 'DELETE', '/actions/page', 409, { type: 'action', name: 'page' }, 'delete'],
    ['what has ended', 'POST', `/executions/${newId()}/cancel`, 404, { type: 'execution' }, 'cancel'],
  ])('%s is an entry that says so', async (_, method, path, status, object, action) => {
    expect((await admin.send(method, path)).status).toBe(status);
    const [entry] = await until(async () => {
      const found = await entries(`&outcome=refused&action=${action}`);
      return found[0]?.object.type === object.type && found;
    }, 5_000);
    expect(entry).toMatchObject({ outcome: 'refused', action, object, detail: { status }, changes: [] });
  });

  test('of rights too, in the name of who tried; of nobody, and of readers, none', async () => {
    const viewer = admin.as((await admin.create('/tokens', { name: 'only looks', role: 'viewer' })).token);
    const before = (await entries()).length;
    expect((await viewer.put('/kill-switch', { on: true })).status).toBe(403);
    expect((await viewer.get('/audit')).status).toBe(403);
    expect((await viewer.post('/simulations', { service: 'nowhere' })).status).toBe(400);
    expect((await admin.as('msc_unknown').delete('/services/checkout')).status).toBe(401);
    expect((await admin.as(undefined).delete('/services/checkout')).status).toBe(401);
    const after = await until(async () => {
      const all = await entries();
      return all.length > before && all;
    }, 5_000);
    expect(after).toHaveLength(before + 1);
    expect(after[0]).toMatchObject({ actor: expect.stringContaining('only looks'), object: { type: 'kill_switch' } });
  }); // prettier-ignore

  test('a flood of them is bounded, and what is left out is counted', async () => {
    const { token } = await admin.create('/tokens', { name: 'flood', role: 'viewer' });
    await Promise.all(Array.from({ length: 150 }, () => admin.as(token).delete('/services/checkout')));
    const { body } = await program.root.get('/metrics');
    expect(body).toMatch(/monscale_audit_dropped_total\{reason="too_many"\} [1-9]/);
    const kept = (await entries('&outcome=refused')).filter(({ actor }) => actor.includes('flood'));
    expect(kept.length).toBeLessThanOrEqual(120);
  });
});

describe('every route that changes something leaves exactly one entry', () => {
  /** Ends of paths of routes that change nothing that anybody made, or take alerts. */
  const NOTHING = ['/simulations', '/approve/{token}', '/silences/preview', '/contacts/preview'];
  const MIB =
    'AUDIT-MIB DEFINITIONS ::= BEGIN IMPORTS enterprises FROM SNMPv2-SMI; a OBJECT IDENTIFIER ::= { enterprises 4712 } END';
  const TEXT = { 'Content-Type': 'text/plain' };
  type Call = [path: string, body?: unknown, headers?: Record<string, string>];
  const calls: Record<string, () => Promise<Call> | Call> = {};
  /** Calls of the routes of a kind of definition, in an order in which each finds what it needs. */
  const definition = (path: string, name: string, body: object) => {
    calls[`POST ${path}`] = () => [path, { ...body, name }];
    const isLabelled = 'labels' in body;
    const other = isLabelled ? { labels: { z: 'y' } } : path === '/users' ? { email: 'w@x' } : { silentAfterSeconds: 60 }; // prettier-ignore
    calls[`PUT ${path}/{ref}`] = () => [`${path}/${name}`, { ...body, ...other, name }];
    calls[`PATCH ${path}/{ref}`] = () => [
      `${path}/${name}`,
      isLabelled ? { labels: { a: 'b' } } : path === '/users' ? { email: null } : { silentAfterSeconds: 90 },
    ];
    calls[`POST ${path}/{ref}/versions/{n}/restore`] = () => [`${path}/${name}/versions/1/restore`];
  };
  const last = (path: string, name: string) => (calls[`DELETE ${path}/{ref}`] = () => [`${path}/${name}`]);

  test('the calls of them all', async () => {
    definition('/infrastructures', 'walked-servers', { labels: {}, nodes: { type: 'static_nodes', params: { addresses: ['10.0.0.1'] } },
      loadBalancer: { type: 'f5', params: { url: 'https://127.0.0.1:1', username: 'u', password: 'p', pool: 'p', port: 80 } } });
    definition('/actions', 'walked-action', { labels: {}, type: 'log_message', params: { message: 'x' } });
    definition('/services', 'walked-rule', { labels: {}, metrics: ALERT, condition: 'm > 0', wisdomSeconds: 3_600 });
    definition('/sources', 'walked-source', { format: 'snmp', params: { communities: ['a-long-community'] } });
    definition('/contacts', 'walked-contact', { labels: {}, action: 'page', events: ['failed'] });
    definition('/users', 'walker', { password: PASSWORD });
    delete calls['POST /users/{ref}/versions/{n}/restore'];
    const executions = await waiting('walked-executions', ['page', 'logs', 'hooked', 'moved']);
    const [one, two, three, four] = executions.map(({ id }) => id as string);
    const endsAt = new Date(Date.now() + 3_600_000).toISOString();
    const silence = { match: { services: ['walked-executions'] }, mutes: 'actions', endsAt, reason: 'walked' };
    const silenceId = async () => (await admin.get('/silences')).body.items[0].id;
    let cookie = '';
    let grant: string;
    let token: string;
    Object.assign(calls, {
      'POST /actions/{ref}/test': () => ['/actions/walked-action/test', { dryRun: false }],
      'POST /executions/{id}/reject': () => [`/executions/${one}/reject`],
      'POST /executions/{id}/retry': () => [`/executions/${one}/retry`],
      'POST /executions/{id}/approve': () => [`/executions/${two}/approve`],
      'POST /executions/{id}/cancel': () => [`/executions/${three}/cancel`],
      'POST /executions/{id}/resolve': async () => {
        await world.rows(`UPDATE executions SET status = 'unknown' WHERE id = $1`, [four]);
        return [`/executions/${four}/resolve`, { status: 'succeeded', note: 'looked' }];
      },
      'POST /executions/resume': () => ['/executions/resume', { executions: [one] }],
      'POST /executions/retry': () => ['/executions/retry', { status: 'cancelled', service: 'walked-executions' }],
      'POST /infrastructures/{ref}/end-freeze': async () => {
        await world.rows(
          `INSERT INTO infrastructure_states (infrastructure_id, direction_changes, frozen_until)
           SELECT id, '{}', now() + interval '1 hour' FROM infrastructures WHERE name = 'walked-servers'
           ON CONFLICT (infrastructure_id) DO UPDATE SET frozen_until = excluded.frozen_until`);
        return ['/infrastructures/walked-servers/end-freeze'];
      },
      'POST /infrastructures/{ref}/load-balancer/sync': () => ['/infrastructures/walked-servers/load-balancer/sync'],
      'PUT /kill-switch': () => ['/kill-switch', { on: false, reason: 'walked' }],
      'POST /mibs': () => ['/mibs', MIB, TEXT],
      'DELETE /mibs/{name}': () => ['/mibs/AUDIT-MIB'],
      'POST /services/{ref}/evaluate': () => ['/services/walked-rule/evaluate'],
      'POST /services/{ref}/end-wisdom': () => ['/services/walked-executions/end-wisdom'],
      'DELETE /sources/{ref}/engines/{engineId}': async () => {
        await world.rows(`INSERT INTO snmp_engines (engine_id, boots, time, heard_at, source_id)
          SELECT '80001f88', 1, 1, now(), id FROM sources WHERE name = 'walked-source'`);
        return ['/sources/walked-source/engines/80001f88'];
      },
      'POST /services/{ref}/acknowledge': () => ['/services/walked-executions/acknowledge', { note: 'seen' }],
      'DELETE /services/{ref}/acknowledge': () => ['/services/walked-executions/acknowledge'],
      'POST /services/bulk': () => ['/services/bulk', { select: { filter: { search: 'walked-rule' } }, change: { enabled: false } }],
      'POST /actions/bulk': () => ['/actions/bulk', { select: { filter: { search: 'walked-action' } }, change: { labels: { a: 'c' } } }],
      'POST /infrastructures/bulk': () => ['/infrastructures/bulk', { select: { filter: { search: 'walked-servers' } }, change: { labels: { a: 'c' } } }],
      'POST /silences': () => ['/silences', silence],
      'PUT /silences/{ref}': async () => [`/silences/${await silenceId()}`, { ...silence, reason: 'again' }],
      'PATCH /silences/{ref}': async () => [`/silences/${await silenceId()}`, { reason: 'more of it' }],
      'DELETE /silences/{ref}': async () => [`/silences/${await silenceId()}`],
      'POST /tools/metrics/try': () => ['/tools/metrics/try', { type: 'static_count', params: { value: 3 } }],
      'POST /tools/snmp/walk': () => ['/tools/snmp/walk', { host: '127.0.0.1', port: 1, oid: '1.3.6.1', retries: 0, timeoutSeconds: 0.2, community: 'a-long-community' }],
      'POST /grants': () => ['/grants', { subject: { group: 'walkers' }, role: 'viewer' }],
      'PUT /grants/{ref}': async () => {
        grant = (await admin.get('/grants?limit=500')).body.items.find(({ subject }: Json) => subject.group === 'walkers').id;
        return [`/grants/${grant}`, { subject: { group: 'walkers' }, role: 'operator' }];
      },
      'PATCH /grants/{ref}': () => [`/grants/${grant}`, { role: 'viewer' }],
      'DELETE /grants/{ref}': () => [`/grants/${grant}`],
      'POST /tokens': () => ['/tokens', { name: 'walked-token', role: 'viewer' }],
      'DELETE /tokens/{id}': async () => {
        token = (await admin.get('/tokens?limit=500')).body.items.find(({ name }: Json) => name === 'walked-token').id;
        return [`/tokens/${token}`];
      },
      'POST /session': () => ['/session', { username: 'walker', password: PASSWORD }],
      'DELETE /sessions/{id}': async () => {
        const { items } = (await admin.get('/sessions')).body;
        return [`/sessions/${items.find(({ user }: Json) => user === 'walker').id}`];
      },
      'DELETE /session': async () => {
        cookie = await cookieOf('walker');
        return ['/session', undefined, { cookie, Authorization: '', Origin: program.url, 'Sec-Fetch-Site': 'same-origin' }];
      },
      'PUT /session/password': async () => {
        cookie = await cookieOf('walker');
        const passwords = { password: PASSWORD, newPassword: secret('the next long password') };
        return ['/session/password', passwords, { cookie, Authorization: '', Origin: program.url, 'Sec-Fetch-Site': 'same-origin' }];
      },
      'DELETE /rules-directory': () => ['/rules-directory'],
      'POST /import': () => ['/import', { monscale: 1, actions: [{ name: 'imported', type: 'log_message', params: { message: 'x' } }] }],
    } satisfies typeof calls);
    for (const path of ['/services', '/sources', '/users']) last(path, path === '/services' ? 'walked-rule' : path === '/users' ? 'walker' : 'walked-source');
    last('/contacts', 'walked-contact');
    last('/actions', 'imported');
    last('/infrastructures', 'walked-servers');

    const { body } = await program.root.get('/docs-json');
    const changing = Object.entries<Record<string, Json>>(body.paths).flatMap(([path, methods]) =>
      Object.entries(methods).flatMap(([method, { 'x-intake': intake }]) =>
        ['get', 'options', 'head'].includes(method) || intake === true || NOTHING.some((end) => path.endsWith(end))
          ? []
          : [`${method.toUpperCase()} ${path.replace('/api/v1', '')}`],
      ),
    );
    // The first user is there: it can't be set up again.
    expect(changing.filter((route) => route !== 'POST /setup').sort()).toEqual(Object.keys(calls).sort());
    const wrong: string[] = [];
    for (const [route, call] of Object.entries(calls)) {
      const [path, sent, headers] = await call();
      const before = (await entries()).map(({ id }) => id);
      const answer = await admin.send(route.split(' ')[0]!, path, sent, headers);
      if (answer.status >= 400) wrong.push(`${route} answers ${answer.status}: ${JSON.stringify(answer.body)}`);
      const left = (await entries()).filter(({ id }) => !before.includes(id));
      if (left.length !== 1) wrong.push(`${route} leaves ${left.length} entries: ${JSON.stringify(left)}`);
      else if (left[0].actor === '' || left[0].outcome === 'refused') wrong.push(`${route}: ${JSON.stringify(left)}`);
    }
    expect(wrong).toEqual([]);
  }); // prettier-ignore

  test.each([
    ['a wrong body', 'POST', '/services', { name: 'x' }, 400],
    ['a name that is taken', 'POST', '/actions', () => hookAction('page'), 409],
    ['a version that is not the newest', 'PATCH', '/services/checkout', { holdSeconds: 1 }, 412],
    ['a document with one mistake', 'POST', '/import', { monscale: 1, actions: [{ name: 'good', type: 'log_message', params: { message: 'x' } }, { name: 'bad' }] }, 400],
  ])('what fails leaves none but that it was refused: %s', async (_, method, path, body, status) => {
    const before = (await entries()).length;
    const headers = status === 412 ? { 'If-Match': '"1"' } : undefined;
    const answer = await admin.send(method, path, typeof body === 'function' ? body() : body, headers);
    expect(answer.status).toBe(status);
    await admin.post('/tools/metrics/try', { type: 'static_count', params: { value: 3 } });
    const left = (await entries()).slice(0, -before).filter(({ action }) => action !== 'try');
    expect(left.every(({ outcome }) => outcome === 'refused')).toBe(true);
    expect(left).toHaveLength(status === 409 ? 1 : 0);
  }); // prettier-ignore
});
