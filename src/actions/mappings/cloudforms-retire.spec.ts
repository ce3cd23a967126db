import { CloudFormsStandIn, type CloudFormsTrouble } from '../../../test/stand-ins/cloudforms';
import { check } from '../../common/check';
import {
  Ambiguous,
  Permanent,
  Retryable,
  Unreadable,
  type ActionContext,
  type ActionResult,
} from '../action';
import { rendered } from '../rendering';
import { CloudFormsRetire, CloudFormsRetireParams } from './cloudforms-retire.action';

const TAG = 'monitoredservice/web';
const PASSWORD = 's3cret';
const AUTO = { auto_approve: 'true' };

describe('cloudforms_retire', () => {
  const action = new CloudFormsRetire();
  const cloudForms = new CloudFormsStandIn('monscale', PASSWORD);
  let url: string;

  beforeAll(async () => {
    url = await cloudForms.start();
  });

  beforeEach(() => cloudForms.clear());

  afterAll(() => cloudForms.stop());

  const context = (
    signal: AbortSignal = AbortSignal.timeout(5_000),
    nodes: object = { current: 4, desired: 2, delta: -2 },
  ): ActionContext => ({
    signal,
    timeoutMs: 5_000,
    now: new Date(),
    executionId: 'e-1',
    variables: { service: { name: 'web' }, nodes },
  });

  function paramsOf(given: object = {}, during = context()): CloudFormsRetireParams {
    const base = {
      url,
      username: 'monscale',
      password: PASSWORD,
      tag: 'monitoredservice/{{ service.name }}',
    };
    const { value, errors } = check(CloudFormsRetireParams, { ...base, requester: AUTO, ...given });
    expect(errors).toEqual([]);
    return rendered(CloudFormsRetireParams, value!, during.variables);
  }

  const retire = (given: object = {}, during = context()) => action.execute(paramsOf(given, during), during);
  const failure = (given: object = {}, during = context()): Promise<Error> =>
    retire(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );
  const follow = ({ waiting }: ActionResult) =>
    action.follow(paramsOf(), JSON.parse(JSON.stringify(waiting)), context());
  const asked = () => cloudForms.requests.map(({ fields }) => fields.parameters!.vmid);
  const addVms = (count: number) => {
    for (let number = 1; number <= count; number++) cloudForms.addVm(`web-${number}`, TAG);
    return cloudForms.vms.map(({ id }) => id);
  };

  describe.each(['soap', 'rest'])('over %s', (api) => {
    /** Over REST a list ends with a page that is empty. */
    const LIST = api === 'soap' ? [{}] : [{}, {}];

    it('the newest go, as many as the trigger takes away, and it waits until they have gone', async () => {
      const ids = addVms(12);
      const accepted = await retire({ api });
      expect(asked()).toEqual([ids[11], ids[10]]);
      expect(accepted.detail).toMatch(/^asked to retire web-12.*, web-11/);
      expect((await follow(accepted)).waiting).toEqual(accepted.waiting);
      cloudForms.tick();
      cloudForms.tick();
      expect(await follow(accepted)).toEqual({ detail: expect.stringMatching(/web-12.*web-11/) });
      expect(cloudForms.vms.filter(({ retired }) => retired).map(({ name }) => name)).toEqual([
        'web-11',
        'web-12',
      ]);
    });

    it('only living ones with the tag go', async () => {
      const living = cloudForms.addVm('web-1', TAG, { powerState: 'off' });
      cloudForms.addVm('db-1', 'monitoredservice/db');
      cloudForms.addVm('web-2', TAG, { retired: true });
      cloudForms.addVm('web-3', TAG, { emsId: null });
      cloudForms.addVm('web-4', TAG, { powerState: 'terminated' });
      const { detail } = await retire({ api, count: 3 });
      expect(asked()).toEqual([living.id]);
      expect(detail).toMatch(/; 3 were wanted, and no more live$/);
    });

    it('none is permanent, and says so', async () => {
      const error = await failure({ api });
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toMatch(/no living machine at .* carries monitoredservice\/web$/);
    });

    it('a list of hundreds is read whole', async () => {
      const ids = addVms(350);
      await retire({ api, count: 1 });
      expect(asked()).toEqual([ids.at(-1)]);
      cloudForms.clear();
      addVms(350);
      const { waiting } = await retire({ api, count: 101 });
      expect(waiting!.retiring).toHaveLength(101);
    });

    it('what fails before the first was asked for was surely not done', async () => {
      addVms(1);
      const troubles: CloudFormsTrouble[] = [
        { dropAfter: true },
        { status: 500, raw: '<html>' },
        { status: 504 },
        { fault: 'execution expired', faultType: 'Timeout::Error' },
        { raw: '<html>login</html>' },
        { raw: '' },
      ];
      for (const trouble of troubles) {
        cloudForms.next.push(trouble);
        expect(await failure({ api })).toBeInstanceOf(Retryable);
      }
      cloudForms.next.push({ hangAfter: true });
      expect(await failure({ api }, context(AbortSignal.timeout(200)))).toBeInstanceOf(Retryable);
      expect(await failure({ api, url: 'http://127.0.0.1:1' })).toBeInstanceOf(Retryable);
      expect(await failure({ api, password: 'wr0ng' })).toBeInstanceOf(Permanent);
      expect(cloudForms.requests).toHaveLength(0);
    });

    it.each([
      [{ dropAfter: true }, Ambiguous, 1],
      [{ status: 502, raw: '<html>' }, Ambiguous, 0],
      [{ status: 503 }, Retryable, 0],
      [{ status: 403 }, Permanent, 0],
      [{ raw: '<html>' }, Ambiguous, 0],
    ])('the first that is answered by %j', async (trouble, kind, made) => {
      addVms(2);
      cloudForms.next.push(...LIST, trouble);
      const error = await failure({ api });
      expect(error).toBeInstanceOf(kind);
      expect(cloudForms.requests).toHaveLength(made);
    });

    it('once one was asked for, it is never begun anew', async () => {
      addVms(3);
      for (const [trouble, kind] of [
        [{ status: 503 }, Permanent],
        [{ dropAfter: true }, Ambiguous],
      ] as const) {
        cloudForms.next.push(...LIST, {}, trouble);
        const error = await failure({ api });
        expect(error).toBeInstanceOf(kind);
        expect(error.message).toMatch(/^1 of 2 machines were asked to retire \(web-3.*\); then /);
      }
    });

    it('an end in error is permanent', async () => {
      addVms(1);
      const accepted = await retire({ api });
      cloudForms.failsWith = 'not allowed here';
      cloudForms.tick();
      cloudForms.tick();
      const following = follow(accepted);
      await expect(following).rejects.toBeInstanceOf(Permanent);
      await expect(following).rejects.toThrow(/not allowed here/);
    });

    it('what keeps us from asking ends nothing', async () => {
      addVms(1);
      const accepted = await retire({ api });
      for (const trouble of [{ status: 401 }, { status: 500 }, { dropAfter: true }, { raw: 'NaN' }]) {
        cloudForms.next.push(trouble);
        await expect(follow(accepted)).rejects.toBeInstanceOf(Retryable);
      }
    });

    it('the preview shows both requests, without credentials', () => {
      const preview = action.preview(paramsOf({ api }), context());
      expect(preview).toMatchObject({
        count: 2,
        find: { url: expect.stringMatching(url) },
        each: { method: 'POST' },
      });
      expect(JSON.stringify(preview)).toContain(
        api === 'soap' ? 'vmid=&lt;id&gt;|request_type=vm_retired' : 'request_retire',
      );
      expect(JSON.stringify(preview)).not.toMatch(/s3cret|Basic/);
    });

    it.each([
      [undefined, { delta: -3 }, 3],
      [undefined, { delta: 0 }, 1],
      [undefined, {}, 1],
      ['{{ nodes.delta | abs }}', { delta: -2 }, 2],
      [1, { delta: -2 }, 1],
    ])('count %j with nodes %j retires %i', async (count, nodes, wanted) => {
      addVms(4);
      await retire({ api, count }, context(undefined, nodes));
      expect(asked()).toHaveLength(wanted);
    });

    it.each(['{{ nodes.delta }}', '{{ nodes.none }}', '{{ service.name }}'])(
      'count %s is permanent',
      async (count) => {
        addVms(4);
        expect(await failure({ api, count })).toBeInstanceOf(Permanent);
        expect(cloudForms.calls).toEqual([]);
      },
    );

    it('a tag that is rendered to none is permanent', async () => {
      addVms(1);
      for (const tag of ['monitoredservice/{{ service.none }}', '{{ service.none }}']) {
        expect(await failure({ api, tag })).toBeInstanceOf(Permanent);
      }
      expect(cloudForms.calls).toEqual([]);
    });
  });

  describe('over SOAP', () => {
    it('a person approves or denies', async () => {
      addVms(2);
      const accepted = await retire({ requester: { user_name: 'admin' } });
      const [first, second] = cloudForms.requests.map(({ id }) => id) as [string, string];
      cloudForms.approve(first);
      cloudForms.tick();
      cloudForms.tick();
      expect((await follow(accepted)).detail).toMatch(
        /is done: Task complete; request \d+ \(web-1\) waits for approval/,
      );
      cloudForms.deny(second, 'needed');
      const following = follow(accepted);
      await expect(following).rejects.toBeInstanceOf(Permanent);
      await expect(following).rejects.toThrow(/\(web-1\) was denied: needed$/);
      expect(action.waitsAtMost(paramsOf({ requester: {} }))).toBe(7 * 86_400);
    });

    it('what came of a request that is deleted nobody can tell, once the others have ended', async () => {
      addVms(2);
      const accepted = await retire({ requester: AUTO });
      cloudForms.requests.shift();
      expect((await follow(accepted)).waiting).toBeDefined();
      cloudForms.tick();
      cloudForms.tick();
      const following = follow(accepted);
      await expect(following).rejects.toBeInstanceOf(Unreadable);
      await expect(following).rejects.toThrow(/^web-2: .* can't be told; request \d+ \(web-1\) is done/);
    });

    it('the automation is the one that is named', async () => {
      const [vmid] = addVms(1);
      await retire({ uriParts: { namespace: 'Acme', instance: '{{ service.name }}' } });
      expect(cloudForms.requests[0]!.fields).toEqual({
        uriParts: { namespace: 'Acme', instance: 'web' },
        parameters: { vmid, request_type: 'vm_retired', monscale_execution: 'e-1' },
        requester: AUTO,
      });
    });

    it('a value that would end itself is refused before anything is asked for', async () => {
      addVms(1);
      const params = paramsOf();
      params.uriParts = { namespace: 'a|b=c' };
      await expect(action.execute(params, context())).rejects.toBeInstanceOf(Permanent);
      expect(cloudForms.requests).toHaveLength(0);
    });
  });

  describe('over REST', () => {
    it('versions that only know the older word are asked with it', async () => {
      addVms(1);
      cloudForms.without.add('request_retire');
      await retire({ api: 'rest' });
      expect(asked()).toHaveLength(1);
    });

    it('a machine that is gone is retired', async () => {
      addVms(1);
      const accepted = await retire({ api: 'rest' });
      cloudForms.vms.length = 0;
      expect(await follow(accepted)).toEqual({ detail: 'web-1 is gone' });
    });

    it.each([
      ['a page of a gateway', { status: 404, raw: '<html>404 Not Found</html>' }],
      ['JSON of something else', { status: 404, raw: '{"message": "no route"}' }],
      ['an empty body', { status: 404, raw: '' }],
    ])('%s that says 404 is not taken for a machine that is gone', async (_, trouble) => {
      addVms(1);
      const accepted = await retire({ api: 'rest' });
      cloudForms.next.push(...Array<typeof trouble>(2).fill(trouble));
      await expect(follow(accepted)).rejects.toBeInstanceOf(Retryable);
    });

    it('a machine that is not found by its id and still lives is waited for', async () => {
      const [id] = addVms(1);
      const accepted = await retire({ api: 'rest' });
      const error = {
        kind: 'not_found',
        message: `Couldn't find Vm with 'id'=${id}`,
        klass: 'ActiveRecord::RecordNotFound',
      };
      cloudForms.next.push({}, { status: 404, raw: JSON.stringify({ error }) });
      expect(await follow(accepted)).toMatchObject({
        waiting: accepted.waiting,
        detail: expect.stringMatching(/web-1 is not found by its id, and lives$/),
      });
    });

    it.each([
      [{ kind: 'forbidden', message: 'Use of Action request_retire is forbidden' }, Permanent],
      [{ kind: 'bad_request', message: 'not allowed' }, Permanent],
      [{ kind: 'internal_server_error', message: 'deadlock' }, Ambiguous],
      [{ message: 'nobody knows' }, Ambiguous],
    ])('an error inside 200 is one: %j', async (error, kind) => {
      addVms(1);
      cloudForms.next.push({}, {}, { raw: JSON.stringify({ error }) });
      const thrown = await failure({ api: 'rest' });
      expect(thrown).toBeInstanceOf(kind);
      expect(thrown.message).toContain(error.message);
    });

    it('a refusal inside 200 is permanent', async () => {
      addVms(1);
      cloudForms.next.push({}, {}, { raw: '{"success":false,"message":"Vm id: 1 is already retired"}' });
      const error = await failure({ api: 'rest' });
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toMatch(/already retired$/);
    });
  });

  it.each([
    [{ tag: 'web' }, '/tag'],
    [{ tag: 'a/b c/d' }, '/tag'],
    [{ count: 0 }, '/count'],
    [{ count: '0' }, '/count'],
    [{ count: '-1' }, '/count'],
    [{ uriParts: { namespace: 'a|b' } }, '/uriParts/namespace'],
    [{ requester: { user_name: 'a|b' } }, '/requester/user_name'],
  ])('%j is refused when it is saved', (given, pointer) => {
    const base = { url: 'https://h', username: 'u', password: 'p', tag: TAG };
    const { errors } = check(CloudFormsRetireParams, { ...base, ...given });
    expect(errors).toMatchObject(pointer === undefined ? [] : [{ pointer }]);
  });
});
