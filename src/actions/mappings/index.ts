import type { Type } from '@nestjs/common';
import type { Action } from '../action';

/** Every action mapping: one line each. */
export const ACTION_MAPPINGS: Type<Action<never>>[] = [];
