import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { GOOD, OTHER } from '../../../test/stand-ins/certificates';
import { KubernetesStandIn, type KubernetesTrouble } from '../../../test/stand-ins/kubernetes';
import { check } from '../../common/check';
import { Ambiguous, Permanent, Retryable, type ActionContext, type ActionResult } from '../action';
import { rendered } from '../rendering';
import { KubernetesScale, KubernetesScaleParams } from './kubernetes-scale.action';

const TOKEN = 's3cret-t0ken';

type Kind = new (message: string) => Error;

describe('kubernetes_scale', () => {
  const action = new KubernetesScale();
  const cluster = new KubernetesStandIn({ token: TOKEN });
  let server: string;

  beforeAll(async () => {
    server = await cluster.start();
  });

  beforeEach(() => cluster.clear());

  afterAll(() => cluster.stop());

  const context = (
    signal: AbortSignal = AbortSignal.timeout(5_000),
    nodes: object = { current: 2, desired: 3, delta: 1 },
  ): ActionContext => ({
    signal,
    timeoutMs: 5_000,
    now: new Date(),
    executionId: 'e-1',
    variables: { service: { id: 's1', name: 'web' }, nodes },
  });

  function paramsOf(given: object, during: ActionContext): KubernetesScaleParams {
    const usual = { namespace: 'shop', name: 'web', cluster: { server, token: TOKEN } };
    const { value, errors } = check(KubernetesScaleParams, { ...usual, ...given });
    expect(errors).toEqual([]);
    return rendered(KubernetesScaleParams, value!, during.variables);
  }

  const scale = (given: object = {}, during = context()): Promise<ActionResult> =>
    action.execute(paramsOf(given, during), during);
  const failure = (given: object = {}, during = context()): Promise<Error> =>
    scale(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );
  const follow = (waiting: object = { replicas: 3 }, given: object = {}, during = context()) =>
    action.follow(paramsOf(given, during), { ...waiting }, during);

  describe('what it does', () => {
    it('sets nodes.desired and waits until the replicas are there', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      cluster.followMs = undefined;
      const { waiting, detail } = await scale();
      expect(web).toMatchObject({ replicas: 3, observed: 2 });
      expect(JSON.parse(JSON.stringify(waiting))).toEqual({ replicas: 3 });
      expect(detail).toBe('2 -> 3; 2 of 3 replicas are there');
      expect(await follow(waiting)).toEqual({ waiting, detail: '2 of 3 replicas are there' });
      web.observed = 3;
      expect(await follow(waiting)).toEqual({ detail: '3 of 3 replicas are there' });
    });

    it('is followed until the cluster is so far', async () => {
      cluster.addWorkload('shop/deployments/web', 2);
      cluster.followMs = 200;
      let result = await scale();
      for (; result.waiting; result = await follow(result.waiting)) await sleep(20);
      expect(result).toEqual({ detail: '3 of 3 replicas are there' });
    });

    it('is done at once when the replicas are there already, and the same when it is told again', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 3);
      const first = await scale();
      expect(first).toEqual({ detail: '3 -> 3; 3 of 3 replicas are there' });
      expect(await scale()).toEqual(first);
      expect(web).toMatchObject({ replicas: 3, resourceVersion: 100 });
    });

    it.each([
      ['StatefulSet', 'statefulsets'],
      ['ReplicaSet', 'replicasets'],
    ])('scales a %s', async (kind, resource) => {
      const db = cluster.addWorkload(`shop/${resource}/web`, 1);
      await scale({ kind, replicas: '{{ nodes.desired | plus: 2 }}' });
      expect(db.replicas).toBe(5);
    });

    it('scales to nothing, and from nothing', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      await scale({ replicas: 0 });
      expect(web.replicas).toBe(0);
      web.observed = 0;
      expect(await follow({ replicas: 0 })).toEqual({ detail: '0 of 0 replicas are there' });
      expect(await scale({ replicas: 1 })).toMatchObject({ detail: expect.stringMatching(/^0 -> 1/) });
    });

    it('takes names from templates', async () => {
      const web = cluster.addWorkload('shop/deployments/web-app', 2);
      await scale({ name: '{{ service.name }}-app' });
      expect(web.replicas).toBe(3);
    });

    it('stops waiting when somebody else sets another number', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      cluster.followMs = undefined;
      const { waiting } = await scale();
      web.replicas = 7;
      expect(await follow(waiting)).toEqual({
        detail: 'it was set to 3; somebody else set it to 7 since',
      });
    });

    it('reads again when somebody wrote in between', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      // What follows is another write.
      cluster.followMs = undefined;
      cluster.next.put.push({ meanwhile: 4 }, { meanwhile: 5 });
      expect(await scale()).toMatchObject({ detail: expect.stringMatching(/^5 -> 3/) });
      expect(web.replicas).toBe(3);
      expect(cluster.writes).toBe(3);
    });

    it('gives up for now when others write all the time', async () => {
      cluster.addWorkload('shop/deployments/web', 2);
      cluster.next.put.push(...[11, 12, 13, 14, 15, 16].map((meanwhile) => ({ meanwhile })));
      expect(await failure()).toBeInstanceOf(Retryable);
      expect(cluster.writes).toBe(5);
    });

    it('warns of an autoscaler that owns the target', async () => {
      cluster.addWorkload('shop/deployments/web', 2);
      for (let other = 1; other <= 25; other++)
        cluster.addAutoscaler('shop', `other-${other}`, 'Deployment', `other-${other}`);
      cluster.addAutoscaler('shop', 'same-name', 'StatefulSet', 'web');
      expect((await scale()).detail).not.toContain('warning');
      cluster.addAutoscaler('shop', 'web-hpa', 'Deployment', 'web');
      expect((await scale()).detail).toContain('warning: HorizontalPodAutoscaler web-hpa owns it');
    });

    it.each<KubernetesTrouble>([{ status: 403 }, { raw: 'NaN' }, { dropBefore: true }])(
      'does not fail when autoscalers can not be read: %j',
      async (trouble) => {
        const web = cluster.addWorkload('shop/deployments/web', 2);
        cluster.next.list.push(trouble);
        expect((await scale()).detail).not.toContain('warning');
        expect(web.replicas).toBe(3);
      },
    );

    it('is what the preview shows', () => {
      const preview = action.preview(paramsOf({}, context()), context());
      expect(preview).toMatchObject({
        method: 'PUT',
        url: `${server}/apis/apps/v1/namespaces/shop/deployments/web/scale`,
        body: { kind: 'Scale', spec: { replicas: 3 } },
      });
      expect(JSON.stringify(preview)).not.toContain(TOKEN);
      expect(action.preview(paramsOf({ cluster: null }, context()), context())).toMatchObject({
        url: expect.stringContaining('the cluster it runs in'),
      });
    });
  });

  describe('where no number is known', () => {
    it.each([
      [{}, { current: null, desired: null, delta: null }],
      [{}, {}],
      [{ replicas: '{{ nodes.other }}' }, { desired: 3 }],
      [{ replicas: '{{ nodes.desired | minus: 9 }}' }, { desired: 3 }],
      [{ replicas: '{{ nodes.desired | times: 1.5 }}' }, { desired: 3 }],
      [{ replicas: '{{ service.name }}' }, { desired: 3 }],
      [{ replicas: '99999999999' }, { desired: 3 }],
    ])('%j with nodes %j fails, and nothing is asked', async (given, nodes) => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      const error = await failure(given, context(undefined, nodes));
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toContain('scaling Deployment shop/web');
      expect(web.replicas).toBe(2);
      expect(cluster.requests).toEqual([]);
    });
  });

  describe('what an answer means', () => {
    const refusals: [status: number, read: Kind, written?: Kind][] = [
      [302, Permanent],
      [400, Permanent],
      [401, Permanent],
      [403, Permanent],
      [404, Permanent],
      [405, Permanent],
      [422, Permanent],
      [408, Retryable],
      [429, Retryable],
      [500, Retryable, Ambiguous],
      [503, Retryable],
      [504, Retryable, Ambiguous],
    ];

    it.each(refusals)('%i, when it is read, written or followed', async (status, kind, otherwise = kind) => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      const trouble = { status, message: `told ${TOKEN} so` };
      cluster.next.get.push(trouble);
      const read = await failure();
      cluster.next.put.push(trouble);
      const written = await failure();
      cluster.next.get.push(trouble);
      const followed = await follow().catch((error: Error) => error);
      for (const error of [read, followed]) expect(error).toBeInstanceOf(kind);
      expect(written).toBeInstanceOf(otherwise);
      for (const error of [read, written, followed]) {
        expect(error).toMatchObject({
          message: expect.stringMatching(/Deployment shop\/web.* told \*\*\* so/),
        });
      }
      expect(web.replicas).toBe(2);
    });

    it('waits as long as it is asked to', async () => {
      cluster.addWorkload('shop/deployments/web', 2);
      cluster.next.put.push({ status: 429, retryAfter: '7' });
      expect(await failure()).toMatchObject({ constructor: Retryable, retryAfterSeconds: 7 });
    });

    it('tells of a workload that is not there, and of a token that is wrong, in their words', async () => {
      expect(await failure()).toMatchObject({
        constructor: Permanent,
        message:
          'reading the scale of Deployment shop/web was answered 404 Not Found: deployments.apps "web" not found',
      });
      expect(await failure({ cluster: { server, token: 'wr0ng' } })).toMatchObject({
        constructor: Permanent,
        message: expect.stringContaining('401 Unauthorized: Unauthorized'),
      });
    });

    it.each(['NaN', '{}', '[]', 'null', '', '<html>', '{"kind":"Status"}'])(
      'takes %j for no success',
      async (raw) => {
        cluster.addWorkload('shop/deployments/web', 2);
        cluster.next.get.push({ raw });
        expect(await failure()).toBeInstanceOf(Retryable);
        cluster.next.put.push({ raw });
        expect(await failure()).toBeInstanceOf(Ambiguous);
      },
    );
  });

  it.each<[number, number | undefined, Kind, Kind]>([
    [200, 403, Permanent, Permanent],
    [201, 422, Permanent, Permanent],
    [200, 500, Ambiguous, Retryable],
    [200, 429, Retryable, Retryable],
    [200, undefined, Ambiguous, Retryable],
  ])('%i with a Status of failure (%s) in it is no success', async (status, code, kind, read) => {
    const web = cluster.addWorkload('shop/deployments/web', 2);
    const raw = JSON.stringify({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      message: 'not now',
      code,
    });
    cluster.next.put.push({ status, raw });
    expect(await failure()).toMatchObject({ constructor: kind, message: expect.stringContaining('not now') });
    cluster.next.get.push({ status: 200, raw });
    expect(await failure()).toBeInstanceOf(read);
    expect(web.replicas).toBe(2);
  });

  it('200 with a conflict in it is read again', async () => {
    const web = cluster.addWorkload('shop/deployments/web', 2);
    const raw = JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409 });
    cluster.next.put.push({ raw });
    await scale();
    expect(web.replicas).toBe(3);
  });

  const answered = (replicas: number) => ({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name: 'web', namespace: 'shop', uid: 'u', resourceVersion: '102' },
    spec: { replicas },
    status: { replicas: 2 },
  });

  it.each([2, 4])('a write that is answered with %i replicas was not done', async (replicas) => {
    cluster.addWorkload('shop/deployments/web', 2);
    cluster.next.put.push({ raw: JSON.stringify(answered(replicas)) });
    const error = await failure();
    expect(error).toBeInstanceOf(Permanent);
    expect(error.message).toContain(
      `setting Deployment shop/web to 3 was answered 200, but with ${replicas}`,
    );
  });

  it('any success is one, and without the scale in it the write may have been done', async () => {
    cluster.addWorkload('shop/deployments/web', 2);
    cluster.next.put.push({ status: 202, raw: JSON.stringify(answered(3)) });
    expect(await scale()).toMatchObject({ waiting: { replicas: 3 } });
    cluster.next.put.push({ status: 204, raw: '' });
    expect(await failure()).toBeInstanceOf(Ambiguous);
  });

  describe('when no answer comes', () => {
    it.each<KubernetesTrouble>([{ dropAfter: true }, { hangAfter: true }])(
      'to the write, it may have been done, and is safe to repeat: %j',
      async (trouble) => {
        const web = cluster.addWorkload('shop/deployments/web', 2);
        cluster.next.put.push(trouble);
        expect(await failure({}, context(AbortSignal.timeout(1_000)))).toBeInstanceOf(Ambiguous);
        expect(web.replicas).toBe(3);
        expect(action.idempotent()).toBe(true);
        await scale();
        expect(web.replicas).toBe(3);
      },
    );

    it('to the reading, nothing was done', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      cluster.next.get.push({ hangAfter: true });
      expect(await failure({}, context(AbortSignal.timeout(500)))).toBeInstanceOf(Retryable);
      cluster.next.get.push({ hangAfter: true });
      await expect(follow(undefined, {}, context(AbortSignal.timeout(500)))).rejects.toBeInstanceOf(
        Retryable,
      );
      expect(web.replicas).toBe(2);
    });

    it('because nobody is there, nothing was done', async () => {
      const nobody = { server: 'http://127.0.0.1:1', token: TOKEN };
      expect(await failure({ cluster: nobody })).toBeInstanceOf(Retryable);
      expect(await failure({}, context(AbortSignal.abort()))).toBeInstanceOf(Retryable);
      expect(cluster.requests).toEqual([]);
    });

    it('soon enough, a slow answer is taken', async () => {
      const web = cluster.addWorkload('shop/deployments/web', 2);
      cluster.next.get.push({ latencyMs: 100 });
      cluster.next.put.push({ latencyMs: 100 });
      await scale();
      expect(web.replicas).toBe(3);
    });
  });

  describe('TLS', () => {
    const secure = new KubernetesStandIn({ token: TOKEN }, GOOD);
    let secureServer: string;

    beforeAll(async () => {
      secureServer = await secure.start();
      secure.addWorkload('shop/deployments/web', 3);
    });

    afterAll(() => secure.stop());

    it('trusts the certificate that is given, and no other', async () => {
      const to = (ca?: string) => ({ cluster: { server: secureServer, token: TOKEN, ca } });
      await scale(to(GOOD.cert));
      expect(await failure(to(OTHER.cert))).toBeInstanceOf(Permanent);
      expect(await failure(to())).toBeInstanceOf(Permanent);
    });

    describe('in a pod', () => {
      const names = ['KUBERNETES_SERVICE_HOST', 'KUBERNETES_SERVICE_PORT'];
      const before = names.map((name) => [name, process.env[name]] as const);
      const pod = new KubernetesScale();
      let folder: string;

      beforeEach(() => {
        folder = mkdtempSync(join(tmpdir(), 'account-'));
        pod.accountFolder = folder;
        const { hostname, port } = new URL(secureServer);
        Object.assign(process.env, { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port });
        writeFileSync(join(folder, 'ca.crt'), GOOD.cert);
        writeFileSync(join(folder, 'token'), `${TOKEN}\n`);
      });

      afterEach(() => {
        rmSync(folder, { recursive: true });
        for (const [name, value] of before) {
          if (value === undefined) delete process.env[name];
          else process.env[name] = value;
        }
      });

      const inPod = () => pod.execute(paramsOf({ cluster: null }, context()), context());

      it("uses the pod's account, and reads its token at every call", async () => {
        await inPod();
        secure.token = 'renewed';
        await expect(inPod()).rejects.toBeInstanceOf(Permanent);
        writeFileSync(join(folder, 'token'), 'renewed');
        await inPod();
        secure.token = TOKEN;
      });

      it('tells no token that is echoed', async () => {
        secure.next.get.push({ status: 403, message: `no ${TOKEN}` });
        await expect(inPod()).rejects.toMatchObject({
          constructor: Permanent,
          message: expect.stringMatching(/403 Forbidden: no \*\*\*$/),
        });
      });

      it('says what is not there', async () => {
        rmSync(join(folder, 'token'));
        await expect(inPod()).rejects.toMatchObject({
          constructor: Permanent,
          message: expect.stringContaining(join(folder, 'token')),
        });
        delete process.env.KUBERNETES_SERVICE_HOST;
        await expect(inPod()).rejects.toMatchObject({
          constructor: Permanent,
          message: expect.stringContaining('KUBERNETES_SERVICE_HOST'),
        });
      });
    });
  });

  describe('params', () => {
    const right = { namespace: 'shop', name: 'web' };
    const there = { server: 'https://k8s.example:6443', token: 't' };

    it.each([
      [{ name: 'web' }, '/namespace'],
      [{ namespace: 'shop' }, '/name'],
      [{ ...right, namespace: 'a/b' }, '/namespace'],
      [{ ...right, name: '../x' }, '/name'],
      [{ ...right, name: '{{' }, '/name'],
      [{ ...right, kind: 'Pod' }, '/kind'],
      [{ ...right, replicas: 'three' }, '/replicas'],
      [{ ...right, replicas: '-1' }, '/replicas'],
      [{ ...right, cluster: { token: 't' } }, '/cluster/server'],
      [{ ...right, cluster: { server: there.server } }, '/cluster/token'],
      [{ ...right, cluster: { ...there, server: 'https://k8s.example/api' } }, '/cluster/server'],
      [{ ...right, cluster: { ...there, server: 'k8s.example' } }, '/cluster/server'],
      [{ ...right, cluster: { ...there, ca: 'PEM' } }, '/cluster/ca'],
    ])('%j is refused', (given, pointer) => {
      expect(check(KubernetesScaleParams, given).errors).toEqual([{ pointer, detail: expect.any(String) }]);
    });

    it('a name that is rendered into another path is not asked for', async () => {
      const during = context();
      const params = Object.assign(paramsOf({}, during), { name: 'web/../../secrets' });
      await expect(action.execute(params, during)).rejects.toBeInstanceOf(Permanent);
      expect(cluster.requests).toEqual([]);
    });
  });
});
