/** Executions in the hands of a worker, as whoever puts them there reads them. */

/** How an action is tried again. Durations in seconds. */
export interface RetryPolicy {
  attempts: number;
  backoffSeconds: number;
  maxBackoffSeconds: number;
}

/** An execution in the hands of a worker, with what its action says of time; its params are in the action book. */
export interface ClaimedExecution {
  id: string;
  service: string;
  action: string;
  actionId: string;
  actionVersion: number;
  /** Of its action. */
  type: string;
  tries: number;
  /** When the first try began, since it was queued, whose answer was lost; else when this one did. */
  doubtfulSince: Date;
  /** While it is queued: how often its target said that it can't yet, which counts as no try; while it waits: how often it was asked. */
  asked: number;
  /** Until when that may be so. */
  waitsUntil: Date | null;
  /** What the last try has written down before it did it, of those of which nobody can tell what came of them. */
  intended: unknown;
  /** Whose lease it is. */
  worker: string;
  /** How often it was taken in hand: the end of an older time is not written. */
  claimNumber: number;
  variables: Record<string, unknown>;
  timeoutSeconds: number;
  retry: RetryPolicy;
}

/** What is read of a claimed execution `e` and its action `a`. */
export const CLAIMED = `e.id, e.service_name AS service, e.action_name AS action, e.tries, e.variables, a.type, a.id AS "actionId",
  a.version AS "actionVersion", a.timeout_seconds AS "timeoutSeconds", a.retry, e.asked, e.waits_until AS "waitsUntil",
  e.lease_owner AS worker, e.claim_number AS "claimNumber",
  jsonb_path_query_array(e.attempts,
    '$[*] ? (@.outcome == "ambiguous" || @.outcome == "lost" || !exists(@.outcome)).intended')->-1 AS intended,
  CASE WHEN jsonb_array_length(e.attempts) = 1 THEN e.started_at ELSE
    (SELECT min((t->>'startedAt')::timestamptz) FROM jsonb_array_elements(e.attempts) t
     WHERE coalesce(t->>'outcome', 'lost') IN ('ambiguous', 'lost') AND (t->>'startedAt')::timestamptz >= e.started_at) END AS "doubtfulSince"`;

/** A worker's lease outlives its timeout by this: time to write down what came of it. */
const LEASE_GRACE_SECONDS = 10;
/** How long a lease lasts, for an action `a`. */
export const LEASE_SECONDS = `a.timeout_seconds + ${LEASE_GRACE_SECONDS}`;

/** Leases begin and end by PostgreSQL's clock alone. As precise as moments are in JSON, with which it is compared. */
export const NOW = `date_trunc('milliseconds', statement_timestamp())`;
/** The same as a text of RFC 3339. */
export const NOW_TEXT = `to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** When a lease ends that begins now, for an action `a`. */
export const LEASE_END = `${NOW} + make_interval(secs => ${LEASE_SECONDS})`;

/** Decisions go on, acts do not: what is queued waits until the switch is off again. */
export const MAY_ACT = 'NOT (SELECT is_on FROM kill_switch)';
