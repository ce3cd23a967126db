/** Groups of AWS Auto Scaling (API 2011-01-01). */
import {
  DescribeAutoScalingGroupsCommand,
  type AutoScalingClient,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { awaitCredentials, awsOutcome } from '../http/aws';
import type { SdkOptions } from '../http/sdk-handler';
import { Permanent, Retryable } from '../outcomes';

export const SERVICE = 'Auto Scaling';

const PAGES_AT_MOST = 20;

export interface GroupName {
  groupName: string;
  region: string;
}

export type Group = AutoScalingGroup & { MinSize: number; MaxSize: number; DesiredCapacity: number };

/** For sentences. */
export const groupText = ({ groupName, region }: GroupName): string => `group ${groupName} of ${region}`;

/** @param withInstances they make the answer of a large group long @throws Retryable, Permanent */
export async function readGroup(
  client: AutoScalingClient,
  name: GroupName,
  withInstances: boolean,
  signal: AbortSignal,
): Promise<Group> {
  const deed = `reading ${groupText(name)}`;
  await awaitCredentials(client, deed, signal);
  const input = { AutoScalingGroupNames: [name.groupName], IncludeInstances: withInstances };
  const options: SdkOptions = { signal, isWhole: withInstances };
  let NextToken: string | undefined;
  for (let page = 1; page <= PAGES_AT_MOST; page++) {
    const command = new DescribeAutoScalingGroupsCommand({ ...input, NextToken });
    const described = await client.send(command, options).catch((error) => {
      throw awsOutcome(error, deed, SERVICE, (sentence) => new Retryable(sentence));
    });
    if (!described.AutoScalingGroups) throw new Retryable(`${deed} was answered, but not as ${SERVICE} does`);
    const group = described.AutoScalingGroups.find(
      ({ AutoScalingGroupName }) => AutoScalingGroupName === name.groupName,
    );
    if (group && !isWhole(group)) throw new Retryable(`${deed} was answered, but not as ${SERVICE} does`);
    if (group) return group;
    ({ NextToken } = described);
    // A page may be empty, and the group on a later one.
    if (!NextToken) throw new Permanent(`${deed} failed: there is no such group`);
  }
  throw new Retryable(`${deed} was answered more than ${PAGES_AT_MOST} pages without it`);
}

/**
 * Why the group's capacity is no number of nodes, as the end of a sentence (Auto Scaling User Guide, "Instance weights";
 * API reference, DesiredCapacityType).
 *
 * @param group with its instances
 */
export function unitProblem(group: Group): string | undefined {
  const { DesiredCapacity: capacity, DesiredCapacityType: type = 'units' } = group;
  if (type !== 'units')
    return `its DesiredCapacity ${capacity} counts ${type}, and a rule counts nodes: the units differ`;
  const overrides = group.MixedInstancesPolicy?.LaunchTemplate?.Overrides ?? [];
  const weights = [...(group.Instances ?? []), ...overrides].map(
    ({ WeightedCapacity = '1' }) => WeightedCapacity,
  );
  const other = [...new Set(weights)].filter((weight) => Number(weight) !== 1);
  return other.length === 0
    ? undefined
    : `its DesiredCapacity ${capacity} counts units of weighted instances (weight ${other.slice(0, 5).join(', ')}), and a rule counts nodes: the units differ`;
}

const isWhole = (group: AutoScalingGroup): group is Group =>
  group.MinSize !== undefined && group.MaxSize !== undefined && group.DesiredCapacity !== undefined;
