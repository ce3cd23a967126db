import { AutoScalingStandIn } from '../../../test/stand-ins/autoscaling';
import { checked } from '../../common/check';
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

  const read = (given: object = {}) =>
    metric.read(
      checked(AwsAutoscalingInstancesParams, {
        groupName: 'web',
        region: 'eu-west-1',
        endpoint,
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: 'secret',
        ...given,
      }),
      context(),
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
});
