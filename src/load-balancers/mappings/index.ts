import type { Type } from '@nestjs/common';
import type { LoadBalancer } from '../load-balancer';
import { F5 } from './f5.load-balancer';

/** List of all load balancer mappings. */
export const LOAD_BALANCER_MAPPINGS: Type<LoadBalancer<never>>[] = [F5];
