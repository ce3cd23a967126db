/**
 * What travels on the queues: ids and moments, never the thing itself. Here the rooms on the line meet without
 * importing each other.
 */

/** Read and evaluate the services of a range of slots. */
export interface PollJob {
  intervalSeconds: number;
  fromSlot: number;
  /** Inclusive. */
  toSlot: number;
  /** When they were due, milliseconds since the epoch. */
  dueAt: number;
}

/** Match alerts and evaluate what they concern; or evaluate services whose moment has come. */
export interface AlertsJob {
  alerts?: string[];
  services?: string[];
}

/** Execute; or find out what became of executions whose worker is gone. */
export interface ActionJob {
  executions: string[];
  /** Their targets have accepted them: ask how far they are. */
  waiting?: boolean;
}

/** Make the load balancer of an infrastructure follow its nodes. */
export interface SyncJob {
  infrastructure: string;
}

/** The name such jobs have on the queue `actions`; executions have none. */
export const SYNC_JOB = 'load-balancer';
