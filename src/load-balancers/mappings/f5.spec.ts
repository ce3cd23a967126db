import { F5StandIn, type F5Member, type F5Trouble } from '../../../test/stand-ins/f5';
import { check } from '../../common/check';
import { Ambiguous, Permanent, Retryable } from '../../targets/outcomes';
import { F5, F5Params } from './f5.load-balancer';

const PASSWORD = 's3cret-pass';

describe('a pool of an F5 as a load balancer', () => {
  let loadBalancer: F5;
  const bigIp = new F5StandIn({ scaler: PASSWORD });
  let url: string;
  let pool: Map<string, F5Member>;

  beforeAll(async () => {
    url = await bigIp.start();
  });

  beforeEach(() => {
    bigIp.clear();
    pool = bigIp.addPool('/Common/web');
    loadBalancer = new F5();
  });

  afterAll(() => bigIp.stop());

  const context = (timeoutMs = 5_000) => ({ signal: AbortSignal.timeout(timeoutMs), now: new Date() });
  function paramsOf(given: object = {}): F5Params {
    const base = { url, username: 'scaler', password: PASSWORD, pool: 'web', port: 80 };
    const { value, errors } = check(F5Params, { ...base, ...given });
    expect(errors).toEqual([]);
    return value!;
  }
  const params = (given?: object) => paramsOf(given);
  const members = (given?: object) => loadBalancer.members(params(given), context());
  const failure = (asking: Promise<unknown>): Promise<Error> =>
    asking.then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );

  it('is named by partition, pool, host and port', () => {
    expect(loadBalancer.pool(params({ url: 'https://bigip.example.com', port: 8080 }))).toBe(
      'pool /Common/web at bigip.example.com, port 8080',
    );
  });

  it('an empty pool has no members: BIG-IP leaves the list out', async () => {
    expect(await members()).toEqual([]);
  });

  it('a member takes work, or is disabled, forced down, not up yet', async () => {
    const member = (address: string, session: string, state: string): void => {
      pool.set(`/Common/${address}:80`, { address, session, state, curConns: 0 });
    };
    member('10.0.0.1', 'monitor-enabled', 'up');
    member('10.0.0.2', 'user-enabled', 'unchecked');
    member('10.0.0.3', 'user-disabled', 'up');
    member('10.0.0.4', 'user-disabled', 'user-down');
    member('10.0.0.5', 'monitor-enabled', 'checking');
    member('10.0.0.6', 'monitor-enabled', 'down');
    expect((await members()).map(({ name, isEnabled, isUp }) => [name, isEnabled, isUp])).toEqual([
      ['10.0.0.1:80', true, true],
      ['10.0.0.2:80', true, true],
      ['10.0.0.3:80', false, true],
      ['10.0.0.4:80', false, false],
      ['10.0.0.5:80', true, false],
      ['10.0.0.6:80', true, false],
    ]);
  });

  it('a member at another port or without an address is at no address of ours, one of another partition is', async () => {
    const one: F5Member = { session: 'user-enabled', state: 'up', curConns: 0 };
    pool.set('/Common/10.0.0.1:80', { ...one, address: '10.0.0.1' });
    pool.set('/Common/10.0.0.1:8080', { ...one, address: '10.0.0.1' });
    pool.set('/Shop/10.0.0.2:80', { ...one, address: '10.0.0.2' });
    pool.set('/Common/web-3:80', { ...one, address: '10.0.0.3' });
    pool.set('/Common/web-4.example:80', one);
    expect((await members()).map(({ name, address }) => [name, address])).toEqual([
      ['10.0.0.1:80', '10.0.0.1'],
      ['10.0.0.1:8080', undefined],
      ['/Shop/10.0.0.2:80', '10.0.0.2'],
      ['web-3:80', '10.0.0.3'],
      ['web-4.example:80', undefined],
    ]);
  });

  it('a member in the route domain of its partition is at the address without it, one in another is not', async () => {
    const one: F5Member = { session: 'user-enabled', state: 'up', curConns: 0 };
    pool.set('/Common/10.0.0.1%3:80', { ...one, address: '10.0.0.1%3' });
    pool.set('/Common/10.0.0.2%4:80', { ...one, address: '10.0.0.2%4' });
    const addresses = async () => (await members()).map(({ address }) => address);
    expect(await addresses()).toEqual(['10.0.0.1%3', '10.0.0.2%4']);
    bigIp.routeDomains.Common = 3;
    expect(await addresses()).toEqual(['10.0.0.1', '10.0.0.2%4']);
    bigIp.next.partition.push({ status: 403 });
    expect(await addresses()).toEqual(['10.0.0.1%3', '10.0.0.2%4']);
  });

  it("a member by the name of its service is one, and one that BIG-IP makes itself is nobody's", async () => {
    const one: F5Member = { session: 'user-enabled', state: 'up', curConns: 0 };
    pool.set('/Common/10.0.0.1:http', { ...one, address: '10.0.0.1' });
    pool.set('/Common/10.0.0.2:frobnicate', { ...one, address: '10.0.0.2' });
    pool.set('/Common/_auto_10.0.0.3:80', { ...one, address: '10.0.0.3', ephemeral: true });
    expect((await members()).map(({ address }) => address)).toEqual(['10.0.0.1', undefined, undefined]);
  });

  it('a member of another partition is changed where it is, and one is added by the node there is', async () => {
    const one: F5Member = { session: 'user-enabled', state: 'up', curConns: 3, address: '10.0.0.1' };
    pool = bigIp.addPool('/Tenant/web');
    pool.set('/Common/10.0.0.1:80', one);
    const ours = params({ partition: 'Tenant' });
    const name = (await loadBalancer.members(ours, context()))[0]!.name;
    await loadBalancer.disable(ours, name, context());
    expect(pool.get('/Common/10.0.0.1:80')).toMatchObject({ session: 'user-disabled' });
    expect(await loadBalancer.connections(ours, name, context())).toBe(3);
    await loadBalancer.enable(ours, name, context());
    await loadBalancer.remove(ours, name, context());
    expect(pool.size).toBe(0);
    bigIp.nodes.set('/Common/10.0.0.1', '10.0.0.1');
    await loadBalancer.add(ours, '10.0.0.1', context());
    expect([...pool.keys()]).toEqual(['/Common/10.0.0.1:80']);
    expect(await loadBalancer.members(ours, context())).toMatchObject([{ address: '10.0.0.1' }]);
  });

  it('a pool of hundreds is read whole', async () => {
    for (let number = 0; number < 500; number++) {
      const address = `10.0.${Math.trunc(number / 250)}.${number % 250}`;
      pool.set(`/Common/${address}:80`, { address, session: 'user-enabled', state: 'up', curConns: 0 });
    }
    expect(await members()).toHaveLength(500);
  });

  it.each([
    ['10.0.0.1', '10.0.0.1:80'],
    ['2001:db8::1', '2001:db8::1.80'],
  ])('%s is added, disabled, enabled and removed as %s', async (address, name) => {
    expect(loadBalancer.nameOf(params(), address)).toBe(name);
    await loadBalancer.add(params(), address, context());
    expect(await members()).toEqual([{ name, address, isEnabled: true, isUp: true }]);
    await loadBalancer.disable(params(), name, context());
    expect(await members()).toMatchObject([{ isEnabled: false }]);
    pool.get(`/Common/${name}`)!.curConns = 7;
    expect(await loadBalancer.connections(params(), name, context())).toBe(7);
    await loadBalancer.enable(params(), name, context());
    expect(await members()).toMatchObject([{ isEnabled: true }]);
    await loadBalancer.remove(params(), name, context());
    expect(await members()).toEqual([]);
  });

  it('what is done already may be asked for again', async () => {
    await loadBalancer.add(params(), '10.0.0.1', context());
    await loadBalancer.add(params(), '10.0.0.1', context());
    await loadBalancer.remove(params(), '10.0.0.1:80', context());
    await loadBalancer.remove(params(), '10.0.0.1:80', context());
    await loadBalancer.disable(params(), '10.0.0.1:80', context());
    expect(await failure(loadBalancer.enable(params(), '10.0.0.1:80', context()))).toBeInstanceOf(Permanent);
  });

  it.each<[string, F5Trouble, new (message: string) => Error, RegExp]>([
    ['an appliance that restarts', { status: 503, raw: '<html>' }, Retryable, /503 Service Unavailable$/],
    [
      'one that restjavad is not ready at',
      { status: 404, message: 'URI path not registered' },
      Retryable,
      /404/,
    ],
    ['no right to see it', { status: 403, message: 'not yours' }, Permanent, /403 Forbidden: not yours$/],
    ['nonsense', { raw: '<html>login</html>' }, Retryable, /not as BIG-IP does$/],
    ['nothing', { raw: '' }, Retryable, /not as BIG-IP does$/],
    [
      'half a list',
      { raw: '{"kind": "tm:ltm:pool:members:memberscollectionstate", "items": [{' },
      Retryable,
      /not as/,
    ],
    [
      'another list',
      { raw: '{"kind": "tm:ltm:node:nodecollectionstate", "items": []}' },
      Retryable,
      /not as/,
    ],
    [
      'no members',
      { raw: '{"kind": "tm:ltm:pool:members:x", "items": [{"name": "10.0.0.1:80"}]}' },
      Retryable,
      /not as/,
    ],
    ['a cut connection', { dropAfter: true }, Retryable, /not answered/],
  ])('%s is not taken for an empty pool', async (_, trouble, kind, message) => {
    bigIp.next.list.push(trouble);
    const error = await failure(members());
    expect(error).toBeInstanceOf(kind);
    expect(error.message).toMatch(/^reading the members of pool \/Common\/web at 127\.0\.0\.1:\d+ was /);
    expect(error.message).toMatch(message);
  });

  it('silence ends with the signal', async () => {
    bigIp.next.list.push({ hangAfter: true });
    expect(await failure(loadBalancer.members(params(), context(200)))).toBeInstanceOf(Retryable);
  });

  it('a wrong password, another pool, a cut change', async () => {
    const refused = await failure(members({ password: 'wr0ng-pass' }));
    expect(refused).toBeInstanceOf(Permanent);
    expect(refused.message).toMatch(/^login to .* as scaler was answered 401/);
    expect(refused.message).not.toMatch(/wr0ng/);
    expect((await failure(members({ pool: 'wbe' }))).message).toMatch(/Pool \(\/Common\/wbe\) was not found/);
    bigIp.next.add.push({ dropAfter: true });
    expect(await failure(loadBalancer.add(params(), '10.0.0.1', context()))).toBeInstanceOf(Ambiguous);
  });

  it.each([
    { pool: undefined },
    { port: undefined },
    { port: 0 },
    { port: '80' },
    { pool: '/Common/web' },
    { partition: 'a/b' },
    { url: 'https://h/mgmt' },
    { drainSeconds: -1 },
  ])('%j is refused', (given) => {
    const base = { url, username: 'u', password: 'p', pool: 'web', port: 80 };
    const { errors } = check(F5Params, { ...base, ...given });
    expect(errors).toHaveLength(1);
  });
});
