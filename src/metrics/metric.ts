import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../common/mapping-registry';
import type { Reading } from '../common/reading';

/**
 * Metric mapping: where a number comes from. A read answers a finite number or throws an error that says what failed,
 * on what, and why. A failed read is missing data, never a number.
 */
export interface Metric<P = unknown> {
  /** Reads one number. Must settle soon after `context.signal` aborts. */
  read(params: P, context: ReadContext): Promise<number>;

  /**
   * Lists nodes. Optional, for metrics that count nodes and know where each of them is reached, so that a load balancer
   * can follow. Lists all nodes that take part in the work, or throws: a node that is left out is taken to be gone.
   */
  nodes?(params: P, context: Omit<ReadContext, 'nodes' | 'listNodes'>): Promise<Node[]>;

  /**
   * Returns a key of the target. Optional, for protocols that can batch: reads of one target go to `readMany` together.
   * Two params with the same answer have the same target.
   */
  target?(params: P): string;

  /**
   * Tells whether what it reads is a Counter32, by its definition alone. Optional; a value that was read says so by
   * itself.
   */
  goesRound?(params: P): boolean;

  /** Reads several numbers from one target, in order; one bad read never costs the others. */
  readMany?(params: readonly P[], context: ReadContext): Promise<readonly Reading[]>;
}

/** Node of an infrastructure. */
export interface Node {
  /** Id by which the node is known as long as it lives. */
  id: string;
  /** Name for people. */
  name: string;
  /** IPv4 or IPv6 address. Absent while it is not known, or not known to be of use: the node is there all the same. */
  address?: string;
}

export interface ReadContext {
  /** Signal that aborts at the read's timeout, and when the program stops. */
  readonly signal: AbortSignal;
  /**
   * Calls back when `signal` aborts, or at once when it has; for protocols to whom a signal costs as much as a read.
   * Returns what ends that.
   */
  onAbort?(listener: (why: Error) => void): () => void;
  /** Timeout of the read, milliseconds, for protocols that plan retries inside it. */
  timeoutMs: number;
  /** Counts the nodes of the service's infrastructure. Throws when it has none, or when they can't be counted. */
  nodes(): Promise<number>;
  /** Lists the same nodes, with their addresses. Throws when it has none, or when they can't be listed. */
  listNodes(): Promise<Node[]>;
}

/** Marks a class as a metric mapping; list it in `metrics/mappings/index.ts`. */
export const MetricMapping = DiscoveryService.createDecorator<MetricOptions>();

export interface MetricOptions extends MappingOptions {
  /** Whether it is fed from outside: then it is never polled, and `read` is never called. */
  pushed?: boolean;
  /**
   * Whether it may call `nodes` or `listNodes`. Without it one read serves services of several infrastructures, and
   * such a call fails.
   */
  asksForNodes?: boolean;
}
