/** SQL and types of executions that a worker has claimed. */

import type { OpenSpan } from '../common/tracing';

/** Retry policy of an action. Durations in seconds. */
export interface RetryPolicy {
  attempts: number;
  backoffSeconds: number;
  maxBackoffSeconds: number;
}

/** Execution claimed by a worker, with the times of its action; the action's params are in the ActionCache. */
export interface ClaimedExecution {
  id: string;
  service: string;
  action: string;
  actionId: string;
  actionVersion: number;
  /** Type of its action. */
  type: string;
  tries: number;
  /**
   * Moment at which the first attempt since it was queued began whose answer was lost; else that of the present
   * attempt.
   */
  doubtfulSince: Date;
  /**
   * While queued: how often its target answered `not_yet`, which does not count as a try. While waiting: how often the
   * target was asked.
   */
  asked: number;
  /** Moment until which the target may still be asked. */
  waitsUntil: Date | null;
  /** Recorded intent of the last attempt whose outcome is not known. */
  intended: unknown;
  /** Id of the worker that holds the lease. */
  worker: string;
  /** Number of claims so far; an end that belongs to an older claim is not written. */
  claimNumber: number;
  variables: Record<string, unknown>;
  timeoutSeconds: number;
  retry: RetryPolicy;
  /** Span of what is being done with it, where that is traced. */
  span?: OpenSpan;
}

/** Columns of a claimed execution `e` and its action `a`. */
export const CLAIMED = `e.id, e.service_name AS service, e.action_name AS action, e.tries, e.variables, a.type, a.id AS "actionId",
  a.version AS "actionVersion", a.timeout_seconds AS "timeoutSeconds", a.retry, e.asked, e.waits_until AS "waitsUntil",
  e.lease_owner AS worker, e.claim_number AS "claimNumber",
  jsonb_path_query_array(e.attempts,
    '$[*] ? (@.outcome == "ambiguous" || @.outcome == "lost" || !exists(@.outcome)).intended')->-1 AS intended,
  CASE WHEN jsonb_array_length(e.attempts) = 1 THEN e.started_at ELSE
    (SELECT min((t->>'startedAt')::timestamptz) FROM jsonb_array_elements(e.attempts) t
     WHERE coalesce(t->>'outcome', 'lost') IN ('ambiguous', 'lost') AND (t->>'startedAt')::timestamptz >= e.started_at) END AS "doubtfulSince"`;

/** Time by which a lease outlives the action's timeout, seconds, for writing the outcome. */
const LEASE_GRACE_SECONDS = 10;
/** Duration of a lease for an action `a`, seconds. */
export const LEASE_SECONDS = `a.timeout_seconds + ${LEASE_GRACE_SECONDS}`;

/**
 * PostgreSQL's time, by which leases begin and end. In milliseconds, like the moments in JSON that it is compared with.
 */
export const NOW = `date_trunc('milliseconds', statement_timestamp())`;
/** The same as a text (RFC 3339). */
export const NOW_TEXT = `to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** Moment at which a lease ends that begins now, for an action `a`. */
export const LEASE_END = `${NOW} + make_interval(secs => ${LEASE_SECONDS})`;

/**
 * Condition that the kill switch is off, and that these are the tables that were recognised: what is restored in place,
 * under processes that run, acts for none of them. While it is false, decisions go on and executions wait.
 */
export const MAY_ACT = `(NOT (SELECT is_on FROM kill_switch) AND (SELECT table_oid FROM installation) = to_regclass('installation')::oid::bigint)`;
