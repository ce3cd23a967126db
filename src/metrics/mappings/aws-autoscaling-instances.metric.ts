import { AutoScalingClient } from '@aws-sdk/client-auto-scaling';
import type { SelfChecking } from '../../common/check';
import { messageOf, type FieldError } from '../../common/errors';
import { Text } from '../../common/fields';
import { readGroup, SERVICE } from '../../targets/aws/auto-scaling';
import {
  accessProblems,
  AccessKeyId,
  AwsClients,
  Endpoint,
  Region,
  SecretAccessKey,
  SessionToken,
  type AwsAccess,
} from '../../targets/http/aws';
import { MetricMapping, type Metric, type ReadContext } from '../metric';

/**
 * Lifecycle states that count: instances in service, and those that come (Auto Scaling User Guide, "Instance
 * lifecycle").
 */
const COUNTED = /^(InService|Pending(:.*)?)$/;

export class AwsAutoscalingInstancesParams implements AwsAccess, SelfChecking {
  @Text({
    directs: 'nothing',
    description: 'Name of the Auto Scaling group',
    minLength: 1,
    maxLength: 1_000,
    example: 'web',
  })
  groupName: string;

  @Region('the group')
  region: string;

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

@MetricMapping({
  type: 'aws_autoscaling_instances',
  title: 'AWS Auto Scaling: instances',
  description: 'Counts the instances of an Auto Scaling group that are in service or coming',
  params: AwsAutoscalingInstancesParams,
})
export class AwsAutoscalingInstances implements Metric<AwsAutoscalingInstancesParams> {
  private readonly clients = new AwsClients((config) => new AutoScalingClient(config));

  async read(params: AwsAutoscalingInstancesParams, { signal }: ReadContext): Promise<number> {
    const { groupName, region, endpoint } = params;
    try {
      const { Instances } = await readGroup(this.clients.of(region, params), params, true, signal);
      if (Instances === undefined) throw new Error('the group came without its instances');
      if (Instances.some(({ LifecycleState }) => !LifecycleState))
        throw new Error('an instance came without its state');
      return Instances.filter(({ LifecycleState }) => COUNTED.test(LifecycleState ?? '')).length;
    } catch (error) {
      const where = endpoint === undefined ? region : new URL(endpoint).host;
      throw new Error(`cannot read the instances of ${groupName} from ${where}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }
}
