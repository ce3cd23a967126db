import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';

/**
 * Load balancer mapping: a pool whose members follow the nodes of an infrastructure. `plan.ts` decides what is changed
 * and when; a mapping reads the pool and makes one change of one member.
 *
 * Every call throws an error that says what failed, on what, and why. A change may be asked for again after its answer
 * was lost: then it is made, or found to be made.
 */
export interface LoadBalancer<P = unknown> {
  /**
   * Returns a name of the pool, for people and as its identity: what is remembered of one pool is not used for another.
   */
  pool(params: P): string;

  /** Returns all members, whoever added them. */
  members(params: P, context: CallContext): Promise<Member[]>;

  /** Returns the name that the pool will give the member at an address. */
  nameOf(params: P, address: string): string;

  add(params: P, address: string, context: CallContext): Promise<void>;
  enable(params: P, member: string, context: CallContext): Promise<void>;

  /** Disables a member: its connections go on, new ones go elsewhere. A member that is gone is no error. */
  disable(params: P, member: string, context: CallContext): Promise<void>;

  /** Removes a member. One that is gone is no error. */
  remove(params: P, member: string, context: CallContext): Promise<void>;

  /** Returns how many connections a disabled member still has; undefined when that can't be known. */
  connections(params: P, member: string, context: CallContext): Promise<number | undefined>;

  /** Returns how long connections of a member whose node is gone may last, seconds. */
  drainSeconds(params: P): number;
}

/** Member of a pool, as it was read. */
export interface Member {
  /** Name by which the load balancer knows it. */
  name: string;
  /** Address; absent where it can't be a node of ours: it has another port, or a name instead of an address. */
  address?: string;
  /** True when new connections may go to it. */
  isEnabled: boolean;
  /** True when the load balancer considers it up. */
  isUp: boolean;
}

export interface CallContext {
  /** Signal that aborts when the sync takes too long, and when the program stops. */
  signal: AbortSignal;
  now: Date;
}

/** Decorator of load balancer mappings; list the class in `load-balancers/mappings/index.ts`. */
export const LoadBalancerMapping = DiscoveryService.createDecorator<MappingOptions>();
