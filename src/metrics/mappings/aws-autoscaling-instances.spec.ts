import { AutoScalingStandIn } from '../../../test/stand-ins/autoscaling';
import { HELD_UP_MS, loopDelayMs } from '../../../test/loop-delay';
import { checked } from '../../common/check';
import { stopThreads } from '../../common/thread-pool';
import type { ReadContext } from '../metric';
import { AwsAutoscalingInstances, AwsAutoscalingInstancesParams } from './aws-autoscaling-instances.metric';

describe('aws_autoscaling_instances', () => {
  const aws = new AutoScalingStandIn({ AKIDEXAMPLE: 'secret' });
  const metric = new AwsAutoscalingInstances();
  let endpoint: string;

  beforeAll(async () => (endpoint = await aws.start()));
  beforeEach(() => {
    aws.groups.clear();
    aws.next.length = 0;
    aws.emptyPages = 0;
  });
  afterAll(() => aws.stop());

  const context = (timeoutMs = 3_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  const read = (given: object = {}, timeoutMs = 3_000) =>
    metric.read(
      checked(AwsAutoscalingInstancesParams, {
        groupName: 'web',
        region: 'eu-west-1',
        endpoint,
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'secret',
        ...given,
      }),
      context(timeoutMs),
    );

  const group = (instances: number | string[]) =>
    aws.groups.set('web', { region: 'eu-west-1', minSize: 0, maxSize: 9, desiredCapacity: 2, instances });

  it('counts the instances in service and coming, and no other', async () => {
    group([
      ...['InService', 'Pending', 'Pending:Wait', 'Pending:Proceed'],
      ...[
        'Terminating',
        'Terminating:Wait',
        'Terminated',
        'Standby',
        'EnteringStandby',
        'Detaching',
        'Quarantined',
      ],
      ...['Warmed:Stopped', 'Warmed:Pending'],
    ]);
    expect(await read()).toBe(4);
  });

  it.each([0, 1, 500])('counts %d', async (instances) => {
    group(instances);
    expect(await read()).toBe(instances);
  });

  it('is on a later page, after those that are empty', async () => {
    group(3);
    aws.emptyPages = 2;
    expect(await read()).toBe(3);
    await expect(read({ groupName: 'db' })).rejects.toThrow(/there is no such group$/);
  });

  it('is missing data when a later page fails, or they have no end', async () => {
    group(3);
    aws.emptyPages = 1;
    aws.next.push({}, { status: 503, code: 'ServiceUnavailable' });
    await expect(read()).rejects.toThrow(/503 ServiceUnavailable/);
    aws.emptyPages = 1_000;
    await expect(read()).rejects.toThrow(/more than 20 pages without it$/);
  });

  it.each([
    [{ status: 404, raw: '{"message": "Not Found"}' }, /was answered 404, but not as Auto Scaling does$/],
    [{ status: 502, raw: '<html>\n<h1>Bad Gateway</h1>' }, /was answered 502, but not as Auto Scaling does$/],
    [{ status: 403, raw: '' }, /was answered 403, but not as Auto Scaling does$/],
    [{ status: 200, raw: '{}' }, /but not as Auto Scaling does$/],
    [{ status: 200, raw: 'OK' }, /but not as Auto Scaling does$/],
  ])('of something else, that answers %j, says so', async (trouble, why) => {
    group(2);
    aws.next.push(trouble);
    const message = await read().then(String, (error: Error) => error.message);
    expect(message).toMatch(why);
    expect(message).not.toMatch(/\n|Deserialization|\$response/);
  });

  it.each([
    [{ groupName: 'db' }, /there is no such group$/],
    [{ region: 'us-east-1' }, /there is no such group$/],
    [{ secretAccessKey: 'hush-hush' }, /403 SignatureDoesNotMatch/],
    [{ endpoint: 'http://127.0.0.1:1' }, /it refuses connections at/],
    [{ endpoint: 'http://169.254.169.254' }, /link-local/],
  ])('of %j is missing data', async (given, why) => {
    group(2);
    await expect(read(given)).rejects.toThrow(why);
    await expect(read(given)).rejects.toThrow(/^cannot read the instances of \w+ from (127|169)\./);
    await expect(read(given)).rejects.not.toThrow(/hush/);
  });

  it.each([
    [{ raw: '<html>' }],
    [{ raw: '' }],
    [{ status: 503, code: 'ServiceUnavailable' }],
    [{ dropAfter: true }],
    [
      {
        raw: '<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups><member><AutoScalingGroupName>web</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>9</MaxSize><DesiredCapacity>2</DesiredCapacity></member></AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>',
      },
    ],
  ])('takes no number from %j', async (trouble) => {
    group(2);
    aws.next.push(trouble);
    await expect(read()).rejects.toThrow(/^cannot read the instances of web from/);
  });

  describe('of an answer that takes long to read', () => {
    afterAll(stopThreads);

    const answer = (members: string) =>
      `<DescribeAutoScalingGroupsResponse><DescribeAutoScalingGroupsResult><AutoScalingGroups>${members}</AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>`;
    const web = (instances: string) =>
      `<member><AutoScalingGroupName>web</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>9</MaxSize><DesiredCapacity>2</DesiredCapacity><Instances>${instances}</Instances></member>`;
    const instance =
      '<member><InstanceId>i-0</InstanceId><LifecycleState>InService</LifecycleState></member>';
    const MB = 1_000_000;

    const long = async (raw: string) => {
      aws.next.push({ raw });
      let outcome: unknown;
      const delay = await loopDelayMs(async () => {
        outcome = await read({}, 20_000).catch((error: Error) => error.message);
      });
      expect(delay).toBeLessThan(HELD_UP_MS);
      return outcome;
    };

    it('counts 30,000 instances, and holds up nobody', async () => {
      expect(await long(answer(web(instance.repeat(30_000))))).toBe(30_000);
    }, 60_000);

    it('finds the group behind 20,000 others', async () => {
      const others = web('').replace('web', 'other').repeat(20_000);
      expect(await long(answer(others + web(instance)))).toBe(1);
      expect(await long(answer(others))).toMatch(/there is no such group$/);
    }, 60_000);

    it.each([
      ['elements in each other', '<a>'.repeat(MB) + '</a>'.repeat(MB)],
      ['elements that do not end', '<a>'.repeat(2 * MB)],
      ['entities', `<a>${'&amp;'.repeat(MB)}</a>`],
      ['attributes', `<a ${'b="c" '.repeat(MB)}/>`],
      ['words', 'word '.repeat(2 * MB)],
      ['comments', '<!-- -->'.repeat(MB)],
    ])(
      'megabytes of %s are no number, and hold up nobody',
      async (_, text) => {
        expect(await long(answer(text))).toMatch(
          /^cannot read the instances of web from .*(not as|no such group|took)/,
        );
      },
      60_000,
    );
  });
});
