import type { Type } from '@nestjs/common';
import type { Metric } from '../metric';

/** Every metric mapping: one line each. */
export const METRIC_MAPPINGS: Type<Metric<never>>[] = [];
