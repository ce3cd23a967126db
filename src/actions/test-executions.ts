import { Injectable } from '@nestjs/common';
import { Conflict } from '../common/errors';
import { storableJson } from '../common/json';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { LEASE_SECONDS, MAY_ACT, NOW, NOW_TEXT } from '../queue/claimed-execution';
import { Claims } from './claims';
import { ENDED, type AttemptOutcome, type Ended, type ExecutionStatus } from './execution';

/** Test that a person runs. */
export interface ActionTest {
  id: string;
  actionId: string;
  /** Who runs it, in words. */
  by: string;
  /** Request in short, secrets masked. */
  request: object | undefined;
}

export interface TestEnd {
  outcome: AttemptOutcome;
  error?: string;
  detail?: string;
}

/** Status for each outcome; others become `unknown`, since no target is asked again after a test. */
const STATUS_OF: Partial<Record<AttemptOutcome, ExecutionStatus>> = {
  succeeded: 'succeeded',
  permanent: 'failed',
  retryable: 'failed',
};

const LOST = { outcome: 'lost', error: 'the process that ran it stopped before the end was known' };

/**
 * Executions of kind `test`. One is `running` from before anything is sent, and then ends once. It is never queued and
 * never claimed by a worker, so it is never retried. If its end is not written in time, it becomes `unknown`.
 */
@Injectable()
export class TestExecutions {
  constructor(
    private readonly database: Database,
    private readonly claims: Claims,
  ) {}

  /**
   * Writes the execution, as `running`.
   *
   * @throws Conflict when the kill switch is on, or a limit is reached
   */
  begin({ id, actionId, by, request }: ActionTest): Promise<void> {
    return this.database.transaction(async (sql) => {
      await this.claims.admitTest(sql, actionId);
      const [begun] = await sql.rows<{ name: string }>(
        `INSERT INTO executions (id, kind, action_id, action_name, status, justification, variables, attempts, tries,
           created_at, started_at, expires_at)
         SELECT $1, 'test', a.id, a.name, 'running', $3, '{}',
           jsonb_build_array(jsonb_build_object('startedAt', ${NOW_TEXT}) || $4::jsonb), 1,
           ${NOW}, ${NOW}, ${NOW} + make_interval(secs => ${LEASE_SECONDS})
         FROM actions a WHERE a.id = $2 AND ${MAY_ACT} RETURNING action_name AS name`,
        [id, actionId, `a test by ${by}`, storableJson(JSON.stringify({ request }))],
      );
      if (begun === undefined) throw new Conflict('the kill switch is on: nothing is executed');
      const object = { type: 'action', id: actionId, name: begun.name };
      await recordAudit(sql, [{ action: 'test', object, detail: { dryRun: false, execution: id } }]);
    });
  }

  async finish(id: string, end: TestEnd): Promise<void> {
    const rows = await this.database.rows<Ended>(
      `UPDATE executions e SET status = $2, finished_at = ${NOW}, expires_at = NULL,
         attempts = jsonb_set(attempts, '{-1}', (attempts->-1) || $3::jsonb || jsonb_build_object('finishedAt', ${NOW_TEXT}))
       WHERE id = $1 AND kind = 'test' AND status = 'running' RETURNING ${ENDED}`,
      [id, STATUS_OF[end.outcome] ?? 'unknown', storableJson(JSON.stringify(end))],
    );
    await this.claims.release(rows);
  }

  /** Ends tests whose process is gone. */
  async endLost(): Promise<void> {
    const rows = await this.database.rows<Ended>(
      `UPDATE executions e SET status = 'unknown', finished_at = ${NOW}, expires_at = NULL,
         attempts = jsonb_set(attempts, '{-1}', (attempts->-1) || $1::jsonb || jsonb_build_object('finishedAt', ${NOW_TEXT}))
       WHERE kind = 'test' AND status = 'running' AND expires_at < ${NOW} RETURNING ${ENDED}`,
      [JSON.stringify(LOST)],
    );
    await this.claims.release(rows);
  }
}
