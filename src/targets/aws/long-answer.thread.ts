import { Readable } from 'node:stream';
import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  type AutoScalingGroup,
} from '@aws-sdk/client-auto-scaling';
import { heard } from '../../common/heard';
import type { LongAnswer } from '../http/sdk-handler';

/** Part of a description of groups that is about one of them. */
export interface Described {
  /** Group; undefined when it is not among them. */
  group?: AutoScalingGroup;
  NextToken?: string;
}

/** Decodes an answer by the SDK, as the client would have; undefined when it can't. */
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
