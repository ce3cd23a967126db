import type { Sql } from '../database/sql-pool';
import { BatchStatement, integer, Statement, uuid } from '../database/statement';
import type { Ask, AskState } from '../engine/asked';

interface AskRow {
  infrastructure: string;
  trigger: string;
  delta: number;
  desired: number;
  left: number;
  isAsked: boolean;
  isUnderWay: boolean;
  awaitsApproval: boolean;
  doneAt: Date | null;
}

/** Reads what was asked for of infrastructures and no count has shown, with the state of its executions. */
const READ_ASKS = new Statement<AskRow>(
  'asks_read',
  `SELECT t.infrastructure_id AS infrastructure, t.id AS trigger, t.delta, t.desired, t.still_to_come AS left,
       t.asked_at IS NOT NULL AS "isAsked", e.*
     FROM triggers t,
       LATERAL (
         SELECT coalesce(bool_or(status IN ('queued', 'running', 'waiting')), false) AS "isUnderWay",
           coalesce(bool_or(status = 'awaiting_approval'), false) AS "awaitsApproval",
           max(finished_at) FILTER (WHERE status IN ('succeeded', 'unknown')) AS "doneAt"
         FROM executions WHERE trigger_id = t.id) e
     WHERE t.infrastructure_id = ANY($1::uuid[]) AND t.still_to_come <> 0
     ORDER BY t.asked_at NULLS LAST, t.id`,
  'either way',
);

/**
 * Reads what was asked for of infrastructures and no count has shown, by infrastructure, in the order in which it was
 * asked; with the state of the executions. An unknown outcome counts as done: a count will show it.
 */
export async function readAsks(
  sql: Sql,
  infrastructureIds: readonly string[],
): Promise<Map<string, readonly Ask[]>> {
  if (infrastructureIds.length === 0) return new Map();
  const rows = await READ_ASKS.rows(sql, [infrastructureIds]);
  const asks = new Map<string, Ask[]>();
  for (const row of rows) {
    const { infrastructure, trigger, delta, desired, left } = row;
    const ask: Ask = { trigger, delta, desired, left, state: stateOf(row) };
    const others = asks.get(infrastructure);
    if (others === undefined) asks.set(infrastructure, [ask]);
    else others.push(ask);
  }
  return asks;
}

function stateOf({ isAsked, isUnderWay, awaitsApproval, doneAt }: AskRow): AskState {
  if (isUnderWay) return { is: 'under_way' };
  if (awaitsApproval) return { is: isAsked ? 'under_way' : 'unapproved' };
  return doneAt === null ? { is: 'void' } : { is: 'done', at: doneAt.getTime() };
}

/** Writes what counts have shown of earlier asks, and which of them are over. */
export const writeAsks = (sql: Sql, changed: readonly Ask[]): Promise<unknown> =>
  WRITE_ASKS.rows(sql, changed);

/** Writes what is still to come of what was asked for. */
const WRITE_ASKS = new BatchStatement<Ask>(
  'asks_write',
  {
    id: uuid(({ trigger }) => trigger),
    '"left"': integer(({ left }) => left),
    desired: integer(({ desired }) => desired),
  },
  ({ names, items, all }) =>
    `UPDATE triggers t SET still_to_come = u.left, desired = u.desired
     FROM ${items} AS u (${names})
     WHERE t.id = u.id AND t.id = ANY(${all('id')})`,
  'by keys',
);
