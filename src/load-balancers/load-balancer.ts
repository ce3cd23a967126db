import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';

/**
 * A load balancer mapping: a pool whose members follow the nodes of an infrastructure. What is changed and when is
 * decided elsewhere (`plan.ts`); a mapping reads the pool and makes one change of one member.
 *
 * Every call throws an error that says what failed, on what, and why. A change may be asked for again when its answer
 * was lost: it is then done, or found done.
 */
export interface LoadBalancer<P = unknown> {
  /** Names the pool, for people and as its identity: what is remembered of another pool does not count here. */
  pool(params: P): string;

  /** Every member, whoever put it there. */
  members(params: P, context: CallContext): Promise<Member[]>;

  /** What the pool will call the member at an address. */
  nameOf(params: P, address: string): string;

  add(params: P, address: string, context: CallContext): Promise<void>;
  enable(params: P, member: string, context: CallContext): Promise<void>;

  /** Its connections go on, new ones go elsewhere. One that is gone is no error. */
  disable(params: P, member: string, context: CallContext): Promise<void>;

  /** One that is gone is no error. */
  remove(params: P, member: string, context: CallContext): Promise<void>;

  /** Connections that a disabled member still has; undefined when nobody can tell. */
  connections(params: P, member: string, context: CallContext): Promise<number | undefined>;

  /** How long connections of a member whose node is gone may last, in seconds. */
  drainSeconds(params: P): number;
}

/** A member of a pool as it was read. */
export interface Member {
  /** By which the load balancer knows it. */
  name: string;
  /** Absent where it can be no node of ours: another port, a name instead of an address. */
  address?: string;
  /** New connections may go to it. */
  isEnabled: boolean;
  /** As far as the load balancer itself can tell. */
  isUp: boolean;
}

export interface CallContext {
  /** Aborts when the sync takes too long, and when the program stops. */
  signal: AbortSignal;
  now: Date;
}

/** Marks a class as a load balancer mapping; list it in `load-balancers/mappings/index.ts`. */
export const LoadBalancerMapping = DiscoveryService.createDecorator<MappingOptions>();
