import type { SelfChecking } from '../common/check';
import type { FieldError } from '../common/errors';
import { Decimal } from '../common/fields';
import type { Direction, Values } from '../engine/types';
import { compare, FollowedMetric, metricProblems, valueOf } from './followed-metric';
import { PolicyMapping, type Policy } from './policy';

export class TargetTrackingParams implements SelfChecking {
  @FollowedMetric()
  metric: string;

  @Decimal({ description: 'The value the metric should have, more than 0', minimum: 0 })
  target: number;

  @Decimal({
    description: 'How far the metric may be from its target without a change, as a part of the target',
    minimum: 0,
    maximum: 10,
  })
  tolerance = 0.1;

  problems(): FieldError[] {
    return this.target > 0 ? [] : [{ pointer: '/target', detail: 'must be more than 0' }];
  }
}

/**
 * Target tracking by the formula of the HorizontalPodAutoscaler:
 * https://kubernetes.io/docs/concepts/workloads/autoscaling/horizontal-pod-autoscale/#algorithm-details
 */
@PolicyMapping({
  type: 'target_tracking',
  title: 'Target tracking',
  description: 'As many nodes as bring a metric to its target, as the Kubernetes HorizontalPodAutoscaler.',
  params: TargetTrackingParams,
})
export class TargetTracking implements Policy<TargetTrackingParams> {
  wish(
    { metric, target, tolerance }: TargetTrackingParams,
    { effective }: { effective: number; direction: Direction },
    values: Values,
  ): number | undefined {
    const value = valueOf(values, metric);
    if (value === undefined) return undefined;
    const ratio = value / target;
    const isNear = compare(ratio, 1 + tolerance) <= 0 && compare(ratio, 1 - tolerance) >= 0;
    // What no node bears says nothing of how many there should be.
    if (isNear || effective <= 0) return effective;
    // Fewer than none can't be; a metric below 0 would ask for it.
    return Math.max(0, ceiling(effective * ratio));
  }

  problems({ metric }: TargetTrackingParams, { metrics }: { metrics: readonly string[] }): FieldError[] {
    return metricProblems(metric, metrics);
  }
}

/**
 * Rounds up, unless the number is whole but for the errors of doubles: 1 node at 2.1 for a target of 0.7 makes 3,
 * though 2.1 / 0.7 is a little more.
 */
const ceiling = (nodes: number): number =>
  compare(nodes, Math.round(nodes)) === 0 ? Math.round(nodes) : Math.ceil(nodes);
