import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GOOD } from '../../../test/stand-ins/certificates';
import { KubernetesStandIn } from '../../../test/stand-ins/kubernetes';
import { checked } from '../../common/check';
import type { ReadContext } from '../metric';
import { KubernetesReplicas, KubernetesReplicasParams } from './kubernetes-replicas.metric';

const TOKEN = 't0ken';

describe('kubernetes_replicas', () => {
  const cluster = new KubernetesStandIn({ token: TOKEN });
  const metric = new KubernetesReplicas();
  let server: string;

  beforeAll(async () => (server = await cluster.start()));
  beforeEach(() => cluster.clear());
  afterAll(() => cluster.stop());

  const context = (timeoutMs = 2_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  const params = (given: object = {}): KubernetesReplicasParams =>
    checked(KubernetesReplicasParams, {
      namespace: 'shop',
      name: 'web',
      cluster: { server, token: TOKEN },
      ...given,
    });

  const read = (given?: object) => metric.read(params(given), context());

  it.each([
    ['Deployment', 'deployments'],
    ['StatefulSet', 'statefulsets'],
    ['ReplicaSet', 'replicasets'],
  ])('counts the replicas that a %s has, not those that are wanted', async (kind, resource) => {
    cluster.addWorkload(`shop/${resource}/web`, 5).observed = 3;
    expect(await read({ kind })).toBe(3);
  });

  it('counts none when it is scaled to none', async () => {
    cluster.addWorkload('shop/deployments/web', 0);
    expect(await read()).toBe(0);
  });

  it.each([
    [{ name: 'db' }, /deployments\.apps "db" not found$/],
    [{ cluster: { server: 'http://127.0.0.1:1', token: TOKEN } }, /it refuses connections at/],
  ])('of %j is missing data', async (given, why) => {
    await expect(read(given)).rejects.toThrow(why);
    await expect(read(given)).rejects.toThrow(
      /^cannot read the replicas of Deployment shop\/\w+ from 127\.0\.0\.1:/,
    );
  });

  it.each([
    '{}',
    '<html>',
    '{"kind":"Scale","metadata":{"resourceVersion":"1"},"spec":{"replicas":3}}',
    '{"kind":"Scale","metadata":{"resourceVersion":"1"},"status":{"replicas":"3"}}',
    '{"kind":"Scale","metadata":{"resourceVersion":"1"},"status":{"replicas":null}}',
    '{"kind":"Scale","metadata":{"resourceVersion":"1"},"status":{"replicas":-1}}',
  ])('takes no number from %s', async (raw) => {
    cluster.next.get.push({ raw });
    await expect(read()).rejects.toThrow(/not as Kubernetes does$/);
  });

  it('tells no token, even when the cluster repeats it', async () => {
    cluster.next.get.push({ status: 403, message: `no rights for hush-hush` });
    const reading = read({ cluster: { server, token: 'hush-hush' } }).catch((error: Error) => error.message);
    expect(await reading).not.toContain('hush');
  });

  it('reads the cluster it runs in, by its account', async () => {
    const secure = new KubernetesStandIn({ token: TOKEN }, { ...GOOD });
    const { hostname, port } = new URL(await secure.start());
    const folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'account-'));
    const before = { ...process.env };
    try {
      writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
      writeFileSync(join(folder, 'ca.crt'), GOOD.cert);
      Object.assign(process.env, { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port });
      metric.accountFolder = folder;
      secure.addWorkload('shop/deployments/web', 2);
      expect(await read({ cluster: null })).toBe(2);
      delete process.env.KUBERNETES_SERVICE_HOST;
      await expect(read({ cluster: null })).rejects.toThrow(/monscale runs in none/);
    } finally {
      process.env = before;
      rmSync(folder, { recursive: true });
      await secure.stop();
    }
  });

  describe('tells its nodes', () => {
    const nodes = () => metric.nodes(params(), context());

    it('by their pods that live, page by page', async () => {
      cluster.addWorkload('shop/deployments/web', 600);
      cluster.pods.shop = [
        ...Array.from({ length: 600 }, (_, at) => ({
          name: `web-${at}`,
          app: 'web',
          phase: 'Running',
          podIP: `10.0.${at >> 8}.${at & 255}`,
        })),
        { name: 'web-new', app: 'web', phase: 'Pending' },
        { name: 'web-ended', app: 'web', phase: 'Failed', podIP: '10.1.0.1' },
        {
          name: 'web-going',
          app: 'web',
          phase: 'Running',
          podIP: '10.1.0.2',
          deletionTimestamp: '2026-01-01T00:00:00Z',
        },
        { name: 'db-0', app: 'db', phase: 'Running', podIP: '10.1.0.3' },
      ];
      const found = await nodes();
      expect(found).toHaveLength(601);
      expect(found[0]).toEqual({ id: 'uid-web-0', name: 'web-0', address: '10.0.0.0' });
      expect(found.at(-1)).toEqual({ id: 'uid-web-new', name: 'web-new', address: undefined });
    });

    it('or throws: half a list is none', async () => {
      cluster.addWorkload('shop/deployments/web', 600);
      cluster.pods.shop = Array.from({ length: 600 }, (_, at) => ({ name: `web-${at}`, app: 'web' }));
      cluster.next.list.push({}, { status: 500 });
      await expect(nodes()).rejects.toThrow(/^cannot read the pods of Deployment shop\/web from .* 500/);
    });
  });
});
