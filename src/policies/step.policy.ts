import { step as at, type SelfChecking } from '../common/check';
import type { FieldError } from '../common/errors';
import { Choice, Decimal, ListOf, Whole } from '../common/fields';
import type { Direction, Values } from '../engine/types';
import { compare, FollowedMetric, metricProblems, valueOf } from './followed-metric';
import { PolicyMapping, type Policy } from './policy';

const ADJUSTMENT_TYPES = ['ChangeInCapacity', 'ExactCapacity', 'PercentChangeInCapacity'] as const;
/** Largest number of steps, as in AWS. */
const MAX_STEPS = 20;

export class StepAdjustment {
  @Decimal({
    description: 'Where the step begins, as a distance from the threshold; without it, at minus infinity',
    optional: true,
  })
  lower?: number;

  @Decimal({
    description: 'Where the step ends, as a distance from the threshold; without it, at plus infinity',
    optional: true,
  })
  upper?: number;

  @Whole({
    description: 'Nodes more (negative: fewer), nodes there should be, or percent, as adjustmentType says',
    minimum: -10_000,
    maximum: 10_000,
  })
  adjustment: number;
}

export class StepParams implements SelfChecking {
  @FollowedMetric()
  metric: string;

  @Decimal({ description: 'What the bounds of the steps are distances from' })
  threshold: number;

  @Choice(ADJUSTMENT_TYPES, { description: 'What the adjustments are' })
  adjustmentType: (typeof ADJUSTMENT_TYPES)[number] = 'ChangeInCapacity';

  @ListOf(() => StepAdjustment, {
    description: `1 to ${MAX_STEPS} steps without gaps and overlaps, in any order`,
  })
  steps: StepAdjustment[];

  @Whole({
    description: 'A percentage changes at least this many nodes; for PercentChangeInCapacity alone',
    unit: 'nodes',
    minimum: 1,
    maximum: 10_000,
    optional: true,
  })
  minAdjustmentMagnitude?: number;

  problems(): FieldError[] {
    const { steps, adjustmentType, minAdjustmentMagnitude } = this;
    const count = steps.length;
    if (count < 1 || count > MAX_STEPS)
      return [{ pointer: '/steps', detail: `must have 1 to ${MAX_STEPS} steps, but has ${count}` }];
    const problems = [...steps.flatMap(ownProblems(adjustmentType)), ...neighbourProblems(steps)];
    if (minAdjustmentMagnitude !== undefined && adjustmentType !== 'PercentChangeInCapacity') {
      problems.push({
        pointer: '/minAdjustmentMagnitude',
        detail: 'is for the adjustment type PercentChangeInCapacity alone',
      });
    }
    return problems;
  }
}

/** AWS's step scaling: https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html */
@PolicyMapping({
  type: 'step',
  title: 'Steps',
  description: 'The further a metric is from its threshold, the more nodes, as AWS step scaling.',
  params: StepParams,
})
export class Step implements Policy<StepParams> {
  wish(
    params: StepParams,
    { effective, direction }: { effective: number; direction: Direction },
    values: Values,
  ): number | undefined {
    const value = valueOf(values, params.metric);
    if (value === undefined) return undefined;
    const step = stepOf(params, value, direction);
    if (step === undefined) return effective;
    const wish = adjusted(params, step.adjustment, effective);
    // A rule scales in its own direction alone.
    return direction === 'up' ? Math.max(effective, wish) : Math.min(effective, wish);
  }

  problems({ metric }: StepParams, { metrics }: { metrics: readonly string[] }): FieldError[] {
    return metricProblems(metric, metrics);
  }
}

/**
 * Returns the step a value lies in. Above the threshold a step includes its lower bound and not its upper one; below
 * it, the other way round. The threshold itself can therefore belong to two steps: AWS's tables give it to the one
 * above when they scale out and to the one below when they scale in.
 */
function stepOf(
  { steps, threshold }: StepParams,
  value: number,
  direction: Direction,
): StepAdjustment | undefined {
  const from = (bound: number) => compare(value, threshold + bound);
  const fromLower = ({ lower }: StepAdjustment) => from(lower ?? -Infinity);
  const fromUpper = ({ upper }: StepAdjustment) => from(upper ?? Infinity);
  const above = steps.find((step) => fromLower(step) >= 0 && fromUpper(step) < 0);
  const below = steps.find((step) => fromLower(step) > 0 && fromUpper(step) <= 0);
  const side = from(0);
  if (side !== 0) return side > 0 ? above : below;
  return direction === 'up' ? (above ?? below) : (below ?? above);
}

function adjusted(
  { adjustmentType, minAdjustmentMagnitude = 0 }: StepParams,
  adjustment: number,
  effective: number,
): number {
  if (adjustmentType === 'ExactCapacity') return adjustment;
  if (adjustmentType === 'ChangeInCapacity') return effective + adjustment;
  // Both are whole numbers, so that a quotient that is whole is so exactly.
  const change = wholeNodes((effective * adjustment) / 100);
  return effective + Math.sign(adjustment) * Math.max(Math.abs(change), minAdjustmentMagnitude);
}

/** Rounds a percentage of nodes as AWS does: towards zero, but a part of one node is a node. */
const wholeNodes = (nodes: number): number => (Math.abs(nodes) < 1 ? Math.sign(nodes) : Math.trunc(nodes));

const ownProblems =
  (adjustmentType: StepParams['adjustmentType']) =>
  ({ lower, upper, adjustment }: StepAdjustment, index: number): FieldError[] => {
    const pointer = `/steps${at(index)}`;
    const problems: FieldError[] = [];
    if ((lower ?? -Infinity) >= (upper ?? Infinity))
      problems.push({ pointer: `${pointer}/lower`, detail: `must be less than upper, ${upper}` });
    // A null inside a list gets this far.
    if ((adjustment ?? undefined) === undefined)
      problems.push({ pointer: `${pointer}/adjustment`, detail: 'is required' });
    else if (adjustmentType === 'ExactCapacity' && adjustment < 0)
      problems.push({ pointer: `${pointer}/adjustment`, detail: 'must be at least 0 for ExactCapacity' });
    return problems;
  };

/** Returns the errors of steps that do not begin where the one before ends. */
function neighbourProblems(steps: readonly StepAdjustment[]): FieldError[] {
  const sorted = steps
    .map(({ lower, upper }, index) => ({ lower: lower ?? -Infinity, upper: upper ?? Infinity, index }))
    .sort((a, b) => (a.lower === b.lower ? a.index - b.index : a.lower - b.lower));
  return sorted.slice(1).flatMap(({ lower, index }, before) => {
    const { upper, index: other } = sorted[before]!;
    if (lower === upper) return [];
    const what = lower > upper ? 'leaves a gap after' : 'overlaps';
    const end = upper === Infinity ? 'has no upper bound' : `ends at ${upper}`;
    return [{ pointer: `/steps${at(index)}/lower`, detail: `${what} step ${other}, which ${end}` }];
  });
}
