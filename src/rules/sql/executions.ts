import { placeIn } from '../../common/traceparent';
import { BatchStatement, json, text, timestamp, uuid } from '../../database/statement';
import { numbersOf } from '../../engine/explain';
import {
  CLAIMED,
  LEASE_END,
  MAY_ACT,
  NOW,
  NOW_TEXT,
  type ClaimedExecution,
} from '../../queue/claimed-execution';
import { keptOf } from '../alerts-told';
import type { TriggerEntry } from './triggers';

/** Statements on executions that a trigger asks for. */

interface NewExecution {
  entry: TriggerEntry;
  id: string;
  action: string;
  /** Worker that is to begin with it at once. */
  worker: string | null;
}

/**
 * Inserts executions; those with a worker begin, where the limits of their actions allow it, and are returned. Services
 * with an hourly limit are checked when an execution is claimed.
 */
export const INSERT_EXECUTIONS = new BatchStatement<NewExecution, ClaimedExecution>(
  'ledger_executions',
  {
    id: uuid(({ id }) => id),
    trigger_id: uuid(({ entry }) => entry.trigger.id),
    service_id: uuid(({ entry }) => entry.compiled.service.id),
    service_name: text(({ entry }) => entry.compiled.service.name),
    action_id: uuid(({ action }) => action),
    status: text(({ entry }) => statusOf(entry)),
    held: json(({ entry }) => heldOf(entry)),
    justification: text(({ entry }) => entry.trigger.justification),
    variables: json(({ entry }) => variablesOf(entry)),
    expires_at: timestamp(({ entry }) => expiryOf(entry)),
    at: timestamp(({ entry }) => entry.at),
    worker: uuid(({ worker }) => worker),
  },
  ({ names, items }) =>
    `WITH e AS (
       INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, held, status, justification,
         variables, next_attempt_at, expires_at, created_at, finished_at, tries, started_at, lease_owner, lease_until, claim_number, attempts)
       SELECT e.id, e.trigger_id, e.service_id, e.service_name, a.id, a.name, nullif(e.held, 'null'),
         CASE WHEN b.begins THEN 'running' ELSE e.status END, e.justification, e.variables,
         CASE WHEN e.status = 'queued' AND NOT b.begins THEN e.at END, e.expires_at, e.at,
         CASE WHEN e.status = 'shadowed' THEN e.at END, b.begins::int, CASE WHEN b.begins THEN ${NOW} END,
         CASE WHEN b.begins THEN e.worker END, CASE WHEN b.begins THEN ${LEASE_END} END, b.begins::int,
         CASE WHEN b.begins THEN jsonb_build_array(jsonb_build_object('startedAt', ${NOW_TEXT})) ELSE '[]' END
       FROM ${items} AS e (${names})
         JOIN LATERAL (SELECT * FROM actions WHERE id = e.action_id LIMIT 1) a ON true,
         LATERAL (SELECT e.worker IS NOT NULL AND coalesce(a.concurrency, a.target_concurrency) IS NULL AND ${MAY_ACT} AS begins) b
       RETURNING *)
     SELECT ${CLAIMED} FROM e JOIN LATERAL (SELECT * FROM actions WHERE id = e.action_id LIMIT 1) a ON true
     WHERE e.status = 'running'`,
  'either way',
);

interface NewRequest {
  entry: TriggerEntry;
  id: string;
  action: string;
  /** Execution that waits for approval. */
  execution: string;
}

/** Inserts executions that tell people of what waits for approval. They are of no trigger: nothing is decided by them. */
export const INSERT_REQUESTS = new BatchStatement<NewRequest>(
  'ledger_requests',
  {
    id: uuid(({ id }) => id),
    service_name: text(({ entry }) => entry.compiled.service.name),
    action_id: uuid(({ action }) => action),
    justification: text(({ entry }) => entry.trigger.justification),
    variables: json(({ entry, execution }) => ({ ...variablesOf(entry), approval: { execution } })),
    at: timestamp(({ entry }) => entry.at),
  },
  ({ names, items }) =>
    `INSERT INTO executions (id, kind, service_name, action_id, action_name, status, justification, variables,
       next_attempt_at, created_at, tries, attempts)
     SELECT r.id, 'approval', r.service_name, a.id, a.name, 'queued', r.justification, r.variables, r.at, r.at, 0, '[]'
     FROM ${items} AS r (${names}) JOIN LATERAL (SELECT * FROM actions WHERE id = r.action_id LIMIT 1) a ON true`,
  'either way',
);

const statusOf = (entry: TriggerEntry): string =>
  heldOf(entry) === null ? STATUS[entry.compiled.rule.mode] : 'held';

/** Returns why executions are held, and with which status they go on. */
function heldOf({ compiled: { rule }, trigger }: TriggerEntry): object | null {
  if (trigger.held === undefined || rule.mode === 'shadow') return null;
  return { by: 'restore', was: STATUS[rule.mode], why: trigger.held };
}

const STATUS = { auto: 'queued', shadow: 'shadowed', approve: 'awaiting_approval' } as const;

function expiryOf({ compiled, at }: TriggerEntry): Date | null {
  if (compiled.rule.mode !== 'approve') return null;
  return new Date(at.getTime() + compiled.service.approvalTtlSeconds * 1000);
}

/** Returns the variables of an action's templates; the execution's id is added when it runs. */
export function variablesOf({ compiled, at, state, values, trigger, trace }: TriggerEntry): object {
  const { service, infrastructure } = compiled;
  const { nodes, justification, told, toldTotal } = trigger;
  return {
    service: { id: service.id, name: service.name, description: service.description, labels: service.labels },
    infrastructure: infrastructure && {
      id: infrastructure.id,
      name: infrastructure.name,
      labels: infrastructure.labels,
      minNodes: infrastructure.minNodes,
      maxNodes: infrastructure.maxNodes,
    },
    trigger: { id: trigger.id, at: at.toISOString(), reason: state.reason, justification },
    values: numbersOf(values),
    alerts: keptOf(told),
    alertsTotal: Math.max(toldTotal, told.length),
    alert: told[0],
    nodes: nodes && {
      current: nodes.current,
      desired: nodes.desired,
      delta: nodes.delta,
      direction: compiled.rule.scaling!.direction,
    },
    // Its attempts belong to the trace of the decision, whichever process makes them.
    trace: trace === undefined ? undefined : { id: placeIn(trace)?.traceId, parent: trace },
  };
}
