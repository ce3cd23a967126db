/**
 * AWS Auto Scaling, as far as the desired capacity goes, and strict about it: signature version 4, groups that exist in
 * the region, their bounds and cooldown. Wire format: AWS query protocol, Auto Scaling 2011-01-01.
 */
import { AwsQueryStandIn, escaped, Refusal } from './aws-query';

export interface Group {
  region: string;
  minSize: number;
  maxSize: number;
  desiredCapacity: number;
  /** Until when it rests after a change, in ms since 1970. */
  cooldownUntil?: number;
  /** Instances that a description lists, if it is asked to: how many in service, or the states they are in. */
  instances?: number | string[];
  /** Weight of each instance, and of the types the group may launch. */
  weight?: number;
  /** What its capacity counts. */
  capacityType?: 'units' | 'vcpu' | 'memory-mib';
  /** Processes that somebody suspended: `Launch`, `Terminate`, … */
  suspended?: string[];
}

export class AutoScalingStandIn extends AwsQueryStandIn {
  readonly groups = new Map<string, Group>();
  /** Pages that hold nothing, before the one with the group. */
  emptyPages = 0;
  /** What was set, in order. */
  readonly changes: { name: string; desiredCapacity: number; honorCooldown: boolean }[] = [];

  constructor(keys?: Record<string, string>) {
    super(
      {
        service: 'autoscaling',
        version: '2011-01-01',
        namespace: 'http://autoscaling.amazonaws.com/doc/2011-01-01/',
      },
      keys,
    );
  }

  protected carryOut(action: string, form: URLSearchParams, region: string): string {
    if (action === 'DescribeAutoScalingGroups') return this.describe(form, region);
    if (action === 'SetDesiredCapacity') return this.setDesiredCapacity(form, region);
    throw new Refusal(400, 'InvalidAction', `Could not find operation ${action} for version 2011-01-01`);
  }

  private describe(form: URLSearchParams, region: string): string {
    const page = Number(form.get('NextToken')?.replace('page-', '') ?? 0);
    if (page < this.emptyPages) return `<AutoScalingGroups/><NextToken>page-${page + 1}</NextToken>`;
    const members: string[] = [];
    for (let member = 1; form.has(`AutoScalingGroupNames.member.${member}`); member++) {
      const name = form.get(`AutoScalingGroupNames.member.${member}`)!;
      const group = this.groups.get(name);
      if (group?.region === region)
        members.push(memberOf(name, group, form.get('IncludeInstances') !== 'false'));
    }
    return `<AutoScalingGroups>${members.join('')}</AutoScalingGroups>`;
  }

  private setDesiredCapacity(form: URLSearchParams, region: string): string {
    const wrong = (message: string): Refusal => new Refusal(400, 'ValidationError', message);
    const name = form.get('AutoScalingGroupName') ?? '';
    const group = this.groups.get(name);
    if (group?.region !== region) throw wrong('AutoScalingGroup name not found - AutoScalingGroup not found');
    const text = form.get('DesiredCapacity') ?? '';
    if (!/^\d+$/.test(text)) throw wrong(`The value '${text}' is not valid for DesiredCapacity`);
    const desired = Number(text);
    if (desired > group.maxSize)
      throw wrong(
        `New SetDesiredCapacity value ${desired} is above max value ${group.maxSize} for the AutoScalingGroup.`,
      );
    if (desired < group.minSize)
      throw wrong(
        `New SetDesiredCapacity value ${desired} is below min value ${group.minSize} for the AutoScalingGroup.`,
      );
    const honorCooldown = form.get('HonorCooldown') === 'true';
    if (honorCooldown && (group.cooldownUntil ?? 0) > this.now())
      throw new Refusal(
        400,
        'ScalingActivityInProgress',
        `Scaling activity is in progress and blocks this action: ${name} is in cooldown`,
      );
    group.desiredCapacity = desired;
    this.changes.push({ name, desiredCapacity: desired, honorCooldown });
    return '';
  }
}

function memberOf(name: string, group: Group, withInstances: boolean): string {
  const {
    region,
    minSize,
    maxSize,
    desiredCapacity,
    instances = 0,
    weight,
    capacityType,
    suspended = [],
  } = group;
  const weighted = weight === undefined ? '' : `<WeightedCapacity>${weight}</WeightedCapacity>`;
  const states = typeof instances === 'number' ? Array<string>(instances).fill('InService') : instances;
  const listed = (withInstances ? states : []).map(
    (state, index) =>
      `<member><InstanceId>i-${String(index).padStart(17, '0')}</InstanceId><AvailabilityZone>${region}a</AvailabilityZone><LifecycleState>${state}</LifecycleState><HealthStatus>Healthy</HealthStatus><ProtectedFromScaleIn>false</ProtectedFromScaleIn>${weighted}</member>`,
  );
  return [
    '<member>',
    `<AutoScalingGroupName>${escaped(name)}</AutoScalingGroupName>`,
    `<MinSize>${minSize}</MinSize><MaxSize>${maxSize}</MaxSize><DesiredCapacity>${desiredCapacity}</DesiredCapacity>`,
    '<DefaultCooldown>300</DefaultCooldown><HealthCheckType>EC2</HealthCheckType>',
    `<AvailabilityZones><member>${region}a</member></AvailabilityZones>`,
    capacityType === undefined ? '' : `<DesiredCapacityType>${capacityType}</DesiredCapacityType>`,
    weighted &&
      `<MixedInstancesPolicy><LaunchTemplate><Overrides><member><InstanceType>c5.xlarge</InstanceType>${weighted}</member></Overrides></LaunchTemplate></MixedInstancesPolicy>`,
    `<SuspendedProcesses>${suspended.map((name) => `<member><ProcessName>${name}</ProcessName></member>`).join('')}</SuspendedProcesses>`,
    `<Instances>${listed.join('')}</Instances>`,
    '<CreatedTime>2026-01-01T00:00:00.000Z</CreatedTime>',
    '</member>',
  ].join('');
}
