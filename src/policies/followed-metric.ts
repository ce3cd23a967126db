import { Text } from '../common/fields';
import type { FieldError } from '../common/errors';
import type { Values } from '../engine/types';

/** The field of a policy that goes by a metric of the service. */
export const FollowedMetric = (): PropertyDecorator =>
  Text({ description: 'Name of the metric it goes by, one of the service', minLength: 1, maxLength: 63 });

/** What is wrong with it, for a service with these metrics. */
export const metricProblems = (metric: string, metrics: readonly string[]): FieldError[] =>
  metrics.includes(metric)
    ? []
    : [{ pointer: '/metric', detail: `must be one of the service's metrics: ${metrics.join(', ')}` }];

/** Its number; undefined when it is missing. A metric may be named as what every object has, `toString` say. */
export const valueOf = (values: Values, metric: string): number | undefined =>
  Object.hasOwn(values, metric) ? values[metric] : undefined;

/** How much doubles may differ, as a part of the smaller, and be meant as the same: 0.7 + 0.1 is not quite 0.8. */
const SLACK = 1e-12;

/** Negative when `a` is less, positive when it is more, 0 when they are the same but for rounding errors. */
export const compare = (a: number, b: number): number =>
  Math.abs(a - b) <= SLACK * Math.min(Math.abs(a), Math.abs(b)) ? 0 : a - b;
