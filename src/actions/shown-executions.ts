import { Injectable } from '@nestjs/common';
import { NotFound } from '../common/errors';
import { isId } from '../common/ids';
import { Database } from '../database/database';
import { pageOf, type Page } from '../database/definitions';
import { inScopes, LABELS_OF_EXECUTION, scopesParameter, seenScopes } from '../database/scopes';
import type { Attempt, ExecutionStatus } from './execution';

/** Which executions are listed; what is left out selects nothing. */
export interface ExecutionFilter {
  /** Id or name of the service. */
  service?: string;
  /** Id or name of the action. */
  action?: string;
  status?: string;
  kind?: string;
  from?: Date;
  to?: Date;
  /** Largest number on the page. */
  limit: number;
  /** Id of the last execution of the page before. */
  cursor?: string;
}

interface ExecutionRow {
  id: string;
  kind: 'trigger' | 'test';
  /** Name of the service; null in tests, which have no trigger either. */
  service: string | null;
  action: string;
  trigger: string | null;
  status: ExecutionStatus;
  justification: string;
  attempts: Attempt[];
  createdAt: Date;
  nextAttemptAt: Date | null;
  expiresAt: Date | null;
  finishedAt: Date | null;
  /** Sentence about the limit it waits for. */
  held: string | null;
  /** Effect on the nodes of an infrastructure. */
  nodes: { current: number; desired: number; delta: number; direction?: string } | null;
}

/** SQL: what is shown; `$1` are the caller's scopes, out of which an action has no name. */
const SHOWN = `e.id, e.kind, e.service_name AS service,
  CASE WHEN $1::jsonb[] IS NULL OR ${inScopes('(SELECT a.labels FROM actions a WHERE a.id = e.action_id)', '$1')}
    THEN e.action_name ELSE e.action_id::text END AS action,
  e.trigger_id AS trigger, e.status, e.justification,
  e.attempts, e.created_at AS "createdAt", e.next_attempt_at AS "nextAttemptAt", e.expires_at AS "expiresAt", e.finished_at AS "finishedAt",
  e.held->>'why' AS held, e.variables->'nodes' AS nodes`;

/** Executions as people and the API see them. */
@Injectable()
export class ShownExecutions {
  constructor(private readonly database: Database) {}

  /** Returns a page of executions, newest first. */
  async list(filter: ExecutionFilter): Promise<Page<object>> {
    const { limit, cursor, from, to, service, action, status, kind } = filter;
    const rows = await this.database.rows<ExecutionRow>(
      `SELECT ${SHOWN} FROM executions e
       WHERE ${inScopes(LABELS_OF_EXECUTION, '$1')}
         AND ($2::uuid IS NULL OR e.id < $2) AND ($3::timestamptz IS NULL OR e.created_at >= $3)
         AND ($4::timestamptz IS NULL OR e.created_at < $4) AND ($5::text IS NULL OR e.status = $5)
         AND ($6::text IS NULL OR e.service_name = $6 OR e.service_id IN (SELECT id FROM services WHERE name = $6) OR e.service_id = $7)
         AND ($8::text IS NULL OR e.action_name = $8 OR e.action_id IN (SELECT id FROM actions WHERE name = $8) OR e.action_id = $9)
         AND ($10::text IS NULL OR e.kind = $10)
       ORDER BY e.id DESC LIMIT $11`,
      [
        scopesParameter(seenScopes()),
        cursor ?? null,
        from ?? null,
        to ?? null,
        status ?? null,
        service ?? null,
        service !== undefined && isId(service) ? service : null,
        action ?? null,
        action !== undefined && isId(action) ? action : null,
        kind ?? null,
        limit + 1,
      ],
    );
    const { items, nextCursor } = pageOf(rows, limit);
    return { items: items.map(show), nextCursor };
  }

  /** @throws NotFound */
  async get(id: string): Promise<object> {
    const [row] = await this.database.rows<ExecutionRow>(
      `SELECT ${SHOWN} FROM executions e WHERE e.id = $2 AND ${inScopes(LABELS_OF_EXECUTION, '$1')}`,
      [scopesParameter(seenScopes()), id],
    );
    if (row === undefined) throw new NotFound('execution', id);
    return show(row);
  }
}

/** Returns an execution as it is shown, without fields that are null. */
function show(row: ExecutionRow): object {
  const known = Object.entries(row).filter(([, value]) => value !== null);
  return { ...Object.fromEntries(known), idempotencyKey: row.id };
}
