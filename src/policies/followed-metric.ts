import { Text } from '../common/fields';
import type { FieldError } from '../common/errors';
import type { Values } from '../engine/types';

/** Declares the field of a policy that names a metric of the service. */
export const FollowedMetric = (): PropertyDecorator =>
  Text({ description: 'Name of the metric it goes by, one of the service', minLength: 1, maxLength: 63 });

/** Returns the field errors of a metric's name, for a service with these metrics. */
export const metricProblems = (metric: string, metrics: readonly string[]): FieldError[] =>
  metrics.includes(metric)
    ? []
    : [{ pointer: '/metric', detail: `must be one of the service's metrics: ${metrics.join(', ')}` }];

/**
 * Returns a metric's value; undefined when it is missing. Names that every object inherits, such as `toString`, are
 * safe.
 */
export const valueOf = (values: Values, metric: string): number | undefined =>
  Object.hasOwn(values, metric) ? values[metric] : undefined;

/** Relative difference up to which two doubles count as equal: 0.7 + 0.1 is not quite 0.8. */
const SLACK = 1e-12;

/**
 * Compares two numbers: negative when `a` is less, positive when it is more, 0 when they are equal but for rounding
 * errors.
 */
export const compare = (a: number, b: number): number =>
  Math.abs(a - b) <= SLACK * Math.min(Math.abs(a), Math.abs(b)) ? 0 : a - b;
