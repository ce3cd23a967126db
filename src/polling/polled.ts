import type { Reading } from '../common/reading';
import type { Node } from '../metrics/metric';
import type { Read } from './reads';

/** A service as the poller sees it. */
export interface Polled {
  readonly reads: Readonly<Record<string, Read>>;
  /** Whose nodes these are: reads that count nodes are the same for services of one infrastructure alone. */
  readonly nodesOf?: string;
  /** Nodes of its infrastructure, for `number_of_nodes`. */
  countNodes(): Promise<number>;
  /** The same, with their addresses. */
  listNodes(): Promise<Node[]>;
}

/** A service whose reads have all come back, or failed. */
export interface Polling<P extends Polled> {
  readonly polled: P;
  readonly readings: Readonly<Record<string, Reading>>;
}
