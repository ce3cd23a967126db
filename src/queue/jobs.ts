/**
 * Jobs on the queues carry ids and moments, never the thing itself, so that modules can share them without importing
 * each other.
 */

/** Job that reads and evaluates the services of a range of slots. */
export interface PollJob {
  intervalSeconds: number;
  fromSlot: number;
  /** Last slot, inclusive. */
  toSlot: number;
  /** Moment at which they were due, ms since 1970. */
  dueAt: number;
}

/** Job that matches alerts and evaluates the services they concern, or evaluates services whose moment has come. */
export interface AlertsJob {
  alerts?: string[];
  /** `traceparent` of the span that took in each of these alerts, by id, where that is traced. */
  traces?: Record<string, string>;
  services?: string[];
}

/** Job that runs executions, or finds out what became of executions whose worker is gone. */
export interface ActionJob {
  executions: string[];
  /** True when their targets have accepted them and are to be asked about their progress. */
  waiting?: boolean;
}

/** Job that makes the load balancer of an infrastructure follow its nodes. */
export interface SyncJob {
  infrastructure: string;
}

/** Name of such jobs on the queue `actions`; executions have none. */
export const SYNC_JOB = 'load-balancer';
