import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';
import type { Reading } from '../common/reading';

/**
 * A metric mapping: where a number comes from. A read answers a finite number or throws an error that says what
 * failed, on what, and why. A failed read is missing data, never a number.
 */
export interface Metric<P = unknown> {
  /** Reads one number. Must settle soon after `context.signal` aborts. */
  read(params: P, context: ReadContext): Promise<number>;

  /**
   * Optional, for metrics that count nodes and know where each of them is reached, so that a load balancer can follow.
   * Tells all nodes that take part in the work or throws: a node that is left out is gone.
   */
  nodes?(params: P, context: Omit<ReadContext, 'nodes' | 'listNodes'>): Promise<Node[]>;

  /**
   * Optional, for protocols that can batch: reads of one target go to `readMany` together. Two params with the
   * same answer have the same target.
   */
  target?(params: P): string;

  /** Optional: is what it reads a Counter32, by its definition alone? What was read says so by itself. */
  goesRound?(params: P): boolean;

  /** Reads several numbers from one target, in order; one bad read never costs the others. */
  readMany?(params: readonly P[], context: ReadContext): Promise<Reading[]>;
}

/** One node of an infrastructure. */
export interface Node {
  /** What it is known by as long as it lives. */
  id: string;
  /** For people. */
  name: string;
  /** IPv4 or IPv6. Absent while it is not known, or not known to be of use: the node is there all the same. */
  address?: string;
}

export interface ReadContext {
  /** Aborts at the read's timeout, and when the program stops. */
  signal: AbortSignal;
  /** The same timeout as a number, for protocols that plan retries inside it. */
  timeoutMs: number;
  /** Nodes of the service's infrastructure. Throws when it has none, or when they can't be counted. */
  nodes(): Promise<number>;
  /** The same nodes, with their addresses. Throws when it has none, or when they can't be listed. */
  listNodes(): Promise<Node[]>;
}

/** Marks a class as a metric mapping; list it in `metrics/mappings/index.ts`. */
export const MetricMapping = DiscoveryService.createDecorator<MetricOptions>();

export interface MetricOptions extends MappingOptions {
  /** Fed from outside: never polled, `read` is never called. */
  pushed?: boolean;
  /**
   * `nodes` or `listNodes` may be asked for. Without it one read serves services of several infrastructures, and asking
   * fails.
   */
  asksForNodes?: boolean;
}
