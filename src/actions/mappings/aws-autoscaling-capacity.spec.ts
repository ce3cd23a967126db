import { AutoScalingStandIn, type Group } from '../../../test/stand-ins/autoscaling';
import type { AwsTrouble } from '../../../test/stand-ins/aws-query';
import { check } from '../../common/check';
import { Ambiguous, NotYet, Permanent, Retryable, type ActionContext, type ActionResult } from '../action';
import { rendered } from '../rendering';
import { AwsAutoscalingCapacity, AwsAutoscalingCapacityParams } from './aws-autoscaling-capacity.action';

const SECRET = 's3cret+/=';

describe('aws_autoscaling_capacity', () => {
  const action = new AwsAutoscalingCapacity();
  const aws = new AutoScalingStandIn({ AKIDEXAMPLE: SECRET });
  let endpoint: string;
  let group: Group;

  beforeAll(async () => {
    endpoint = await aws.start();
  });

  beforeEach(() => {
    aws.groups.clear();
    aws.changes.length = 0;
    aws.next.length = 0;
    aws.requests = 0;
    aws.now = () => Date.now();
    group = { region: 'eu-west-1', minSize: 1, maxSize: 5, desiredCapacity: 2 };
    aws.groups.set('web', group);
  });

  afterAll(() => aws.stop());

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

  function paramsOf(given: object, during: ActionContext): AwsAutoscalingCapacityParams {
    const { value, errors } = check(AwsAutoscalingCapacityParams, {
      groupName: 'web',
      region: 'eu-west-1',
      endpoint,
      accessKeyId: 'AKIDEXAMPLE',
      secretAccessKey: SECRET,
      ...given,
    });
    expect(errors).toEqual([]);
    return rendered(AwsAutoscalingCapacityParams, value!, during.variables);
  }

  const scale = (given: object = {}, during = context(), by = action): Promise<ActionResult> =>
    by.execute(paramsOf(given, during), during);
  const failure = (given: object = {}, during = context()): Promise<Error> =>
    scale(given, during).then(
      () => Promise.reject(new Error('it succeeded')),
      (error: Error) => error,
    );

  describe('what it does', () => {
    it('sets nodes.desired, signed', async () => {
      expect(await scale()).toEqual({ detail: '2 -> 3' });
      expect(aws.changes).toEqual([{ name: 'web', desiredCapacity: 3, honorCooldown: false }]);
    });

    it('sets what its template says, of the group its template names', async () => {
      aws.groups.set('web & co', { ...group });
      await scale({ groupName: '{{ service.name }} & co', desiredCapacity: '{{ nodes.current | plus: 2 }}' });
      expect(aws.changes).toMatchObject([{ name: 'web & co', desiredCapacity: 4 }]);
    });

    it.each([
      [9, 5],
      [0, 1],
    ])('of %i wanted it sets %i, for the group takes no other, and says so', async (wanted, set) => {
      expect(await scale({ desiredCapacity: wanted })).toEqual({
        detail: `2 -> ${set}; ${wanted} was wanted, the group takes 1 to 5`,
      });
      expect(group.desiredCapacity).toBe(set);
    });

    it('sets nothing that is set already', async () => {
      await scale();
      expect(await scale()).toEqual({ detail: '3 -> 3' });
      expect(aws.changes).toHaveLength(1);
    });

    it('waits for the cooldown if it is told to', async () => {
      group.cooldownUntil = Date.now() + 60_000;
      expect(await failure({ honorCooldown: true })).toMatchObject({
        constructor: NotYet,
        withinSeconds: 3_900,
        message: expect.stringContaining('ScalingActivityInProgress'),
      });
      await scale({ honorCooldown: false });
      group.cooldownUntil = 0;
      await scale({ honorCooldown: true, desiredCapacity: 4 });
      expect(aws.changes).toMatchObject([{ honorCooldown: false }, { honorCooldown: true }]);
    });

    it('knows a group of a thousand instances', async () => {
      Object.assign(group, { instances: 1_000, maxSize: 2_000 });
      await scale({ desiredCapacity: 1_001 });
      expect(group.desiredCapacity).toBe(1_001);
    });

    it('is what the preview shows, without credentials', () => {
      const preview = action.preview(paramsOf({}, context()), context());
      expect(preview).toEqual({
        endpoint,
        AutoScalingGroupName: 'web',
        DesiredCapacity: 3,
        HonorCooldown: false,
      });
    });
  });

  it.each([
    [{}, { desired: null }],
    [{}, {}],
    [{ desiredCapacity: '{{ nodes.other }}' }, { desired: 3 }],
    [{ desiredCapacity: '{{ nodes.desired | minus: 4 }}' }, { desired: 3 }],
    [{ groupName: '{{ nodes.other }}' }, { desired: 3 }],
  ])('%j with nodes %j names nothing to set, and nothing is asked', async (given, nodes) => {
    expect(await failure(given, context(undefined, nodes))).toBeInstanceOf(Permanent);
    expect(aws.requests).toBe(0);
  });

  describe('what an answer means', () => {
    type Kind = new (message: string) => Error;
    const refusals: [status: number, code: string, read: Kind, written?: Kind][] = [
      [400, 'ValidationError', Permanent],
      [403, 'AccessDenied', Permanent],
      [403, 'InvalidClientTokenId', Permanent],
      [403, 'ExpiredToken', Permanent],
      [400, 'Throttling', Retryable],
      [400, 'RequestLimitExceeded', Retryable],
      [400, 'RequestExpired', Retryable],
      [400, 'ScalingActivityInProgress', Permanent, NotYet],
      [500, 'ResourceContention', Retryable, NotYet],
      [429, 'Whatever', Retryable],
      [500, 'InternalFailure', Retryable, Ambiguous],
      [503, 'ServiceUnavailable', Retryable],
      [502, 'BadGateway', Retryable, Ambiguous],
      [504, 'GatewayTimeout', Retryable, Ambiguous],
    ];

    it.each(refusals)('%i %s', async (status, code, read, written = read) => {
      aws.next.push({ status, code });
      expect(await failure()).toMatchObject({
        constructor: read,
        message: expect.stringContaining('reading group web of eu-west-1'),
      });
      aws.next.push({}, { status, code });
      expect(await failure()).toMatchObject({
        constructor: written,
        message: expect.stringContaining('setting group web of eu-west-1 to 3'),
      });
      expect(group.desiredCapacity).toBe(2);
      expect(aws.requests).toBe(3);
    });

    const nonsense: AwsTrouble[] = [{ raw: 'NaN' }, { raw: '<html>Welcome</html>' }, { raw: '' }];

    it.each(nonsense)('%j is no success', async (trouble) => {
      aws.next.push(trouble);
      expect(await failure()).toBeInstanceOf(Retryable);
      aws.next.push({}, trouble);
      expect(await failure()).toBeInstanceOf(Ambiguous);
    });

    it.each([
      ['a wrong secret', { secretAccessKey: 'wr0ng' }],
      ['an unknown key', { accessKeyId: 'AKIDUNKNOWN' }],
      ['an unknown group', { groupName: 'other' }],
      ['a group of another region', { region: 'us-east-2' }],
    ])('%s is permanent, and no secret is told', async (_, given) => {
      const error = await failure(given);
      expect(error).toBeInstanceOf(Permanent);
      expect(error.message).not.toMatch(/s3cret|wr0ng/);
      expect(error.cause).toBeUndefined();
      expect(aws.changes).toHaveLength(0);
    });

    it('a clock that is wrong is set by the answer, and the next try is right', async () => {
      aws.now = () => Date.now() + 3_600_000;
      const other = new AwsAutoscalingCapacity();
      await expect(scale({}, context(), other)).rejects.toBeInstanceOf(Retryable);
      expect(await scale({}, context(), other)).toEqual({ detail: '2 -> 3' });
    });
  });

  describe('when no answer comes', () => {
    it.each<AwsTrouble>([{ hangAfter: true }, { dropAfter: true }])(
      'to the setting, it may have been done, and is safe to repeat: %j',
      async (trouble) => {
        aws.next.push({}, trouble);
        expect(await failure({}, context(AbortSignal.timeout(1_000)))).toBeInstanceOf(Ambiguous);
        expect(action.idempotent()).toBe(true);
        expect(await scale()).toEqual({ detail: '3 -> 3' });
        expect(aws.changes).toHaveLength(1);
      },
    );

    it('to the reading, nothing was done', async () => {
      aws.next.push({ hangAfter: true });
      expect(await failure({}, context(AbortSignal.timeout(1_000)))).toBeInstanceOf(Retryable);
      expect(aws.changes).toHaveLength(0);
    });

    it('because nobody is there, nothing was done', async () => {
      expect(await failure({ endpoint: 'http://127.0.0.1:1' })).toBeInstanceOf(Retryable);
      expect(await failure({}, context(AbortSignal.abort()))).toBeInstanceOf(Retryable);
      expect(aws.requests).toBe(0);
    });
  });

  it.each([
    [{ region: 'eu-west-1' }, '/groupName'],
    [{ groupName: 'web' }, '/region'],
    [{ groupName: '{{', region: 'eu-west-1' }, '/groupName'],
    [{ groupName: 'web', region: 'Ireland' }, '/region'],
    [{ groupName: 'web', region: 'eu-west-1', desiredCapacity: '1.5' }, '/desiredCapacity'],
    [{ groupName: 'web', region: 'eu-west-1', honorCooldown: 'yes' }, '/honorCooldown'],
    [{ groupName: 'web', region: 'eu-west-1', accessKeyId: 'A' }, '/secretAccessKey'],
  ])('%j is refused', (given, pointer) => {
    expect(check(AwsAutoscalingCapacityParams, given).errors).toEqual([
      { pointer, detail: expect.any(String) },
    ]);
  });
});
