import { CloudFormsStandIn, type CloudFormsTrouble } from '../../../test/stand-ins/cloudforms';
import { WebhookSink } from '../../../test/stand-ins/webhook-sink';
import { GOOD } from '../../../test/stand-ins/certificates';
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
import { CloudFormsProvision, CloudFormsProvisionParams } from './cloudforms-provision.action';

const EXECUTION = '01900000-0000-7000-8000-000000000001';
const PASSWORD = 's3cret:ñ';
const OWNER = { owner_email: 'ops@example.com', owner_first_name: 'Op', owner_last_name: 'S' };

describe('cloudforms_provision', () => {
  const action = new CloudFormsProvision();
  const cloudForms = new CloudFormsStandIn('monscale', PASSWORD);
  let url: string;

  beforeAll(async () => {
    url = await cloudForms.start();
  });

  beforeEach(() => cloudForms.clear());

  afterAll(() => cloudForms.stop());

  const context = (signal: AbortSignal = AbortSignal.timeout(5_000)): ActionContext => ({
    signal,
    timeoutMs: 5_000,
    now: new Date(),
    executionId: EXECUTION,
    variables: { service: { name: 'web' }, nodes: { current: 2, desired: 4, delta: 2 } },
  });

  function paramsOf(given: object = {}): CloudFormsProvisionParams {
    const { value, errors } = check(CloudFormsProvisionParams, {
      url,
      username: 'monscale',
      password: PASSWORD,
      templateFields: { name: 'rhel6' },
      vmFields: { vm_name: '{{ service.name }}', vlan: 'prod', number_of_vms: '{{ nodes.delta }}' },
      requester: OWNER,
      tags: { monitoredservice: 'web' },
      ...given,
    });
    expect(errors).toEqual([]);
    return rendered(CloudFormsProvisionParams, value!, context().variables);
  }

  const provision = (given: object = {}, during = context()) => action.execute(paramsOf(given), during);
  const failure = (given: object = {}, during = context()): Promise<Error> =>
    provision(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );
  const follow = ({ waiting }: ActionResult, given: object = {}) =>
    action.follow(paramsOf(given), JSON.parse(JSON.stringify(waiting)), context());

  describe.each(['soap', 'rest'])('over %s', (api) => {
    it('it waits for approval and for the end, and then is done', async () => {
      const accepted = await provision({ api });
      const { id } = cloudForms.requests[0]!;
      expect(accepted).toEqual({
        waiting: { api, request: id },
        detail: `request ${id} waits for approval`,
      });
      cloudForms.tick();
      expect(await follow(accepted)).toEqual(accepted);
      cloudForms.approve(id);
      cloudForms.tick();
      expect(await follow(accepted)).toEqual({
        waiting: accepted.waiting,
        detail: `request ${id} is active: In Process`,
      });
      cloudForms.tick();
      expect(await follow(accepted)).toEqual({ detail: `request ${id} is done: Task complete` });
      expect(cloudForms.vms.map(({ tags }) => tags)).toEqual([
        ['monitoredservice/web'],
        ['monitoredservice/web'],
      ]);
    });

    it('what was asked for arrives as it was written, with the id of the execution', async () => {
      const odd = ' <b>&amp;"\'=]]> ñ 😀\nsecond';
      await provision({
        api,
        additionalValues: { Note: odd, n: 7 },
        requester: { ...OWNER, auto_approve: 'true' },
      });
      const [{ fields, approval } = { fields: {} }] = cloudForms.requests;
      expect(approval).toBe('approved');
      const note = api === 'soap' ? { note: odd.trim() } : { Note: odd };
      expect(fields).toEqual({
        templateFields: { name: 'rhel6' },
        vmFields: { vm_name: 'web', vlan: 'prod', number_of_vms: '2' },
        requester: { ...OWNER, auto_approve: 'true' },
        tags: { monitoredservice: 'web' },
        additionalValues: { ...note, n: '7', monscale_execution: EXECUTION },
      });
    });

    it('a person who denies it ends it, with the reason', async () => {
      const accepted = await provision({ api });
      const { id } = cloudForms.requests[0]!;
      cloudForms.deny(id, `no budget for ${PASSWORD}`);
      const error = await follow(accepted).catch((thrown: Error) => thrown);
      expect(error).toBeInstanceOf(Permanent);
      expect(error).toMatchObject({ message: `request ${id} was denied: no budget for ***` });
    });

    it('an end in error is permanent, with its own message', async () => {
      const accepted = await provision({ api, requester: { ...OWNER, auto_approve: 'true' } });
      cloudForms.failsWith = 'Task completed with errors: disk full';
      cloudForms.tick();
      cloudForms.tick();
      const following = follow(accepted);
      await expect(following).rejects.toBeInstanceOf(Permanent);
      await expect(following).rejects.toThrow(/ended with Error: Task completed with errors: disk full$/);
    });

    it('what came of a request that is deleted nobody can tell; all else that keeps us from asking passes', async () => {
      const accepted = await provision({ api });
      const troubles: CloudFormsTrouble[] = [
        { status: 401 },
        { status: 500, raw: '<html>' },
        { status: 302 },
        { fault: 'PG::ConnectionBad' },
        { raw: '<html>login</html>' },
        { dropAfter: true },
      ];
      for (const trouble of troubles) {
        cloudForms.next.push(trouble);
        await expect(follow(accepted)).rejects.toBeInstanceOf(Retryable);
      }
      cloudForms.requests.length = 0;
      await expect(follow(accepted)).rejects.toBeInstanceOf(Unreadable);
    });

    it.each([
      ['no template', { templateFields: { name: 'none' } }, /No source template/],
      ['a field that is missing', { requester: {} }, /Provision failed .*'Request\/E-Mail' is required/],
      ['an unknown user', { requester: { ...OWNER, user_name: 'nobody' } }, /userid/],
      ['a wrong password', { password: 'wr0ng' }, /401/],
    ])('%s is permanent, and no secret is told', async (_, given, message) => {
      const error = await failure({ api, ...given });
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toMatch(message);
      expect(error.message).not.toMatch(/s3cret|wr0ng|Basic [A-Za-z0-9]{8}/);
      expect(error.cause).toBeUndefined();
      expect(cloudForms.requests).toHaveLength(0);
    });

    it('what CloudForms echoes of our credentials is masked', async () => {
      const basic = Buffer.from(`monscale:${PASSWORD}`).toString('base64');
      cloudForms.next.push({ fault: `Validation failed: Authorization: Basic ${basic} ${PASSWORD}` });
      expect((await failure({ api })).message).toMatch(/Basic \*\*\* \*\*\*$/);
    });

    const statuses: [number, typeof Permanent | typeof Retryable | typeof Ambiguous][] = [
      [302, Permanent],
      [400, Permanent],
      [403, Permanent],
      [404, Permanent],
      [408, Ambiguous],
      [429, Retryable],
      [500, Ambiguous],
      [502, Ambiguous],
      [503, Retryable],
      [504, Ambiguous],
    ];

    it.each(statuses)('%i', async (status, kind) => {
      cloudForms.next.push({ status, raw: '<html>Error</html>', headers: { 'retry-after': '7' } });
      const error = await failure({ api });
      expect(error).toBeInstanceOf(kind);
      if (error instanceof Retryable) expect(error.retryAfterSeconds).toBe(7);
      expect(cloudForms.requests).toHaveLength(0);
    });

    it('trouble of the appliance leaves open whether it was done', async () => {
      cloudForms.next.push({
        fault: 'PG::UnableToSend: no connection',
        faultType: 'ActiveRecord::StatementInvalid',
      });
      expect(await failure({ api })).toBeInstanceOf(Ambiguous);
    });

    it('an answer that is none of CloudForms leaves open whether it was done', async () => {
      for (const raw of ['', 'NaN', '<html><body>Log in</body></html>', '{}', '[]', '<a>']) {
        cloudForms.next.push({ raw });
        expect(await failure({ api })).toBeInstanceOf(Ambiguous);
      }
    });

    it('a timeout before it is sent is retried, one after it is not', async () => {
      expect(await failure({ api, url: 'http://127.0.0.1:1' })).toBeInstanceOf(Retryable);
      expect(await failure({ api }, context(AbortSignal.abort()))).toBeInstanceOf(Retryable);
      expect(cloudForms.requests).toHaveLength(0);
      cloudForms.next.push({ hangAfter: true });
      expect(await failure({ api }, context(AbortSignal.timeout(200)))).toBeInstanceOf(Ambiguous);
      expect(cloudForms.requests).toHaveLength(1);
      cloudForms.next.push({ latencyMs: 500 });
      expect(await failure({ api }, context(AbortSignal.timeout(100)))).toBeInstanceOf(Ambiguous);
    });

    it('the preview shows the request that is sent, without credentials', async () => {
      const preview = action.preview(paramsOf({ api }), context()) as { url: string; body: unknown };
      await provision({ api });
      expect(preview.url).toBe(url + (api === 'soap' ? '/vmdbws/api' : '/api/provision_requests'));
      const body = typeof preview.body === 'string' ? preview.body : JSON.stringify(preview.body);
      expect(body).toBe(cloudForms.lastBody);
      expect(JSON.stringify(preview)).not.toMatch(/s3cret|Basic/);
    });

    it('waits a day when nobody needs to approve, else a week', () => {
      expect(action.waitsAtMost(paramsOf({ api, requester: { auto_approve: 'true' } }))).toBe(86_400);
      expect(action.waitsAtMost(paramsOf({ api }))).toBe(7 * 86_400);
    });
  });

  describe('when the connection is cut after it was done', () => {
    it('over SOAP nobody can tell, and there is one request', async () => {
      cloudForms.next.push({ dropAfter: true });
      expect(await failure()).toBeInstanceOf(Ambiguous);
      expect(cloudForms.requests).toHaveLength(1);
      expect(await action.verify(paramsOf(), context())).toBe('unknown');
    });

    it('over REST the request is found by its execution and followed', async () => {
      for (let other = 0; other < 150; other++)
        await provision({ api: 'rest' }, { ...context(), executionId: `o${other}` });
      cloudForms.next.push({ dropAfter: true });
      const { waiting } = await provision({ api: 'rest' });
      expect(waiting).toEqual({ api: 'rest', request: cloudForms.requests[150]!.id });
      expect(cloudForms.requests).toHaveLength(151);
    });

    it.each([
      { results: [{ success: false, message: 'over quota' }] },
      { error: { kind: 'forbidden', message: 'over quota' } },
      { error: { kind: 'bad_request', message: 'over quota' } },
      { error: { kind: 'internal_server_error', message: 'Validation failed: over quota' } },
    ])('over REST a failure inside 200 is one: %j', async (body) => {
      cloudForms.next.push({ raw: JSON.stringify(body) });
      expect(await failure({ api: 'rest' })).toMatchObject({
        constructor: Permanent,
        message: expect.stringMatching(/over quota$/),
      });
    });

    it('over REST a request that was never made is not taken for one', async () => {
      cloudForms.next.push({ status: 502, raw: '<html>' });
      expect(await failure({ api: 'rest' })).toBeInstanceOf(Ambiguous);
      expect(await action.verify(paramsOf({ api: 'rest' }), context())).toBe('unknown');
    });

    it("over REST another's request under its id is not taken for it", async () => {
      const accepted = await provision({ api: 'rest' });
      const [request] = cloudForms.requests;
      request!.fields = { additionalValues: { monscale_execution: 'another' } };
      Object.assign(request!, { approval: 'approved', state: 'finished' });
      await expect(follow(accepted)).rejects.toBeInstanceOf(Unreadable);
      const others = {
        id: '7',
        request_state: 'active',
        options: { ws_values: { monscale_execution: 'x' } },
      };
      cloudForms.next.push({ status: 200, raw: JSON.stringify({ results: [others] }) });
      expect(await failure({ api: 'rest' })).toBeInstanceOf(Ambiguous);
    });

    it('over REST it can be asked later what became of it', async () => {
      const params = paramsOf({ api: 'rest', requester: { ...OWNER, auto_approve: 'true' } });
      await action.execute(params, context());
      const waiting = { api: 'rest', request: expect.stringMatching(/^\d+$/) };
      expect(await action.verify(params, context())).toEqual({ waiting });
      cloudForms.tick();
      cloudForms.tick();
      expect(await action.verify(params, context())).toBe('succeeded');
      cloudForms.requests[0]!.status = 'Error';
      expect(await action.verify(params, context())).toBe('failed');
    });
  });

  describe('where VmProvisionRequest is missing', () => {
    beforeEach(() => cloudForms.without.add('VmProvisionRequest'));

    it('the older call is used; it can be followed by nobody', async () => {
      const result = await provision();
      expect(result.waiting).toBeUndefined();
      expect(result.detail).toMatch(/accepted it; this version tells no request to follow/);
      expect(cloudForms.calls).toEqual(['EVMProvisionRequestEx']);
      expect(cloudForms.requests[0]!.fields).toMatchObject({
        tags: { monitoredservice: 'web' },
        additionalValues: { monscale_execution: EXECUTION },
      });
    });

    it('a connection that is cut leaves open whether it was done', async () => {
      cloudForms.next.push({}, { dropAfter: true });
      expect(await failure()).toBeInstanceOf(Ambiguous);
      expect(cloudForms.requests).toHaveLength(1);
    });
  });

  describe('SOAP as the appliance has it', () => {
    it('500 for what it does not understand is permanent', async () => {
      cloudForms.next.push({
        status: 500,
        raw: 'Internal protocol error: Malformed SOAP\nBacktrace:\nfile.rb:1',
      });
      const error = await failure();
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).toMatch(/Malformed SOAP$/);
    });

    it('another 500 says that the password may be wrong', async () => {
      cloudForms.next.push({ status: 500, raw: '<html>Application error' });
      expect((await failure()).message).toMatch(/the user or password may be wrong/);
    });

    it('a value that would end itself is refused: when saved, and when rendered', async () => {
      const bad = { vmFields: { vm_name: 'web|vlan=other' }, requester: { auto_approve: '1|2' } };
      const given = { url, username: 'u', password: 'p', templateFields: { name: 't' } };
      expect(check(CloudFormsProvisionParams, { ...given, ...bad }).errors).toEqual([
        { pointer: '/vmFields/vm_name', detail: expect.stringContaining('must not hold |') },
        { pointer: '/requester/auto_approve', detail: expect.stringContaining('must not hold |') },
      ]);
      expect(check(CloudFormsProvisionParams, { ...given, ...bad, api: 'rest' }).errors).toEqual([]);
      const params = paramsOf({ vmFields: { vm_name: '{{ service.name | append: "x" }}' } });
      params.vmFields = { vm_name: 'web|vlan=other' };
      const acting = action.execute(params, context());
      await expect(acting).rejects.toBeInstanceOf(Permanent);
      await expect(acting).rejects.toThrow(/vmFields\.vm_name must not hold \|/);
      expect(cloudForms.calls).toEqual([]);
    });

    it('a character that no XML can hold is refused', async () => {
      const params = paramsOf();
      params.tags = { note: 'a\u0007b' };
      await expect(action.execute(params, context())).rejects.toThrow(/tags\.note holds a character/);
    });
  });

  it.each([
    ['a path in the url', { url: 'https://h/vmdbws' }, '/url'],
    ['a colon in the user', { username: 'a:b' }, '/username'],
    ['version 1.0', { version: '1.0' }, '/version'],
    ['a key that would part itself', { tags: { 'a=b': 'c' } }, '/tags/a=b'],
    ['a key twice', { tags: { Cat: 'a', cat: 'b' } }, '/tags/cat'],
    [
      'our own value',
      { additionalValues: { Monscale_execution: 'x' } },
      '/additionalValues/Monscale_execution',
    ],
  ])('%s is refused when it is saved', (_, given, pointer) => {
    const base = { url: 'https://h', username: 'u', password: 'p', templateFields: { name: 't' } };
    expect(check(CloudFormsProvisionParams, { ...base, ...given }).errors).toMatchObject([{ pointer }]);
  });

  it('a url that is rendered wrong is permanent', async () => {
    const params = Object.assign(paramsOf(), { url: 'ftp://h' });
    await expect(action.execute(params, context())).rejects.toBeInstanceOf(Permanent);
  });

  it('a certificate that is not trusted is permanent, and may be trusted by tls', async () => {
    const sink = new WebhookSink(GOOD);
    const secure = await sink.start();
    try {
      expect(await failure({ url: secure })).toBeInstanceOf(Permanent);
      expect(sink.requests).toHaveLength(0);
      expect(await failure({ url: secure, tls: { ca: GOOD.cert } })).toBeInstanceOf(Ambiguous);
      expect(sink.requests).toHaveLength(1);
    } finally {
      await sink.stop();
    }
  });
});
