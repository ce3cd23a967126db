import { Readable } from 'node:stream';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { heard } from '../../common/heard';
import type { LongAnswer } from '../http/sdk-handler';

/** What a description of groups says of one. */
export interface Described {
  /** Undefined when it is not among them. */
  group?: AutoScalingGroup;
  NextToken?: string;
}

/** The SDK reads the answer as it would have in its turn. Undefined when it can't. */
export default async function describedIn({
  answer,
  groupName,
}: {
  answer: Pick<LongAnswer, 'statusCode' | 'headers' | 'body'>;
  groupName: string;
}): Promise<Described | undefined> {
  const { statusCode, headers, body } = answer;
  const client = new AutoScalingClient({
    region: 'eu-west-1',
    // Nothing is asked: the answer is here.
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
    maxAttempts: 1,
    requestHandler: {
      handle: () =>
        Promise.resolve({ response: { statusCode, headers, body: heard(Readable.from([body])) } }),
      metadata: { handlerProtocol: 'http/1.1' },
    } as never,
  });
  try {
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [groupName] });
    const { AutoScalingGroups, NextToken } = await client.send(command);
    if (!AutoScalingGroups) return undefined;
    return {
      group: AutoScalingGroups.find(({ AutoScalingGroupName }) => AutoScalingGroupName === groupName),
      NextToken,
    };
  } catch {
    return undefined;
  }
}
