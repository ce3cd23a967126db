import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf, NotFound } from '../common/errors';
import { Database } from '../database/database';
import { inScopes, LABELS_OF_EXECUTION, scopesParameter, seenScopes } from '../database/scopes';
import { ActionCache } from './action-cache';
import { excerptOf } from './excerpt';
import { renderedInTime } from './rendering';

/** What of an execution its request is made from. */
export interface Unsent {
  id: string;
  actionId: string;
  actionVersion: number;
  variables: Record<string, unknown>;
  timeoutSeconds: number;
}

/** Request as it would be sent now, secrets masked; or why it can't be made. */
export type AwaitingRequest = { request: object } | { error: string };

/** Requests of executions that wait for an approval, for whoever decides. Nothing is sent. */
@Injectable()
export class AwaitingRequests {
  constructor(
    private readonly database: Database,
    private readonly actions: ActionCache,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Returns the request of an execution that the caller may see.
   *
   * @throws NotFound
   * @throws Conflict when it does not wait for approval
   */
  async of(id: string): Promise<AwaitingRequest> {
    const [row] = await this.database.rows<Unsent & { status: string; actionVersion: number | null }>(
      `SELECT e.id, e.status, e.action_id AS "actionId", a.version AS "actionVersion", e.variables,
         a.timeout_seconds AS "timeoutSeconds"
       FROM executions e LEFT JOIN actions a ON a.id = e.action_id
       WHERE e.id = $2 AND ${inScopes(LABELS_OF_EXECUTION, '$1')}`,
      [scopesParameter(seenScopes()), id],
    );
    if (row === undefined) throw new NotFound('execution', id);
    if (row.status !== 'awaiting_approval')
      throw new Conflict(`execution ${id} is ${row.status}: its attempts say what was sent`);
    if (row.actionVersion === null) return { error: 'its action was deleted' };
    return this.shown(row);
  }

  async shown({ id, actionId, actionVersion, variables, timeoutSeconds }: Unsent): Promise<AwaitingRequest> {
    try {
      const { options, strategy, params, texts } = await this.actions.open(actionId, actionVersion);
      const all = { ...variables, execution: { id } };
      const rendered = await renderedInTime(options.params, params, all);
      const preview = strategy.preview(rendered, {
        timeoutMs: timeoutSeconds * 1000,
        now: this.clock.now(),
        executionId: id,
        variables: all,
        signal: new AbortController().signal,
      });
      return { request: excerptOf(preview, texts) };
    } catch (error) {
      return { error: messageOf(error) };
    }
  }
}
