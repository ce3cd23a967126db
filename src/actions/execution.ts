import type { ClaimedExecution } from '../queue/claimed-execution';
import type { Waiting } from './action';

export type ExecutionStatus =
  | 'queued'
  | 'awaiting_approval'
  | 'running'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | 'shadowed';

/** How one try ended; `accepted`: the target has it in hand; `not_yet`: it takes it later, and was asked `times` times. */
export type AttemptOutcome =
  'succeeded' | 'accepted' | 'permanent' | 'retryable' | 'not_yet' | 'ambiguous' | 'lost' | 'person';

export interface Attempt {
  startedAt: string;
  finishedAt?: string;
  outcome?: AttemptOutcome;
  /** What was sent, in short, secrets masked. */
  request?: object;
  error?: string;
  detail?: string;
  /** How often the target said `not_yet`. */
  times?: number;
  /** What was about to be done, written down before. */
  intended?: object;
}

/**
 * A CTE `mine`: executions that are locked, what their claim needs of their actions, and who claims them. A look into
 * the index for each, whatever the planner thinks of their number: it may read all executions that an action ever had.
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
 * A CTE `own`: what is given of executions `u` that are still in the hands of who gives it. Looked up as in `mine`.
 *
 * @param given the rows `u`
 * @param condition on an execution `e` and what is given of it
 */
export const own = (given: string, condition: string): string =>
  `own AS MATERIALIZED (
     SELECT u.* FROM ${given}, LATERAL (SELECT * FROM executions WHERE id = u.id LIMIT 1 FOR NO KEY UPDATE) e
     WHERE ${halfOf(condition)})`;

/**
 * A condition of which the planner supposes that half of the rows fulfil it. Of these conditions it supposes one row, and
 * then looks up all of the batch for each of the batch; what it takes for several it joins by a hash.
 */
const halfOf = (condition: string): string => `CASE WHEN ${condition} THEN true ELSE false END`;

/** How a try ended and what follows. */
export interface Ending {
  attempt: Required<Pick<Attempt, 'outcome'>> & Pick<Attempt, 'request' | 'error' | 'detail'>;
  status: 'succeeded' | 'failed' | 'unknown' | 'queued' | 'waiting';
  /** For `queued`: when it is tried again; for `waiting`: when the target is asked. */
  nextAttemptAt?: Date;
  /** For `waiting`: what is needed to ask, and until when that makes sense. */
  waiting?: { facts: Waiting; until: Date };
  /** For `queued`: until when the target may say that it can't yet. */
  notYetUntil?: Date;
}

/** Asked for by a worker. */
export interface Claim {
  id: string;
  worker: string;
}

export interface OpenExecution {
  id: string;
  tries: number;
}

/** One in the hands of a worker, as long as nobody has taken it over. */
export type InHand = Pick<ClaimedExecution, 'id' | 'tries' | 'worker' | 'claimNumber'>;

/** One that a worker has written down. */
export interface Ended {
  id: string;
  actionId: string;
  status: ExecutionStatus;
  /** Executions wait for a place, maybe for the one that is free now. */
  someAreHeld: boolean;
}

export const ENDED = `e.id, e.action_id AS "actionId", e.status,
  EXISTS (SELECT FROM executions WHERE status = 'queued' AND held IS NOT NULL) AS "someAreHeld"`;
