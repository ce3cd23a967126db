import { AutoScalingClient, SetDesiredCapacityCommand } from '@aws-sdk/client-auto-scaling';
import { Injectable } from '@nestjs/common';
import type { SelfChecking } from '../../common/check';
import type { FieldError } from '../../common/errors';
import { Flag, Text } from '../../common/fields';
import {
  accessProblems,
  AccessKeyId,
  AwsClients,
  awsOutcome,
  Endpoint,
  Region,
  SecretAccessKey,
  SessionToken,
} from '../../targets/http/aws';
import { groupText, readGroup, SERVICE, unitProblem, type Group } from '../../targets/aws/auto-scaling';
import { hostIn } from '../../targets/http/host';
import type { SdkOptions } from '../../targets/http/sdk-handler';
import {
  ActionMapping,
  Ambiguous,
  NotYet,
  Permanent,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';
import { intentOf, stepOf, wishOf, wishText, type Direction, type DesiredNodes } from '../capacity';

const CAPACITY_AT_MOST = 2 ** 31 - 1;
/**
 * Error codes of a group that is busy, or being changed by somebody else (Auto Scaling API reference,
 * SetDesiredCapacity).
 */
const BUSY = /^(ScalingActivityInProgress|ResourceContention)/;
/** Longest time a group may be busy with something else, beside its cooldown, seconds. */
const BUSY_SECONDS = 3_600;

export class AwsAutoscalingCapacityParams implements SelfChecking {
  @Text({
    directs: 'nothing',
    description: 'Name of the Auto Scaling group',
    template: 'text',
    minLength: 1,
    maxLength: 1_000,
    example: 'web',
  })
  groupName: string;

  @Region('the group')
  region: string;

  @Text({
    directs: 'nothing',
    description: 'How many instances there shall be; without it as many more or less as nodes.delta says',
    template: 'text',
    optional: true,
    pattern: /^\s*\d+\s*$/,
    patternHint: 'must be a whole number, at least 0',
    example: '{{ nodes.desired }}',
  })
  desiredCapacity?: string;

  @Flag({ directs: 'nothing', description: "Whether the group's cooldown is waited for" })
  honorCooldown: boolean = false;

  @Endpoint(SERVICE)
  endpoint?: string;

  @AccessKeyId()
  accessKeyId?: string;

  @SecretAccessKey()
  secretAccessKey?: string;

  @SessionToken()
  sessionToken?: string;

  problems(): FieldError[] {
    return accessProblems(this);
  }
}

/**
 * Sets the desired capacity of a group, within its bounds (Auto Scaling API, 2011-01-01). The group is read right
 * before. The API has no conditional write: what somebody else sets in between is overwritten.
 */
@ActionMapping({
  type: 'aws_autoscaling_capacity',
  title: 'AWS Auto Scaling capacity',
  description: 'Sets the desired capacity of an Auto Scaling group, within its minimum and maximum',
  params: AwsAutoscalingCapacityParams,
  capacity: 'sets',
})
@Injectable()
export class AwsAutoscalingCapacity implements Action<AwsAutoscalingCapacityParams> {
  private readonly clients = new AwsClients((config) => new AutoScalingClient(config));

  async execute(
    params: AwsAutoscalingCapacityParams,
    { signal, variables, intended, intend }: ActionContext,
  ): Promise<ActionResult> {
    const wish = wishFor(params, variables);
    const client = this.clients.of(params.region, params);
    const group = await readGroup(client, params, true, signal);
    const problem = unitProblem(group);
    if (problem) throw new Permanent(`${groupText(params)} can't be scaled: ${problem}`);
    const { MinSize: atLeast, MaxSize: atMost, DesiredCapacity: number } = group;
    const { to, detail } = stepOf(wish, { name: 'the group', number, atLeast, atMost }, intended);
    // A cooldown would hold up what is done already, perhaps by a try whose answer was lost.
    if (to === number) return { detail };
    await intend?.(intentOf(wish, to));
    await setCapacity(client, params, to, BUSY_SECONDS + (group.DefaultCooldown ?? 0), signal);
    return { detail: detail + suspensionText(group, wish.direction) };
  }

  preview(params: AwsAutoscalingCapacityParams, { variables }: ActionContext): object {
    const { endpoint, region, groupName, honorCooldown } = params;
    return {
      endpoint: endpoint ?? `the default one of ${region}`,
      AutoScalingGroupName: groupName,
      DesiredCapacity: wishText(wishFor(params, variables)),
      HonorCooldown: honorCooldown,
    };
  }

  target({ endpoint, region }: AwsAutoscalingCapacityParams): string | undefined {
    return endpoint === undefined ? `autoscaling.${region}.amazonaws.com` : hostIn(endpoint);
  }

  /** Returns true: the number is recorded before it is set, and a retry sets the same number. */
  idempotent(): boolean {
    return true;
  }
}

function wishFor(params: AwsAutoscalingCapacityParams, variables: Record<string, unknown>): DesiredNodes {
  if (params.groupName === '') throw new Permanent('no capacity can be set: the name of the group is empty');
  return wishOf(params.desiredCapacity, variables, CAPACITY_AT_MOST, `scaling ${groupText(params)}`);
}

/**
 * Returns a warning when the process that the change needs is suspended: AWS takes the number, and nothing follows
 * (Auto Scaling User Guide, "Suspend and resume processes").
 */
function suspensionText({ SuspendedProcesses = [] }: Group, direction: Direction | undefined): string {
  const needed = direction === 'up' ? ['Launch'] : direction === 'down' ? ['Terminate'] : [];
  const suspended = SuspendedProcesses.filter(({ ProcessName = '' }) => needed.includes(ProcessName));
  return suspended.length === 0 ? '' : `; warning: the group's process ${needed.join()} is suspended`;
}

async function setCapacity(
  client: AutoScalingClient,
  params: AwsAutoscalingCapacityParams,
  capacity: number,
  busySeconds: number,
  signal: AbortSignal,
): Promise<void> {
  const { groupName, honorCooldown } = params;
  const deed = `setting ${groupText(params)} to ${capacity}`;
  const input = { AutoScalingGroupName: groupName, DesiredCapacity: capacity, HonorCooldown: honorCooldown };
  let body = '';
  const options: SdkOptions = { signal, answered: (text) => (body = text) };
  try {
    await client.send(new SetDesiredCapacityCommand(input), options);
    if (!body.includes('<SetDesiredCapacityResponse'))
      throw new Ambiguous(`${deed} was answered, but not as ${SERVICE} does; it may have been done`);
  } catch (error) {
    if (error instanceof Ambiguous) throw error;
    const { name, message, $metadata } = error as Error & { $metadata?: { httpStatusCode?: number } };
    if (BUSY.test(name)) throw new NotYet(`${deed} has to wait: ${name}: ${message}`, busySeconds);
    const mayBeDone = (sentence: string): Error => new Ambiguous(`${sentence}; it may have been done`);
    // That it failed on the way does not say how far it came, and counted on from there it would be done twice.
    if ($metadata?.httpStatusCode === 500) throw mayBeDone(`${deed} was answered 500 ${name}: ${message}`);
    throw awsOutcome(error, deed, SERVICE, mayBeDone);
  }
}
