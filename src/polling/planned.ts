import type { Metric } from '../metrics/metric';
import type { Read } from './reads';

/** Plan of a service's polls: its questions, in groups that go out together. */
export interface PollPlan {
  /** Reads that it is the plan of. */
  readonly reads: Readonly<Record<string, Read>>;
  readonly groups: readonly PlannedGroup[];
  /** Metrics that can't be read, and why. */
  readonly unreadable: readonly Unreadable[];
  /** Number of all metrics. */
  readonly metrics: number;
}

export interface PlannedGroup {
  /** Key that is the same for all that goes out together. */
  readonly key: string;
  readonly type: string;
  readonly timeoutMs: number;
  readonly strategy: Metric;
  readonly asksForNodes: boolean;
  /** Questions, none of them twice, by their keys; their params follow in the same order. */
  readonly questions: string[];
  readonly params: object[];
  /** Names of the metrics; the index of each one's question follows in the same order. */
  readonly metrics: string[];
  readonly asks: number[];
  /** What it makes with those of others that it was joined with last, as its first. */
  joined?: JoinedGroups;
}

/** Groups of several services that go out together, each question once. */
export interface JoinedGroups {
  readonly groups: readonly PlannedGroup[];
  /** Params of each question. The same array as long as the same services ask together. */
  readonly params: readonly object[];
  /** Index of the question of each metric, one group after the other. */
  readonly places: readonly number[];
}

export interface Unreadable {
  readonly metric: string;
  readonly type: string;
  readonly error: string;
}
