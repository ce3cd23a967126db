import { setTimeout as sleep } from 'node:timers/promises';
import { secret, until, World, type Api, type Json, type MonscaleProcess } from './program';
import { CloudFormsStandIn, type StandInVm } from './stand-ins/cloudforms';
import { F5StandIn, type F5Member } from './stand-ins/f5';

const TAG = 'monitoredservice/web';
const HAND_MADE = '10.9.9.9';

describe('a load balancer that follows its infrastructure', () => {
  const cloudForms = new CloudFormsStandIn('monscale', secret('the-password-of-cloudforms-here'));
  const password = secret('the-password-of-the-bigip');
  const bigIp = new F5StandIn({ scaler: password });
  let pool: Map<string, F5Member>;
  let vms: StandInVm[];
  let port: number;
  let world: World;
  let worker: MonscaleProcess;
  let api: Api;

  beforeAll(async () => {
    world = await World.create();
    const [cloudFormsUrl, bigIpUrl] = await Promise.all([cloudForms.start(), bigIp.start()]);
    port = Number(new URL(cloudFormsUrl).port);
    pool = bigIp.addPool('/Common/web');
    for (const address of ['10.0.0.1', HAND_MADE])
      pool.set(`/Common/${address}:80`, { address, session: 'monitor-enabled', state: 'up', curConns: 0 });
    // Only members that follow are to keep the pool alive.
    pool.get(`/Common/${HAND_MADE}:80`)!.session = 'user-disabled';
    vms = [cloudForms.addVm('web-1', TAG), cloudForms.addVm('web-2', TAG)];
    ({ api } = await world.start('api,scheduler'));
    worker = await world.start('worker');
    const access = { url: cloudFormsUrl, username: cloudForms.username, password: cloudForms.password };
    await api.create('/infrastructures', {
      name: 'web',
      maxNodes: 20,
      nodes: { type: 'cloudforms_vms', params: { ...access, tag: TAG } },
      loadBalancer: {
        type: 'f5',
        params: { url: bigIpUrl, username: 'scaler', password, pool: 'web', port: 80, drainSeconds: 600 },
      },
    });
    await api.create('/actions', {
      name: 'provision',
      type: 'cloudforms_provision',
      params: {
        ...access,
        templateFields: { name: 'rhel6' },
        vmFields: { vm_name: 'web', vlan: 'production' },
        requester: {
          auto_approve: 'true',
          owner_email: 'ops@example.com',
          owner_first_name: 'Ops',
          owner_last_name: 'Team',
        },
        tags: { monitoredservice: 'web' },
      },
    });
    await api.create('/services', {
      name: 'web',
      metrics: { busy: { type: 'alert', params: { match: { service: 'web' } } } },
      condition: 'busy == 1',
      infrastructure: 'web',
      direction: 'up',
      actions: ['provision'],
    });
  }, 60_000);

  afterAll(async () => {
    await world?.end();
    await Promise.all([cloudForms.stop(), bigIp.stop()]);
  });

  const shown = async (): Promise<Json> => (await api.get('/infrastructures/web/load-balancer')).body;
  const hurry = () => api.post('/infrastructures/web/load-balancer/sync');
  /** The next sync that begins from now on and ends so. */
  const syncsTo = async (outcome: string): Promise<Json> => {
    const asked = new Date().toISOString();
    await hurry();
    return until(async () => {
      const state = await shown();
      if (state.lastSyncAt > asked && state.outcome === outcome) return state;
      if (state.lastSyncAt > asked && state.nextSyncAt > new Date().toISOString()) await hurry();
      return undefined;
    }, 20_000);
  };
  const stateOf = (members: Json[], address: string) =>
    members.find((member) => member.address === address)?.state;
  const sessions = () =>
    [...pool].map(([path, { session }]) => `${path.replace(/^\/Common\/|:80$/g, '')} ${session}`).sort();

  test('takes the nodes there are as its members, and leaves what a person put there alone', async () => {
    const { members, pool: name, changes, nextSyncAt } = await syncsTo('in_sync');
    expect(name).toMatch(/^pool \/Common\/web at 127\.0\.0\.1:\d+, port 80$/);
    expect(members).toEqual([
      { member: '10.0.0.1:80', address: '10.0.0.1', node: 'web-1', state: 'in' },
      { member: `${HAND_MADE}:80`, address: HAND_MADE, state: 'foreign' },
      { member: '10.0.0.2:80', address: '10.0.0.2', node: 'web-2', state: 'in' },
    ]);
    expect(changes).toMatchObject([
      { change: 'add', member: '10.0.0.2:80', why: 'node web-2 is there', outcome: 'done' },
    ]);
    const waitMs = Date.parse(nextSyncAt) - Date.now();
    expect(waitMs).toBeGreaterThan(30_000);
    expect(waitMs).toBeLessThan(121_000);
  }, 60_000);

  test('a machine that an execution has made is a member at once', async () => {
    await api.post('/alerts', { labels: { service: 'web' } });
    await until(() => cloudForms.requests.length === 1, 10_000);
    cloudForms.tick();
    cloudForms.tick();
    const made = await until(() => cloudForms.vms[2], 10_000);
    await until(() => pool.has(`/Common/${made.addresses[0]}:80`), 20_000);
    const [execution] = await api.all('/executions?service=web');
    expect(execution.status).toBe('succeeded');
    await api.post('/alerts', { labels: { service: 'web' }, status: 'resolved' });
    expect((await syncsTo('in_sync')).explanation).toBe('members: 3 in, 1 foreign');
  }, 60_000);

  test('a machine that retires is drained, and removed when its connections have ended', async () => {
    const [, second] = vms;
    const path = `/Common/${second!.addresses[0]}:80`;
    pool.get(path)!.curConns = 4;
    second!.retired = true;
    const draining = await syncsTo('under_way');
    expect(stateOf(draining.members, second!.addresses[0]!)).toBe('draining');
    expect(pool.get(path)).toMatchObject({ session: 'user-disabled', state: 'up' });
    await until(async () => /4 connections left/.test((await syncsTo('under_way')).explanation), 10_000);
    pool.get(path)!.curConns = 0;
    const { changes } = await syncsTo('in_sync');
    expect(pool.has(path)).toBe(false);
    expect(changes.slice(-2)).toMatchObject([
      { change: 'disable', why: 'node web-2 is gone', outcome: 'done' },
      { change: 'remove', why: 'node web-2 is gone, and it has no connections', outcome: 'done' },
    ]);
    const metrics = await worker.root.get('/metrics');
    expect(metrics.body).toMatch(/load_balancer_changes_total\{type="f5",change="remove",outcome="done"\} 1/);
    expect(worker.output).toMatch(/remove 10\.0\.0\.2:80: node web-2 is gone/);
  }, 60_000);

  test('while CloudForms is away, or has nobody to show, nothing is changed', async () => {
    const before = sessions();
    await cloudForms.stop();
    const away = await syncsTo('nodes_unknown');
    expect(away.error).toMatch(/^the nodes of web can't be listed: .*it refuses connections/);
    expect(away.members).toHaveLength(3);
    await cloudForms.start(port);
    const tags = cloudForms.vms.map((vm) => vm.tags);
    for (const vm of cloudForms.vms) vm.tags = [];
    const empty = await until(async () => {
      const state = await syncsTo('nodes_unknown');
      return state.error === 'no node of web has an address' && state;
    }, 20_000);
    expect(empty.explanation).toBe('the pool stays as it is: no node of web has an address');
    cloudForms.vms.forEach((vm, index) => (vm.tags = tags[index]!));
    await syncsTo('in_sync');
    expect(sessions()).toEqual(before);
  }, 60_000);

  test('when every machine is replaced, the old ones stay until a new one is up', async () => {
    bigIp.stateOfNew = 'checking';
    const old = cloudForms.vms.filter(({ retired }) => !retired);
    const fresh = cloudForms.addVm('web-9', TAG, { addresses: ['10.0.0.90'] });
    for (const vm of old) vm.retired = true;
    const held = await syncsTo('held');
    expect(held.explanation).toMatch(/stays although node .* is gone: no other member takes work/);
    expect(stateOf(held.members, fresh.addresses[0]!)).toBe('down');
    pool.get('/Common/10.0.0.90:80')!.state = 'up';
    bigIp.stateOfNew = 'up';
    await syncsTo('in_sync');
    expect(sessions()).toEqual(['10.0.0.90 monitor-enabled', `${HAND_MADE} user-disabled`]);
  }, 90_000);

  test('a wrong password is said, and the right one is enough to go on', async () => {
    const wrong = await api.patch('/infrastructures/web', {
      loadBalancer: { params: { password: secret('a-wrong-password-of-the-bigip') } },
    });
    expect(wrong.status).toBe(200);
    expect(wrong.body.loadBalancer.params.password).toEqual({ secret: true });
    // A token lives on after the password is changed there.
    bigIp.expireTokens();
    const failed = await syncsTo('failed');
    expect(failed.error).toMatch(/^login to 127\.0\.0\.1:\d+ as scaler was answered 401/);
    expect(failed.members).toHaveLength(2);
    await api.patch('/infrastructures/web', { loadBalancer: { params: { password } } });
    const { error, members } = await syncsTo('in_sync');
    expect([error, members.length]).toEqual([undefined, 2]);
  }, 60_000);

  test('a worker that is killed half-way leaves nothing that the next does not finish', async () => {
    cloudForms.addVm('web-10', TAG, { addresses: ['10.0.0.91'] });
    cloudForms.addVm('web-11', TAG, { addresses: ['10.0.0.92'] });
    bigIp.next.add.push({ hangAfter: true });
    await hurry();
    await until(() => pool.has('/Common/10.0.0.91:80'), 20_000);
    await worker.kill();
    // What it was about to do is known, and why.
    expect((await shown()).changes.slice(-2)).toMatchObject([
      { change: 'add', member: '10.0.0.91:80', why: 'node web-10 is there', outcome: 'begun' },
      { change: 'add', member: '10.0.0.92:80', outcome: 'begun' },
    ]);
    worker = await world.start('worker');
    await sleep(500);
    expect(pool.has('/Common/10.0.0.92:80')).toBe(false);
    await world.rows('UPDATE load_balancer_states SET lease_until = now(), next_sync_at = now()');
    const { members } = await syncsTo('in_sync');
    expect(members.map(({ state }: Json) => state).sort()).toEqual(['foreign', 'in', 'in', 'in']);
  }, 60_000);

  test('under the kill switch nothing is changed', async () => {
    cloudForms.vms.at(-1)!.retired = true;
    await api.put('/kill-switch', { on: true });
    expect((await hurry()).status).toBe(409);
    await world.rows('UPDATE load_balancer_states SET next_sync_at = now()');
    const { lastSyncAt } = await shown();
    await sleep(3_000);
    expect((await shown()).lastSyncAt).toBe(lastSyncAt);
    await api.put('/kill-switch', { on: false });
    await syncsTo('in_sync');
    expect(pool.has('/Common/10.0.0.92:80')).toBe(false);
  }, 60_000);

  test('at no moment the pool was without a member that takes work', () => {
    expect(bigIp.moments.length).toBeGreaterThan(10);
    expect(bigIp.moments.filter(({ enabled, up }) => enabled < 1 || up < 1)).toEqual([]);
  });

  test('it is moved with its infrastructure, and when it is taken away its pool stays as it is', async () => {
    const before = sessions();
    const { body: exported } = await api.get('/export');
    expect(exported.infrastructures[0].loadBalancer).toMatchObject({ type: 'f5', params: { pool: 'web' } });
    expect(exported.infrastructures[0].loadBalancer.params.password).toEqual({ secret: true });
    expect((await api.post('/import', exported)).body).toMatchObject({ updated: [], created: [] });
    expect((await api.patch('/infrastructures/web', { loadBalancer: null })).body).not.toHaveProperty(
      'loadBalancer',
    );
    expect((await api.get('/infrastructures/web/load-balancer')).status).toBe(404);
    expect((await hurry()).status).toBe(404);
    expect((await api.get('/infrastructures/nobody/load-balancer')).status).toBe(404);
    expect(sessions()).toEqual(before);
  });

  const F5 = {
    type: 'f5',
    params: { url: 'https://h', username: 'u', password: 'p', pool: 'web', port: 80 },
  };
  test.each<[string, object, string[]]>([
    ['without nodes', { loadBalancer: F5 }, ['/loadBalancer']],
    [
      'with nodes that nobody tells the places of',
      { loadBalancer: F5, nodes: { type: 'static_count', params: { value: 1 } } },
      ['/loadBalancer'],
    ],
    ['of an unknown type', { loadBalancer: { type: 'f6' } }, ['/loadBalancer/type']],
    [
      'with wrong params, beside wrong nodes',
      { loadBalancer: { ...F5, params: { ...F5.params, port: 0 } }, nodes: { type: 'static_nodes' } },
      ['/nodes/params/addresses', '/loadBalancer/params/port'],
    ],
  ])('one %s is refused', async (_, given, pointers) => {
    const { status, body } = await api.post('/infrastructures', { name: 'wrong', ...given });
    expect([status, body.errors.map(({ pointer }: Json) => pointer)]).toEqual([400, pointers]);
  });
});
