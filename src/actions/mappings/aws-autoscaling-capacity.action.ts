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
import { groupText, readGroup, SERVICE } from '../../targets/aws/auto-scaling';
import { hostIn } from '../../targets/http/host';
import type { SdkOptions } from '../../targets/http/sdk-handler';
import {
  ActionMapping,
  Ambiguous,
  Permanent,
  Retryable,
  type Action,
  type ActionContext,
  type ActionResult,
} from '../action';
import { wantedNodes } from '../wanted-nodes';

const CAPACITY_AT_MOST = 2 ** 31 - 1;
/** Auto Scaling API reference, SetDesiredCapacity: it has something under way, or somebody else has it in hand. */
const BUSY = /^(ScalingActivityInProgress|ResourceContention)/;

export class AwsAutoscalingCapacityParams implements SelfChecking {
  @Text({
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
    description: 'How many instances there shall be; without it nodes.desired',
    template: 'text',
    optional: true,
    pattern: /^\s*\d+\s*$/,
    patternHint: 'must be a whole number, at least 0',
    example: '{{ nodes.desired }}',
  })
  desiredCapacity?: string;

  @Flag({ description: "Whether the group's cooldown is waited for" })
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

/** Sets the desired capacity of a group, within its bounds (Auto Scaling API, 2011-01-01). */
@ActionMapping({
  type: 'aws_autoscaling_capacity',
  title: 'AWS Auto Scaling capacity',
  description: 'Sets the desired capacity of an Auto Scaling group, within its minimum and maximum',
  params: AwsAutoscalingCapacityParams,
})
@Injectable()
export class AwsAutoscalingCapacity implements Action<AwsAutoscalingCapacityParams> {
  private readonly clients = new AwsClients((config) => new AutoScalingClient(config));

  async execute(
    params: AwsAutoscalingCapacityParams,
    { signal, variables }: ActionContext,
  ): Promise<ActionResult> {
    const wanted = wantedCapacity(params, variables);
    const client = this.clients.of(params.region, params);
    const { MinSize = 0, MaxSize = 0, DesiredCapacity = 0 } = await readGroup(client, params, false, signal);
    const capacity = Math.min(Math.max(wanted, MinSize), MaxSize);
    const detail =
      `${DesiredCapacity} -> ${capacity}` +
      (capacity === wanted ? '' : `; ${wanted} was wanted, the group takes ${MinSize} to ${MaxSize}`);
    // A cooldown would hold up what is done already, perhaps by a try whose answer was lost.
    if (capacity === DesiredCapacity) return { detail };
    await setCapacity(client, params, capacity, signal);
    return { detail };
  }

  preview(params: AwsAutoscalingCapacityParams, { variables }: ActionContext): object {
    const { endpoint, region, groupName, honorCooldown } = params;
    return {
      endpoint: endpoint ?? `the default one of ${region}`,
      AutoScalingGroupName: groupName,
      DesiredCapacity: wantedCapacity(params, variables),
      HonorCooldown: honorCooldown,
    };
  }

  target({ endpoint, region }: AwsAutoscalingCapacityParams): string | undefined {
    return endpoint === undefined ? `autoscaling.${region}.amazonaws.com` : hostIn(endpoint);
  }

  /** The number is absolute: set twice, it is the same. */
  idempotent(): boolean {
    return true;
  }
}

function wantedCapacity(params: AwsAutoscalingCapacityParams, variables: Record<string, unknown>): number {
  if (params.groupName === '') throw new Permanent('no capacity can be set: the name of the group is empty');
  return wantedNodes(params.desiredCapacity, variables, CAPACITY_AT_MOST, `scaling ${groupText(params)}`);
}

async function setCapacity(
  client: AutoScalingClient,
  params: AwsAutoscalingCapacityParams,
  capacity: number,
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
    const { name, message } = error as Error;
    if (BUSY.test(name)) throw new Retryable(`${deed} has to wait: ${name}: ${message}`);
    throw awsOutcome(error, deed, SERVICE, (sentence) => new Ambiguous(`${sentence}; it may have been done`));
  }
}
