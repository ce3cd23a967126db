import type { ClaimedExecution } from '../queue/claimed-execution';
import type { Waiting } from './action';

export type ExecutionStatus =
  | 'queued'
  | 'awaiting_approval'
  | 'running'
  | 'waiting'
  | 'held'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | 'shadowed';

/**
 * Outcome of an attempt. `accepted`: the target works on it. `not_yet`: the target will take it later; consecutive ones
 * are one attempt with `times`.
 */
export type AttemptOutcome =
  'succeeded' | 'accepted' | 'permanent' | 'retryable' | 'not_yet' | 'ambiguous' | 'lost' | 'person';

export interface Attempt {
  startedAt: string;
  finishedAt?: string;
  outcome?: AttemptOutcome;
  /** Request in short, secrets masked. */
  request?: object;
  error?: string;
  detail?: string;
  /** Number of times the target answered `not_yet`. */
  times?: number;
  /** Intent that was recorded before the attempt. */
  intended?: object;
}

/**
 * Returns a CTE `mine`: locked executions, what their claim needs of their actions, and which worker claims them.
 * Written so that PostgreSQL looks up each id in the index, whatever number it expects: otherwise it may read all
 * executions that an action ever had.
 *
 * @param ids and workers: names of parameters, arrays of the same length
 * @param condition on an execution `e` and its action `a`
 */
export const mine = (ids: string, workers: string, condition: string): string =>
  `mine AS MATERIALIZED (
     SELECT e.id AS execution, c.worker, a.id, a.type, a.version, a.timeout_seconds, a.retry
     FROM unnest(${ids}::uuid[], ${workers}::uuid[]) AS c (id, worker),
       LATERAL (SELECT * FROM executions WHERE id = c.id LIMIT 1 FOR UPDATE SKIP LOCKED) e,
       LATERAL (SELECT * FROM actions WHERE id = e.action_id LIMIT 1) a
     WHERE ${halfOf(condition)})`;

/**
 * Returns a CTE `own`: the rows given for executions `u` that their worker still holds. Looked up as in `mine`.
 *
 * @param given the rows `u`
 * @param condition on an execution `e` and the rows given for it
 */
export const own = (given: string, condition: string): string =>
  `own AS MATERIALIZED (
     SELECT u.* FROM ${given}, LATERAL (SELECT * FROM executions WHERE id = u.id LIMIT 1 FOR NO KEY UPDATE) e
     WHERE ${halfOf(condition)})`;

/**
 * Returns a condition for which the planner expects half of the rows to match. For the plain condition it expects one
 * row, and then scans the whole batch for each row of it; for more rows it chooses a hash join.
 */
const halfOf = (condition: string): string => `CASE WHEN ${condition} THEN true ELSE false END`;

/** End of an attempt, and what follows. */
export interface Ending {
  attempt: Required<Pick<Attempt, 'outcome'>> & Pick<Attempt, 'request' | 'error' | 'detail'>;
  status: 'succeeded' | 'failed' | 'unknown' | 'queued' | 'waiting';
  /** Moment of the next attempt, for `queued`, or of the next question to the target, for `waiting`. */
  nextAttemptAt?: Date;
  /** Facts needed to ask the target, and the moment until which to ask, for `waiting`. */
  waiting?: { facts: Waiting; until: Date };
  /** Moment until which the target may answer `not_yet`, for `queued`. */
  notYetUntil?: Date;
}

/** Request of a worker for an execution. */
export interface Claim {
  id: string;
  worker: string;
}

export interface OpenExecution {
  id: string;
  tries: number;
}

/** Execution that a worker has claimed, as long as no other has claimed it since. */
export type InHand = Pick<ClaimedExecution, 'id' | 'tries' | 'worker' | 'claimNumber'>;

/** Execution whose end has been written. */
export interface Ended {
  id: string;
  actionId: string;
  status: ExecutionStatus;
  /** True when executions are held by a limit, perhaps for the place that is free now. */
  someAreHeld: boolean;
}

export const ENDED = `e.id, e.action_id AS "actionId", e.status,
  EXISTS (SELECT FROM executions WHERE status = 'queued' AND held IS NOT NULL) AS "someAreHeld"`;
