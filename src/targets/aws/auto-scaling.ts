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

export interface GroupName {
  groupName: string;
  region: string;
}

export type Group = AutoScalingGroup &
  Required<Pick<AutoScalingGroup, 'MinSize' | 'MaxSize' | 'DesiredCapacity'>>;

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
  const described = await client.send(new DescribeAutoScalingGroupsCommand(input), options).catch((error) => {
    throw awsOutcome(error, deed, SERVICE, (sentence) => new Retryable(sentence));
  });
  if (!described.AutoScalingGroups) throw new Retryable(`${deed} was answered, but not as ${SERVICE} does`);
  const group = described.AutoScalingGroups.find(
    ({ AutoScalingGroupName }) => AutoScalingGroupName === name.groupName,
  );
  if (!group) throw new Permanent(`${deed} failed: there is no such group`);
  if (!isWhole(group)) throw new Retryable(`${deed} was answered, but not as ${SERVICE} does`);
  return group;
}

const isWhole = (group: AutoScalingGroup): group is Group =>
  group.MinSize !== undefined && group.MaxSize !== undefined && group.DesiredCapacity !== undefined;
