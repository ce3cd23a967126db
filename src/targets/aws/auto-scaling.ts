/** Groups of AWS Auto Scaling (API 2011-01-01). */
import { join } from 'node:path';
import {
  DescribeAutoScalingGroupsCommand,
  type AutoScalingClient,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { TooCostly, Unavailable } from '../../common/errors';
import { threadTask } from '../../common/thread-pool';
import { awaitCredentials, awsOutcome } from '../http/aws';
import { LongAnswer, type SdkOptions } from '../http/sdk-handler';
import { Permanent, Retryable } from '../outcomes';
import type { default as describedIn, Described } from './long-answer.thread';

export const SERVICE = 'Auto Scaling';

const PAGES_AT_MOST = 20;
const READ_MS = 30_000;

export interface GroupName {
  groupName: string;
  region: string;
}

export type Group = AutoScalingGroup & { MinSize: number; MaxSize: number; DesiredCapacity: number };

/** Names a group in sentences. */
export const groupText = ({ groupName, region }: GroupName): string => `group ${groupName} of ${region}`;

/**
 * Reads a group.
 *
 * @param withInstances whether its instances come too, which make the answer of a large group long
 * @throws Retryable, Permanent
 */
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
    const described = await client.send(command, options).then(
      ({ AutoScalingGroups, NextToken: next }) =>
        AutoScalingGroups && { group: AutoScalingGroups.find(isNamed(name)), NextToken: next },
      (error) => {
        if (error instanceof LongAnswer) return readLong(error, name, signal);
        throw awsOutcome(error, deed, SERVICE, (sentence) => new Retryable(sentence));
      },
    );
    const { group } = described ?? {};
    if (described === undefined || (group && !isWhole(group)))
      throw new Retryable(`${deed} was answered, but not as ${SERVICE} does`);
    if (group) return group;
    ({ NextToken } = described);
    // A page may be empty, and the group on a later one.
    if (!NextToken) throw new Permanent(`${deed} failed: there is no such group`);
  }
  throw new Retryable(`${deed} was answered more than ${PAGES_AT_MOST} pages without it`);
}

const readOnThread = threadTask<Parameters<typeof describedIn>[0], Described | undefined>(
  'actions',
  join(__dirname, 'long-answer.thread'),
);

async function readLong(
  { statusCode, headers, body }: LongAnswer,
  { groupName, region }: GroupName,
  signal: AbortSignal,
): Promise<Described | undefined> {
  const what = `the description of ${groupText({ groupName, region })}`;
  try {
    return await readOnThread(
      { answer: { statusCode, headers, body }, groupName },
      { timeoutMs: READ_MS, bytes: body.length, what, deed: 'read', signal },
    );
  } catch (error) {
    if (error instanceof Unavailable) throw new Retryable(error.message);
    if (error instanceof TooCostly) throw new Permanent(error.message);
    throw error;
  }
}

/**
 * Returns why the group's capacity is no number of nodes, as the end of a sentence (Auto Scaling User Guide, "Instance
 * weights"; API reference, DesiredCapacityType).
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

const isNamed =
  ({ groupName }: GroupName) =>
  ({ AutoScalingGroupName }: AutoScalingGroup): boolean =>
    AutoScalingGroupName === groupName;

const isWhole = (group: AutoScalingGroup): group is Group =>
  group.MinSize !== undefined && group.MaxSize !== undefined && group.DesiredCapacity !== undefined;
