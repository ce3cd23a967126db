import { storableJson } from '../common/json';
import type { Sql } from '../database/sql-pool';
import { NOW, type ClaimedExecution } from '../queue/claimed-execution';
import { Permanent } from './action';
import { TELLING_TYPES } from './approval-links';

/** Message to a contact, as the execution of an action that tells. */
export interface NoticeExecution {
  id: string;
  actionId: string;
  /** What it says, for whoever reads executions. */
  justification: string;
  variables: object;
}

/**
 * Inserts an execution of kind `notice`, which is of no trigger and no service, in the transaction that writes down what
 * it tells.
 *
 * @returns false when the action does more than tell
 */
export async function insertNotice(sql: Sql, notice: NoticeExecution): Promise<boolean> {
  const rows = await sql.rows(
    `INSERT INTO executions (id, kind, action_id, action_name, status, justification, variables, next_attempt_at, created_at,
       tries, attempts)
     SELECT $1, 'notice', a.id, a.name, 'queued', $3, $4, ${NOW}, ${NOW}, 0, '[]'
     FROM actions a WHERE a.id = $2 AND a.type = ANY($5) RETURNING 1`,
    [
      notice.id,
      notice.actionId,
      notice.justification,
      storableJson(JSON.stringify(notice.variables)),
      TELLING_TYPES,
    ],
  );
  return rows.length > 0;
}

/**
 * Checks that an execution that tells a contact does no more: its action may have become another one since.
 *
 * @throws Permanent
 */
export function assertTells({ variables, type }: Pick<ClaimedExecution, 'variables' | 'type'>): void {
  if (variables.contact !== undefined && !TELLING_TYPES.includes(type))
    throw new Permanent(`${type} acts: only ${TELLING_TYPES.join(', ')} may tell a contact`);
}
