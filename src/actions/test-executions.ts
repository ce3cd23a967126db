import { Injectable } from '@nestjs/common';
import { Conflict } from '../common/errors';
import { storableJson } from '../common/json';
import { Database } from '../database/database';
import { LEASE_SECONDS, MAY_ACT, NOW, NOW_TEXT } from '../queue/claimed-execution';
import { Claims } from './claims';
import { ENDED, type AttemptOutcome, type Ended, type ExecutionStatus } from './execution';

/** What a person tries. */
export interface ActionTest {
  id: string;
  actionId: string;
  /** Who it is, in words. */
  by: string;
  /** What will be sent, in short, secrets masked. */
  request: object | undefined;
}

export interface TestEnd {
  outcome: AttemptOutcome;
  error?: string;
  detail?: string;
}

/** Nobody asks a target again after a test: what is not over then can't be told. */
const STATUS_OF: Partial<Record<AttemptOutcome, ExecutionStatus>> = {
  succeeded: 'succeeded',
  permanent: 'failed',
  retryable: 'failed',
};

const LOST = { outcome: 'lost', error: 'the process that ran it stopped before the end was known' };

/**
 * Executions of kind `test`: `running` from before anything is sent, then ended once and for all. They are never queued
 * and no worker takes them, so that none is ever tried again. One whose end nobody wrote down in time is `unknown`.
 */
@Injectable()
export class TestExecutions {
  constructor(
    private readonly database: Database,
    private readonly claims: Claims,
  ) {}

  /** @throws Conflict under the kill switch, and where a limit leaves no room */
  begin({ id, actionId, by, request }: ActionTest): Promise<void> {
    return this.database.transaction(async (sql) => {
      await this.claims.admitTest(sql, actionId);
      const [begun] = await sql.rows(
        `INSERT INTO executions (id, kind, action_id, action_name, status, justification, variables, attempts, tries,
           created_at, started_at, expires_at)
         SELECT $1, 'test', a.id, a.name, 'running', $3, '{}',
           jsonb_build_array(jsonb_build_object('startedAt', ${NOW_TEXT}) || $4::jsonb), 1,
           ${NOW}, ${NOW}, ${NOW} + make_interval(secs => ${LEASE_SECONDS})
         FROM actions a WHERE a.id = $2 AND ${MAY_ACT} RETURNING id`,
        [id, actionId, `a test by ${by}`, storableJson(JSON.stringify({ request }))],
      );
      if (begun === undefined) throw new Conflict('the kill switch is on: nothing is executed');
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

  /** Those whose process is gone. */
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
