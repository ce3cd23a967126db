import type { Type } from '@nestjs/common';
import type { LoadBalancer } from '../load-balancer';
import { F5 } from './f5.load-balancer';

/** Every load balancer mapping: one line each. */
export const LOAD_BALANCER_MAPPINGS: Type<LoadBalancer<never>>[] = [F5];
