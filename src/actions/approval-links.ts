import { hash, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { CONFIG, type Config } from '../config/config';
import { Database } from '../database/database';
import { NOW, type ClaimedExecution } from '../queue/claimed-execution';
import { Permanent } from './action';

/** Types of the actions that may tell people of an execution that waits for approval: whatever else acts. */
export const TELLING_TYPES: readonly string[] = ['chat', 'email', 'webhook'];

const TOKEN_BYTES = 32;
/** Longest time that a link is known after it has expired, and most of them that go at once. */
const KEPT = '1 day';
const GONE_AT_ONCE = 1_000;

/** Link to the page of an execution that waits for approval. */
export interface ApprovalLink {
  url: string;
  /** Part of the URL that nobody may read but who gets the message. */
  token: string;
}

/** Execution that a link is for. */
export interface Awaiting {
  id: string;
  service: string;
  action: string;
  actionId: string;
  type: string;
  actionVersion: number;
  justification: string;
  variables: Record<string, unknown>;
  expiresAt: Date;
  timeoutSeconds: number;
  /** True when whoever last changed the service may not approve: then a link does not do. */
  byOther: boolean;
}

/**
 * Links that approve or reject one execution each. A link is void when the execution does not wait any more, whoever
 * decided it, and when its approval has expired.
 */
@Injectable()
export class ApprovalLinks {
  constructor(
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /**
   * Makes the link for an execution that asks people for an approval; undefined for all others.
   *
   * @throws Permanent when its action does more than tell, or nothing waits for approval any more
   */
  async for({
    variables,
    type,
  }: Pick<ClaimedExecution, 'variables' | 'type'>): Promise<ApprovalLink | undefined> {
    const { approval } = variables as { approval?: { execution: string } };
    if (approval === undefined) return undefined;
    if (!TELLING_TYPES.includes(type))
      throw new Permanent(`${type} acts: only ${TELLING_TYPES.join(', ')} may ask for approvals`);
    const token = randomBytes(TOKEN_BYTES).toString('base64url');
    const made = await this.database.rows(
      `WITH gone AS (DELETE FROM approval_links WHERE token_hash IN (
         SELECT token_hash FROM approval_links WHERE expires_at < ${NOW} - interval '${KEPT}' LIMIT ${GONE_AT_ONCE}))
       INSERT INTO approval_links (token_hash, execution_id, expires_at)
       SELECT $1, e.id, e.expires_at FROM executions e
       WHERE e.id = $2 AND e.status = 'awaiting_approval' AND e.expires_at > ${NOW} RETURNING 1`,
      [hashOf(token), approval.execution],
    );
    if (made.length === 0) throw new Permanent('what it asks for does not wait for approval any more');
    const { publicUrl } = this.config;
    // The message is worth sending without a link as well.
    const url =
      publicUrl === undefined
        ? '(no link: MONSCALE_PUBLIC_URL is not set)'
        : `${publicUrl.replace(/\/+$/, '')}/approve/${token}`;
    return { url, token };
  }

  /** Returns what a link is for; undefined when it is void. */
  async find(token: string): Promise<Awaiting | undefined> {
    const [row] = await this.database.rows<Awaiting & Record<string, unknown>>(
      `SELECT e.id, e.service_name AS service, e.action_name AS action, e.action_id AS "actionId", a.type,
         a.version AS "actionVersion", a.timeout_seconds AS "timeoutSeconds", e.justification, e.variables,
         e.expires_at AS "expiresAt", coalesce(s.approval_by_other, false) AS "byOther"
       FROM approval_links l JOIN executions e ON e.id = l.execution_id JOIN actions a ON a.id = e.action_id
         LEFT JOIN services s ON s.id = e.service_id
       WHERE l.token_hash = $1 AND e.status = 'awaiting_approval' AND e.expires_at > ${NOW} AND l.expires_at > ${NOW}`,
      [hashOf(token)],
    );
    return row;
  }
}

const hashOf = (token: string): Buffer => hash('sha256', token, 'buffer');
