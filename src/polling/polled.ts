import type { Reading } from '../common/reading';
import type { Node } from '../metrics/metric';
import type { PollPlan } from './planned';
import type { Read } from './reads';

/** Service as the poller needs it. */
export interface Polled {
  readonly reads: Readonly<Record<string, Read>>;
  /**
   * Infrastructure that the nodes are of: reads that count nodes are the same only for services of one infrastructure.
   */
  readonly nodesOf?: string;
  /** Plan of its polls, which the poller keeps where its reads never change. */
  plan?: PollPlan;
  /** Counts the nodes of its infrastructure, for `number_of_nodes`. */
  countNodes(): Promise<number>;
  /** Lists the same nodes, with their addresses. */
  listNodes(): Promise<Node[]>;
}

/** Result of a poll of one service: its reads have all come back, or failed. */
export interface Polling<P extends Polled> {
  readonly polled: P;
  /** Its place among the services that were to be polled. */
  readonly index: number;
  readonly readings: Readonly<Record<string, Reading>>;
}
