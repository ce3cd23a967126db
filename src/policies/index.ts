import type { Type } from '@nestjs/common';
import { Fixed } from './fixed.policy';
import type { Policy } from './policy';
import { Step } from './step.policy';
import { TargetTracking } from './target-tracking.policy';

/** Classes of all policy mappings, one line each. */
export const POLICY_MAPPINGS: Type<Policy<never>>[] = [Fixed, Step, TargetTracking];
