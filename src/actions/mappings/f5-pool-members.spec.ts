import { EXPIRED, GOOD } from '../../../test/stand-ins/certificates';
import { F5StandIn, type F5Member, type F5Trouble } from '../../../test/stand-ins/f5';
import { check } from '../../common/check';
import {
  Ambiguous,
  NotYet,
  Permanent,
  Retryable,
  type ActionContext,
  type ActionResult,
  type Waiting,
} from '../action';
import { rendered } from '../rendering';
import { F5PoolMembers, F5PoolMembersParams } from './f5-pool-members.action';

const PASSWORD = 's3cret-pass';
const START = Date.parse('2026-01-01T00:00:00Z');
const A = '/Common/10.0.0.1:80';
const B = '/Common/10.0.0.2:80';

describe('f5_pool_members', () => {
  let action: F5PoolMembers;
  const f5 = new F5StandIn({ scaler: PASSWORD });
  let url: string;
  let pool: Map<string, F5Member>;

  beforeAll(async () => {
    url = await f5.start();
  });

  beforeEach(() => {
    f5.clear();
    pool = f5.addPool('/Common/web');
    action = new F5PoolMembers();
  });

  afterAll(() => f5.stop());

  /** @param second when, counted from the start */
  const context = (second = 0, signal: AbortSignal = AbortSignal.timeout(5_000)): ActionContext => ({
    signal,
    timeoutMs: 5_000,
    now: new Date(START + second * 1000),
    executionId: 'e-1',
    variables: { service: { id: 's1', name: 'web' } },
  });

  function paramsOf(given: object): F5PoolMembersParams {
    const { value, errors } = check(F5PoolMembersParams, {
      url,
      username: 'scaler',
      password: PASSWORD,
      pool: 'web',
      members: ['10.0.0.1:80'],
      operation: 'add',
      ...given,
    });
    expect(errors).toEqual([]);
    return rendered(F5PoolMembersParams, value!, context().variables);
  }

  const change = (given: object = {}, during = context()): Promise<ActionResult> =>
    action.execute(paramsOf(given), during);
  const failure = (given: object = {}, during = context()): Promise<Error> =>
    change(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );
  const member = (curConns = 0): F5Member => ({ session: 'monitor-enabled', state: 'up', curConns });
  const logins = (): number => f5.requests.filter((request) => request.endsWith('/login')).length;

  describe('what it does', () => {
    it('adds members, in the partition', async () => {
      expect(await change({ members: ['10.0.0.1:80', '10.0.0.2:80'] })).toEqual({
        detail: '10.0.0.1:80 added, 10.0.0.2:80 added',
      });
      expect([...pool]).toMatchObject([
        [A, { address: '10.0.0.1' }],
        [B, { address: '10.0.0.2' }],
      ]);
    });

    it('works in another partition, in a pool a template names', async () => {
      const other = f5.addPool('/Shop/web-pool');
      const given = { partition: 'Shop', pool: '{{ service.name }}-pool' };
      await change(given);
      expect([...other.keys()]).toEqual(['/Shop/10.0.0.1:80']);
      await change({ ...given, operation: 'disable' });
      expect(other.get('/Shop/10.0.0.1:80')).toMatchObject({ session: 'user-disabled', state: 'up' });
      await change({ ...given, operation: 'remove' });
      expect(other.size).toBe(0);
      expect(pool.size).toBe(0);
    });

    it('names IPv6 members with a dot, and takes route domains', async () => {
      const members = ['[2001:db8::1]:80', '2001:db8::2.80', '10.0.0.1%2:80'];
      await change({ members });
      expect([...pool.keys()]).toEqual([
        '/Common/2001:db8::1.80',
        '/Common/2001:db8::2.80',
        '/Common/10.0.0.1%2:80',
      ]);
      await change({ members, operation: 'remove' });
      expect(pool.size).toBe(0);
    });

    it('counts a member that is there already as added, one that is gone as removed', async () => {
      await change();
      expect(await change()).toEqual({ detail: '10.0.0.1:80 was there already' });
      await change({ operation: 'remove' });
      expect(await change({ operation: 'remove' })).toEqual({ detail: '10.0.0.1:80 was gone already' });
      expect(action.idempotent()).toBe(true);
    });

    it('enables and disables members, however often', async () => {
      pool.set(A, member());
      for (const operation of ['disable', 'disable', 'enable', 'enable'] as const) {
        expect(await change({ operation })).toEqual({ detail: `10.0.0.1:80 ${operation}d` });
        const session = operation === 'disable' ? 'user-disabled' : 'monitor-enabled';
        expect(pool.get(A)).toMatchObject({ session, state: 'up' });
      }
    });

    it('is what the preview shows', () => {
      const preview = action.preview(paramsOf({ operation: 'disable', members: ['[2001:db8::1]:80'] }));
      expect(preview).toEqual({
        requests: [
          {
            method: 'PATCH',
            url: `${url}/mgmt/tm/ltm/pool/~Common~web/members/~Common~2001:db8::1.80`,
            body: { session: 'user-disabled', state: 'user-up' },
          },
        ],
      });
      expect(f5.requests).toEqual([]);
    });
  });

  describe('a member the pool has under another name', () => {
    const at = (address: string): F5Member => ({ ...member(), address });
    beforeEach(() => {
      pool = f5.addPool('/Tenant/web');
    });

    it.each([
      ['in another partition', '10.0.0.4:80', '/Common/10.0.0.4:80', at('10.0.0.4')],
      ['of a node with a name', '10.0.0.4:80', '/Tenant/web-4:80', at('10.0.0.4')],
      ['of a node with a name in another partition', '10.0.0.4:80', '/Common/web-4:80', at('10.0.0.4')],
      ['with its route domain', '10.0.0.4:80', '/Tenant/10.0.0.4%3:80', at('10.0.0.4%3')],
      ['without its route domain', '10.0.0.4%3:80', '/Tenant/10.0.0.4:80', at('10.0.0.4')],
      ['with IPv6, otherwise spelt', '[2001:DB8:0::4]:80', '/Common/2001:db8::4.80', at('2001:db8::4')],
      ['with IPv6 and a route domain', '2001:db8::4.80', '/Tenant/2001:db8::4%3.80', at('2001:db8::4%3')],
      ['with the name of its service', '10.0.0.4:80', '/Tenant/10.0.0.4:http', at('10.0.0.4')],
      [
        'with IPv6 and the name of its service',
        '[2001:db8::4]:443',
        '/Tenant/2001:db8::4.https',
        at('2001:db8::4'),
      ],
      ['in a folder', '10.0.0.4:80', '/Tenant/app/10.0.0.4:80', at('10.0.0.4')],
      ['that follows a host name', 'web.example.com:80', '/Tenant/web.example.com:80', at('any6')],
    ])('%s is disabled, enabled, found by add, drained and removed', async (_, text, path, theirs) => {
      f5.routeDomains.Tenant = 3;
      pool.set(path, { ...theirs });
      pool.set('/Tenant/10.0.0.5:80', at('10.0.0.5')).set('/Tenant/10.0.0.4:8080', at('10.0.0.4'));
      const given = { partition: 'Tenant', members: [text] };
      await change({ ...given, operation: 'disable' });
      expect(pool.get(path)).toMatchObject({ session: 'user-disabled' });
      await change({ ...given, operation: 'enable' });
      expect(pool.get(path)).toMatchObject({ session: 'monitor-enabled' });
      expect((await change({ ...given, operation: 'add' })).detail).toContain('was there already');
      const { waiting } = await change({ ...given, operation: 'drain_and_remove' });
      expect(pool.get(path)).toMatchObject({ session: 'user-disabled' });
      await action.follow(
        paramsOf({ ...given, operation: 'drain_and_remove' }),
        JSON.parse(JSON.stringify(waiting)) as Waiting,
        context(5),
      );
      expect([...pool.keys()]).toEqual(['/Tenant/10.0.0.5:80', '/Tenant/10.0.0.4:8080']);
      pool.set(path, { ...theirs });
      expect((await change({ ...given, operation: 'remove' })).detail).toMatch(
        / removed( \(the pool has it as|$)/,
      );
      expect([...pool.keys()]).toEqual(['/Tenant/10.0.0.5:80', '/Tenant/10.0.0.4:8080']);
      expect((await change({ ...given, operation: 'remove' })).detail).toBe(
        `${named(text)} was gone already`,
      );
    });

    const named = (text: string): string => text.replace(/^\[(.+)\]:/, '$1.');

    it.each([
      ['a route domain that is not told', '10.0.0.4:80', ['/Tenant/10.0.0.4%3:80']],
      ['another route domain that is not told', '10.0.0.4%1:80', ['/Tenant/10.0.0.4:80']],
      ['a service that nobody knows', '10.0.0.4:80', ['/Tenant/10.0.0.4:frobnicate']],
      ['two of other partitions', '10.0.0.4:80', ['/Common/10.0.0.4:80', '/Shop/10.0.0.4:80']],
    ])('may be meant or not: %s is refused, and named', async (_, text, paths) => {
      for (const path of paths) pool.set(path, at(path.split('/').at(-1)!.replace(/:\w+$/, '')));
      for (const operation of ['remove', 'drain_and_remove', 'disable', 'enable']) {
        f5.next.partition.push({ status: 403 }, { status: 403 });
        const error = await failure({ partition: 'Tenant', members: [text], operation });
        expect(error).toBeInstanceOf(Permanent);
        for (const path of paths) expect(error.message).toContain(path);
      }
      expect([...pool.keys()]).toEqual(paths);
    });

    it.each([
      ['another route domain', '10.0.0.4:80', '/Tenant/10.0.0.4%7:80', '10.0.0.4%7'],
      ['another port', '10.0.0.4:80', '/Tenant/10.0.0.4:https', '10.0.0.4'],
      ['another address', '10.0.0.4:80', '/Tenant/10.0.0.44:80', '10.0.0.44'],
    ])('is none at %s', async (_, text, path, address) => {
      pool.set(path, at(address));
      const removed = await change({ partition: 'Tenant', members: [text], operation: 'remove' });
      expect(removed.detail).toBe('10.0.0.4:80 was gone already');
      expect(pool.size).toBe(1);
    });

    it('waits for an appliance that can not tell the route domain for now', async () => {
      pool.set('/Tenant/10.0.0.4%3:80', at('10.0.0.4%3'));
      f5.next.partition.push({ status: 503 });
      const given = { partition: 'Tenant', members: ['10.0.0.4:80'], operation: 'remove' };
      expect(await failure(given)).toBeInstanceOf(Retryable);
    });

    it.each([
      ['10.0.0.4:80', '/Common/10.0.0.4', '10.0.0.4', '/Common/10.0.0.4:80'],
      ['10.0.0.4:80', '/Common/web-4', '10.0.0.4', '/Common/web-4:80'],
      ['10.0.0.4:80', '/Common/web-4', '10.0.0.4%3', '/Common/web-4:80'],
      ['[2001:db8::4]:80', '/Common/2001:db8::4', '2001:db8::4', '/Common/2001:db8::4.80'],
      ['10.0.0.4:80', '/Tenant/web-4', '10.0.0.4', '/Tenant/web-4:80'],
    ])('%s is added by the node %s that has its address', async (text, node, address, path) => {
      f5.routeDomains.Tenant = address.includes('%') ? 3 : 0;
      f5.nodes.set(node, address);
      const given = { partition: 'Tenant', members: [text], operation: 'add' };
      expect((await change(given)).detail).toContain(`added as ${path}`);
      expect([...pool.keys()]).toEqual([path]);
      expect((await change(given)).detail).toContain('was there already');
    });

    it('of a host name is not removed by its address: it would come back', async () => {
      pool.set('/Tenant/_auto_10.0.0.4:80', { ...at('10.0.0.4'), ephemeral: true });
      for (const operation of ['remove', 'drain_and_remove']) {
        const error = await failure({ partition: 'Tenant', members: ['10.0.0.4:80'], operation });
        expect(error).toMatchObject({ constructor: Permanent, message: expect.stringMatching(/host name/) });
      }
    });
  });

  it('a removal that is answered and not done is no success', async () => {
    pool.set(A, member());
    f5.keepsMembers = true;
    expect(await failure({ operation: 'remove' })).toMatchObject({
      constructor: Retryable,
      message: expect.stringMatching(/^\/Common\/10\.0\.0\.1:80 of pool \/Common\/web at .* stays/),
    });
    const waiting = { drainUntil: new Date(START).toISOString(), members: ['10.0.0.1:80'] };
    const following = action.follow(paramsOf({ operation: 'drain_and_remove' }), waiting, context(1));
    await expect(following).rejects.toBeInstanceOf(Retryable);
  });

  it.each([
    'There is an active asynchronous task executing.',
    '01070712:3: A transaction is in progress on another unit.',
    'The configuration has not yet loaded. If this message persists, it may indicate a configuration problem.',
    'Config sync operation in progress',
    'configuration load is in progress',
  ])('%j is waited for', async (message) => {
    pool.set(A, member());
    for (const status of [400, 409, 503]) {
      f5.next.patch.push({ status, message });
      expect(await failure({ operation: 'disable' })).toBeInstanceOf(NotYet);
    }
  });

  it.each([
    [{ code: 503, message: 'busy', errorStack: [] }, Retryable],
    [{ code: 400, message: '01070110:3: no', errorStack: [] }, Permanent],
    [{ code: 404, message: '01020036:3: The requested Pool Member (x) was not found.' }, Permanent],
  ])('%j with status 200 is no success', async (body, kind) => {
    pool.set(A, member());
    f5.next.patch.push({ raw: JSON.stringify(body) });
    expect(await failure({ operation: 'disable' })).toBeInstanceOf(kind);
    f5.next.remove.push({ raw: JSON.stringify({ ...body, code: body.code === 404 ? 403 : body.code }) });
    expect(await failure({ operation: 'remove' })).toBeInstanceOf(kind);
    expect(pool.size).toBe(1);
  });

  describe('drain_and_remove', () => {
    const drain = { operation: 'drain_and_remove', members: ['10.0.0.1:80', '10.0.0.2:80'] };
    const follow = (waiting: object | undefined, second: number) =>
      action.follow(paramsOf(drain), { ...waiting }, context(second));

    it.each([false, true])(
      'removes each member when its connections are over (flat statistics: %s)',
      async (flatStats) => {
        f5.flatStats = flatStats;
        pool.set(A, member(3)).set(B, member(1));
        const { waiting, detail } = await change(drain);
        expect(JSON.parse(JSON.stringify(waiting))).toEqual({
          drainUntil: '2026-01-01T00:01:00.000Z',
          members: ['10.0.0.1:80', '10.0.0.2:80'],
        });
        expect(detail).toContain('10.0.0.1:80 disabled, 10.0.0.2:80 disabled');
        expect(pool.get(A)).toMatchObject({ session: 'user-disabled', state: 'up' });

        expect(await follow(waiting, 5)).toEqual({
          waiting,
          detail: '10.0.0.1:80 has 3 connections, 10.0.0.2:80 has 1 connections',
        });
        pool.get(B)!.curConns = 0;
        const next = await follow(waiting, 10);
        expect(next).toEqual({
          waiting: { ...waiting, members: ['10.0.0.1:80'] },
          detail: '10.0.0.1:80 has 3 connections, 10.0.0.2:80 removed',
        });
        expect([...pool.keys()]).toEqual([A]);
        pool.get(A)!.curConns = 0;
        expect(await follow(next.waiting, 20)).toEqual({ detail: '10.0.0.1:80 removed' });
        expect(pool.size).toBe(0);
      },
    );

    it('removes them anyway at the deadline', async () => {
      pool.set(A, member(3)).set(B, member(1));
      const { waiting } = await change({ ...drain, drainSeconds: 30 });
      expect((await follow(waiting, 29.9)).waiting).toEqual(waiting);
      expect(await follow(waiting, 30)).toEqual({
        detail: '10.0.0.1:80 removed at the deadline, 10.0.0.2:80 removed at the deadline',
      });
      expect(pool.size).toBe(0);
    });

    it('counts members that are gone as done', async () => {
      expect(await change(drain)).toEqual({
        detail: '10.0.0.1:80 was gone already, 10.0.0.2:80 was gone already',
      });
      pool.set(A, member(3)).set(B, member(1));
      const { waiting } = await change(drain);
      pool.clear();
      expect(await follow(waiting, 5)).toEqual({
        detail: '10.0.0.1:80 was gone already, 10.0.0.2:80 was gone already',
      });
    });

    it('does not take unknown connections for none', async () => {
      pool.set(A, member(0)).set(B, member(1));
      const { waiting } = await change(drain);
      f5.next.stats.push({ raw: '{"entries":{}}' });
      expect(await follow(waiting, 5)).toMatchObject({ waiting, detail: expect.stringContaining('unknown') });
      f5.next.stats.push({ raw: '<html>' });
      expect(await follow(waiting, 5)).toMatchObject({ waiting });
      expect(pool.size).toBe(2);
    });

    it('is safe to follow again when an answer was lost', async () => {
      pool.set(A, member(0)).set(B, member(0));
      const { waiting } = await change(drain);
      f5.next.remove.push({}, { dropAfter: true });
      await expect(follow(waiting, 5)).rejects.toBeInstanceOf(Ambiguous);
      expect(await follow(waiting, 10)).toEqual({
        detail: '10.0.0.1:80 was gone already, 10.0.0.2:80 was gone already',
      });
    });

    it('waits longer than its drain lasts', () => {
      expect(action.waitsAtMost(paramsOf({ ...drain, drainSeconds: 600 }))).toBeGreaterThan(600);
    });
  });

  describe('the token', () => {
    it('is asked for once, and used until it ends', async () => {
      f5.tokenSeconds = 1_000;
      await change();
      await change({}, context(890));
      expect(logins()).toBe(1);
      await change({}, context(910));
      expect(logins()).toBe(2);
    });

    it('is renewed once when it is no more taken', async () => {
      await change();
      f5.expireTokens();
      await change({ operation: 'remove' });
      expect(logins()).toBe(2);
      expect(pool.size).toBe(0);
    });

    it('is one for all that want it at a time, also when it ends under them', async () => {
      const members = Array.from({ length: 20 }, (_, number) => [`10.0.1.${number}:80`]);
      const changeAll = (operation: string) =>
        Promise.all(members.map((some) => change({ members: some, operation })));
      await changeAll('add');
      expect([logins(), pool.size]).toEqual([1, 20]);
      f5.expireTokens();
      await changeAll('remove');
      expect([logins(), pool.size]).toEqual([2, 0]);
    });

    it('that others wait for is not given up with the call that asked for it', async () => {
      f5.next.login.push({ latencyMs: 300 });
      const [short, long] = [failure({}, context(0, AbortSignal.timeout(100))), change()];
      expect(await short).toBeInstanceOf(Retryable);
      await long;
      expect([logins(), pool.size]).toEqual([1, 1]);
    });

    it('that the user has too many of already is waited for', async () => {
      f5.tokensAtMost = 0;
      expect(await failure()).toBeInstanceOf(NotYet);
      f5.tokensAtMost = 1;
      await change();
      expect(pool.size).toBe(1);
    });

    it('that is refused though it is new is permanent, and the next try logs in again', async () => {
      f5.next.list.push({ status: 401, message: 'Authorization failed' });
      expect(await failure()).toBeInstanceOf(Permanent);
      await change();
      expect(logins()).toBe(2);
    });

    it('is told nobody, and neither is the password', async () => {
      await change();
      const [token] = f5.tokens;
      f5.next.patch.push({ status: 400, message: `no ${token} ${PASSWORD}` });
      expect(await failure({ operation: 'disable' })).toMatchObject({
        constructor: Permanent,
        message: expect.stringMatching(/: no \*\*\* \*\*\*$/),
      });
      f5.next.login.push({ status: 400, message: `no ${PASSWORD}` });
      action = new F5PoolMembers();
      expect(await failure()).toMatchObject({ message: expect.stringMatching(/: no \*\*\*$/) });
    });

    it('is not given for a wrong password', async () => {
      expect(await failure({ password: 'wr0ng' })).toMatchObject({
        constructor: Permanent,
        message: expect.stringMatching(
          /^login to 127\.0\.0\.1:\d+ as scaler was answered 401 .*Authentication failed/,
        ),
      });
      expect(pool.size).toBe(0);
    });
  });

  describe('what an answer means', () => {
    type Kind = new (message: string) => Error;
    const refusals: [F5Trouble, Kind][] = [
      [{ status: 302 }, Permanent],
      [{ status: 400, message: '01070110:3: Node address is referenced' }, Permanent],
      [{ status: 403 }, Permanent],
      [{ status: 404, message: '01020036:3: The requested Pool (/Common/web) was not found.' }, Permanent],
      [{ status: 409, message: '01070734:3: Configuration error' }, Permanent],
      [{ status: 404, message: 'Public URI path not registered: /mgmt/tm' }, Retryable],
      [
        { status: 404, message: 'URI path /mgmt/tm not registered. Please verify URI is supported' },
        Retryable,
      ],
      [{ status: 408 }, Retryable],
      [{ status: 429 }, Retryable],
      [{ status: 500, message: 'The connection to mcpd has been lost, try again.' }, Retryable],
      [{ status: 502, raw: '<html>' }, Retryable],
      [{ status: 503, message: 'There is an active asynchronous task executing.' }, Retryable],
      [{ status: 503, raw: '<html>Configuration Utility restarting...</html>' }, Retryable],
    ];

    it.each(refusals)('%j', async (trouble, kind) => {
      pool.set(A, member());
      f5.next.add.push(trouble);
      f5.next.patch.push(trouble, trouble, trouble);
      f5.next.remove.push(trouble);
      for (const operation of ['add', 'enable', 'disable', 'drain_and_remove', 'remove']) {
        if (operation === 'add') pool.delete(A);
        else pool.set(A, member());
        const error = await failure({ operation });
        expect(error).toBeInstanceOf(kind);
        expect(error.message).toContain('10.0.0.1:80 of pool /Common/web at 127.0.0.1');
      }
      f5.next.stats.push(trouble);
      const waiting = { drainUntil: new Date(START + 1000).toISOString(), members: ['10.0.0.1:80'] };
      const followed = action.follow(paramsOf({ operation: 'drain_and_remove' }), waiting, context());
      await expect(followed).rejects.toBeInstanceOf(kind);
      f5.next.login.push(trouble);
      action = new F5PoolMembers();
      expect(await failure()).toBeInstanceOf(kind);
      expect([...pool.keys()]).toEqual([A]);
    });

    it('waits as long as it is asked to', async () => {
      f5.next.add.push({ status: 503, retryAfter: '7' });
      expect(await failure()).toMatchObject({ constructor: Retryable, retryAfterSeconds: 7 });
    });

    it.each([
      ['a pool that is not there', { pool: 'other' }],
      ['a pool that is not there, for a removal', { pool: 'other', operation: 'remove' }],
      ['a partition that is not there', { partition: 'Other' }],
      ['a node that is not there', { members: ['web-1:80'] }],
      ['a member that is not there, to be enabled', { operation: 'enable' }],
      ['a member that is not there, to be disabled', { operation: 'disable' }],
    ])('%s is permanent', async (_, given) => {
      const error = await failure(given);
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toContain('404 Not Found: 01020036:3: The requested');
    });

    it.each(['NaN', '{}', '[]', 'null', '<html>Welcome</html>'])('%j is no success', async (raw) => {
      f5.next.add.push({ raw });
      expect(await failure()).toBeInstanceOf(Ambiguous);
      pool.set(A, member());
      f5.next.patch.push({ raw });
      expect(await failure({ operation: 'disable' })).toBeInstanceOf(Ambiguous);
      action = new F5PoolMembers();
      f5.next.login.push({ raw });
      expect(await failure()).toBeInstanceOf(Retryable);
    });

    it.each(['enable', 'disable', 'drain_and_remove'])(
      'a member that is answered as it was before is not done: %s',
      async (operation) => {
        const session = operation === 'enable' ? 'user-disabled' : 'monitor-enabled';
        pool.set(A, { ...member(), session });
        const kept = { kind: 'tm:ltm:pool:members:membersstate', name: '10.0.0.1:80', partition: 'Common' };
        f5.next.patch.push({ raw: JSON.stringify({ ...kept, session, state: 'up' }) });
        const error = await failure({ operation });
        expect(error).toBeInstanceOf(Retryable);
        expect(error.message).toContain(`it stays ${operation === 'enable' ? 'disabled' : 'enabled'}`);
      },
    );

    it.each([202, 204])('a removal that is answered %i is looked for in the list', async (status) => {
      pool.set(A, member());
      f5.next.remove.push({ status, raw: '' });
      expect((await failure({ operation: 'remove' })).message).toContain('stays');
      pool.delete(A);
      expect(await change({ operation: 'remove' })).toEqual({ detail: '10.0.0.1:80 was gone already' });
    });

    it.each([202, 204])(
      'a change that is answered %i and nothing more may have been done',
      async (status) => {
        pool.set(A, member());
        f5.next.patch.push({ status, raw: '' });
        expect(await failure({ operation: 'disable' })).toBeInstanceOf(Ambiguous);
      },
    );

    it('a member to add that is there and disabled is told as such', async () => {
      pool.set(A, { ...member(), session: 'user-disabled' });
      expect(await change()).toEqual({ detail: '10.0.0.1:80 was there already, and is disabled' });
    });

    it('a page is no success of a removal', async () => {
      pool.set(A, member());
      f5.next.remove.push({ raw: '<html>Welcome</html>' });
      expect(await failure({ operation: 'remove' })).toBeInstanceOf(Ambiguous);
    });
  });

  describe('when no answer comes', () => {
    it.each<F5Trouble>([{ hangAfter: true }, { dropAfter: true }])(
      'to the change, it may have been done, and is safe to repeat: %j',
      async (trouble) => {
        f5.next.add.push(trouble);
        expect(await failure({}, context(0, AbortSignal.timeout(1_000)))).toBeInstanceOf(Ambiguous);
        expect(pool.size).toBe(1);
        expect(await change()).toEqual({ detail: '10.0.0.1:80 was there already' });
      },
    );

    it('to the login, nothing was done', async () => {
      f5.next.login.push({ hangAfter: true });
      expect(await failure({}, context(0, AbortSignal.timeout(1_000)))).toBeInstanceOf(Retryable);
      expect(pool.size).toBe(0);
    });

    it('because nobody is there, nothing was done', async () => {
      expect(await failure({ url: 'http://127.0.0.1:1' })).toBeInstanceOf(Retryable);
      expect(await failure({}, context(0, AbortSignal.abort()))).toBeInstanceOf(Retryable);
      expect(f5.requests).toEqual([]);
    });

    it('soon enough, a slow answer is taken', async () => {
      f5.next.login.push({ latencyMs: 100 });
      f5.next.add.push({ latencyMs: 100 });
      await change();
      expect(pool.size).toBe(1);
    });
  });

  it.each([
    ['GOOD', GOOD],
    ['EXPIRED', EXPIRED],
  ])('a self-signed certificate has to be trusted: %s', async (_, certificate) => {
    const secure = new F5StandIn({ scaler: PASSWORD }, certificate);
    const secureUrl = await secure.start();
    try {
      const members = secure.addPool('/Common/web');
      expect(await failure({ url: secureUrl })).toBeInstanceOf(Permanent);
      await change({ url: secureUrl, tls: { rejectUnauthorized: false } });
      expect([...members.keys()]).toEqual([A]);
      const trusting = change({ url: secureUrl, tls: { ca: certificate.cert } });
      if (certificate === GOOD) await trusting;
      else await expect(trusting).rejects.toBeInstanceOf(Permanent);
    } finally {
      await secure.stop();
    }
  });

  describe('params', () => {
    const right = {
      url: 'https://f5.example',
      username: 'u',
      password: 'p',
      pool: 'web',
      members: ['10.0.0.1:80'],
      operation: 'add',
    };

    it.each([
      [{ ...right, url: 'f5.example' }, '/url'],
      [{ ...right, url: 'https://f5.example/mgmt' }, '/url'],
      [{ ...right, username: '' }, '/username'],
      [{ ...right, password: null }, '/password'],
      [{ ...right, partition: 'a/b' }, '/partition'],
      [{ ...right, pool: '/Common/web' }, '/pool'],
      [{ ...right, pool: '{{' }, '/pool'],
      [{ ...right, members: [] }, '/members'],
      [{ ...right, members: ['10.0.0.1:80', '10.0.0.2'] }, '/members/1'],
      [{ ...right, operation: 'kill' }, '/operation'],
      [{ ...right, drainSeconds: -1 }, '/drainSeconds'],
      [{ ...right, drainSeconds: 1.5 }, '/drainSeconds'],
    ])('%j is refused', (given, pointer) => {
      expect(check(F5PoolMembersParams, given).errors).toEqual([{ pointer, detail: expect.any(String) }]);
    });

    it('a pool that is rendered into another path is not asked for', async () => {
      const params = Object.assign(paramsOf({}), { pool: 'web/../../sys' });
      await expect(action.execute(params, context())).rejects.toBeInstanceOf(Permanent);
      expect(f5.requests).toEqual([]);
    });
  });
});
