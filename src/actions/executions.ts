import { Inject, Injectable } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { currentCaller } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, Forbidden, NotFound } from '../common/errors';
import { integers, jsons, texts, timestamps, uuids } from '../database/binary-format';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { inScopes, LABELS_OF_EXECUTION, scopesParameter, scopesWith, seenScopes } from '../database/scopes';
import type { Sql } from '../database/sql-pool';
import { KillSwitch } from '../kill-switch/kill-switch';
import { Queues } from '../queue/queues';
import { Rechecks } from '../queue/rechecks';
import { SignOfLife } from '../database/sign-of-life';
import { Statement } from '../database/statement';
import { NOW, NOW_TEXT } from '../queue/claimed-execution';
import { assertOther } from './approval-by-other';
import { Claims, lost } from './claims';
import { ENDED, own, type Ended, type Ending, type InHand, type OpenExecution } from './execution';

/** Filter for ended executions to retry. */
export interface RetryFilter {
  status: 'failed' | 'unknown' | 'cancelled';
  /** Id or name of the service. */
  service?: string;
  action?: string;
  from?: Date;
  to?: Date;
}

const RETRIED_AT_ONCE = 10_000;
/** Largest number of scaling executions retried at once: the nodes are checked again for each. */
const SCALING_RETRIED_AT_ONCE = 500;
/** Time to approve one whose service was deleted, seconds. */
const APPROVAL_SECONDS = 900;

interface OwnEnding {
  claimed: InHand;
  ending: Ending;
}

/** Tells whether a worker still holds an execution. */
const IS_IN_HAND = new Statement(
  'executions_in_hand',
  'SELECT FROM executions WHERE id = $1 AND lease_owner = $2 AND claim_number = $3 AND status IN ($4, $5)',
);

/** Records what is about to be done for an execution that its worker still holds. */
const INTEND = new Statement<{ id: string }>(
  'executions_intend',
  `UPDATE executions SET attempts = jsonb_set(attempts, '{-1,intended}', $4::jsonb)
   WHERE id = $1 AND status = 'running' AND lease_owner = $2 AND claim_number = $3 AND lease_until > ${NOW} RETURNING id`,
);

/** What there is to do for executions, and how far behind their workers are. */
export interface Look {
  /** Time for which the longest-due execution has waited, seconds; 0 when none is due. */
  oldestDueSeconds: number;
  /** Number of executions that wait because a limit is reached. */
  held: number;
  /** Whether an approval has expired, and whether the process of a test may be gone. */
  expired: boolean;
  tests: boolean;
  /** Whether some become due until a moment, or are. */
  near: boolean;
  /** Whether some run, and whether some wait for their target. */
  running: boolean;
  waiting: boolean;
}

/** Looks at what there is to do at a moment, up to another. */
const LOOK = new Statement<Look>(
  'executions_look',
  `SELECT greatest(0, coalesce(extract(epoch FROM $1::timestamptz - q.first), 0))::float8 AS "oldestDueSeconds",
     q.first IS NOT NULL AND q.first < $2 AS near,
     (SELECT count(*)::int FROM executions WHERE status = 'queued' AND held IS NOT NULL) AS held,
     EXISTS (SELECT FROM executions WHERE status = 'awaiting_approval' AND expires_at <= $1) AS expired,
     EXISTS (SELECT FROM executions WHERE status = 'running') AS running,
     EXISTS (SELECT FROM executions WHERE kind = 'test' AND status = 'running' AND expires_at < ${NOW}) AS tests,
     EXISTS (SELECT FROM executions WHERE status = 'waiting' AND next_attempt_at < $1) AS waiting
   FROM (SELECT min(next_attempt_at) AS first FROM executions WHERE status = 'queued') q`,
  'by keys',
);

/** Finds queued executions that are overdue, longest first. */
const OVERDUE = new Statement<OpenExecution>(
  'executions_overdue',
  `SELECT id, tries FROM executions WHERE status = 'queued' AND next_attempt_at < $1 ORDER BY next_attempt_at LIMIT $2`,
);

/** Finds queued executions that become due between two moments. */
const NEAR = new Statement<OpenExecution & { at: Date }>(
  'executions_near',
  `SELECT id, tries, next_attempt_at AS at FROM executions
   WHERE status = 'queued' AND next_attempt_at >= $1 AND next_attempt_at < $2 ORDER BY next_attempt_at LIMIT $3`,
);

/** Finds running executions whose worker is gone. */
const LOST = new Statement<OpenExecution>(
  'executions_lost',
  `SELECT e.id, e.tries FROM executions e WHERE ${lost('$1')} ORDER BY e.lease_until LIMIT $2`,
);

/** Beginning of what the history says of an approval. */
const APPROVED_BY = 'approved by';

/** Cancels executions that nobody has approved in time. */
const EXPIRE = new Statement(
  'executions_expire',
  `UPDATE executions SET status = 'cancelled', finished_at = $1, attempts = attempts || $2::jsonb
   WHERE status = 'awaiting_approval' AND expires_at <= $1 RETURNING id`,
);

/**
 * Tells of an execution `e` that a person had to approve, and none has: it was rejected, cancelled or expired before. What
 * a person did stands in its history; what a worker did is there only of one that was approved.
 */
const UNAPPROVED = `(e.expires_at IS NOT NULL AND NOT jsonb_path_exists(e.attempts,
  '$[*] ? (@.outcome != "person" || @.detail starts with "${APPROVED_BY} ")'))`;

/**
 * Executions in PostgreSQL: the outcome of each attempt, and changes by people. Every change names the state it starts
 * from, so that of two concurrent ones only one succeeds.
 */
@Injectable()
export class Executions {
  private readonly endings = new Batcher((endings: OwnEnding[]) => this.finishAll(endings));

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly claims: Claims,
    private readonly killSwitch: KillSwitch,
    private readonly rechecks: Rechecks,
    private readonly life: SignOfLife,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Writes the end of an attempt.
   *
   * @returns false when another worker has claimed the execution since
   */
  finish(claimed: InHand, ending: Ending): Promise<boolean> {
    return this.endings.add({ claimed, ending });
  }

  /** Tells whether the worker still holds the execution. */
  async isInHand({ id, worker, claimNumber }: InHand): Promise<boolean> {
    const rows = await IS_IN_HAND.rows(this.database, [id, worker, claimNumber, 'running', 'waiting']);
    return rows.length > 0;
  }

  private async finishAll(endings: OwnEnding[]): Promise<boolean[]> {
    const rows = await FINISH.rows(this.database.keyed, [
      uuids(endings.map(({ claimed }) => claimed.id)),
      uuids(endings.map(({ claimed }) => claimed.worker)),
      integers(endings.map(({ claimed }) => claimed.claimNumber)),
      texts(endings.map(({ ending }) => ending.status)),
      timestamps(endings.map(({ ending }) => ending.nextAttemptAt ?? null)),
      jsons(endings.map(({ ending }) => JSON.stringify(ending.attempt))),
      jsons(endings.map(({ ending }) => (ending.waiting ? JSON.stringify(ending.waiting.facts) : null))),
      timestamps(endings.map(({ ending }) => ending.waiting?.until ?? ending.notYetUntil ?? null)),
    ]);
    const finished = new Set(rows.map(({ id }) => id));
    const now = this.clock.now();
    const left = endings.filter(({ claimed }) => finished.has(claimed.id));
    const again = left.filter(({ ending }) => ending.status === 'queued');
    void this.queues.addExecutions(
      again.map(({ claimed: { id, tries }, ending }) => ({ id, tries, at: ending.nextAttemptAt })),
      now,
    );
    const waiting = left.filter(({ ending }) => ending.status === 'waiting');
    void this.queues.addWaiting(
      waiting.map(({ claimed: { id }, ending }) => ({ id, asked: 0, at: ending.nextAttemptAt })),
      now,
    );
    void this.claims.release(rows);
    return endings.map(({ claimed }) => finished.has(claimed.id));
  }

  /**
   * Records what is about to be done.
   *
   * @returns false when the worker does not hold the execution any more
   */
  async intend({ id, worker, claimNumber }: InHand, intent: object): Promise<boolean> {
    const rows = await INTEND.rows(this.database, [id, worker, claimNumber, JSON.stringify(intent)]);
    return rows.length > 0;
  }

  /** Tells whether an answer to one of its tries was lost, since it was queued last. */
  async hasLostAnswer(id: string): Promise<boolean> {
    const [row] = await this.database.rows<{ isLost: boolean }>(
      `SELECT EXISTS (SELECT FROM jsonb_array_elements(e.attempts) t WHERE t->>'outcome' IN ('ambiguous', 'lost')
         AND (t->>'startedAt')::timestamptz >= e.started_at) AS "isLost" FROM executions e WHERE id = $1`,
      [id],
    );
    return row?.isLost === true;
  }

  /** Looks, in one statement, at what a sweep has to do at a moment, or of what becomes due until another. */
  async look(now: Date, until: Date): Promise<Look> {
    const [row] = await LOOK.rows(this.database.keyed, [now, until]);
    return row!;
  }

  /**
   * Returns queued executions that are overdue: their jobs may be lost. The queue drops duplicates of jobs it still
   * has.
   */
  async overdue(before: Date, limit: number): Promise<OpenExecution[]> {
    return OVERDUE.rows(this.database, [before, limit]);
  }

  /** Returns queued executions that become due between two moments. */
  async near(from: Date, to: Date, limit: number): Promise<(OpenExecution & { at: Date })[]> {
    return NEAR.rows(this.database, [from, to, limit]);
  }

  /** Returns running executions whose worker is gone. */
  async lost(limit: number): Promise<OpenExecution[]> {
    return LOST.rows(this.database, [this.life.canJudge, limit]);
  }

  async expireApprovals(now: Date): Promise<number> {
    const rows = await EXPIRE.rows(this.database, [
      now,
      personally(now, 'the approval expired: nobody approved or rejected it in time'),
    ]);
    return rows.length;
  }

  /**
   * Retries an ended execution for a person, with the same id and so the same idempotency key. One that needs an approval
   * and never had one waits for it again.
   *
   * @throws Conflict when it is a test, its action was deleted, or it would now scale otherwise than it says
   */
  async retry(id: string): Promise<void> {
    await this.mayChange(id, 'operator');
    const now = this.clock.now();
    const [odd] = await this.database.rows<{ action: string; kind: string }>(
      `SELECT action_name AS action, kind FROM executions e
       WHERE id = $1 AND (kind = 'test' OR NOT EXISTS (SELECT FROM actions a WHERE a.id = e.action_id))`,
      [id],
    );
    if (odd?.kind === 'test')
      throw new Conflict(`a test is not retried; test ${odd.action} again by POST /actions/:id/test`);
    if (odd !== undefined) throw new Conflict(`its action ${odd.action} was deleted, so it can't be retried`);
    await this.rechecks.of(id);
    const { tries, status } = await this.change(id, RETRY, (sql) =>
      sql.rows<Changed>(
        `UPDATE executions e SET tries = 0, asked = 0, started_at = NULL, finished_at = NULL,
           status = CASE WHEN ${UNAPPROVED} THEN 'awaiting_approval' ELSE 'queued' END,
           next_attempt_at = CASE WHEN ${UNAPPROVED} THEN NULL ELSE $2::timestamptz END,
           expires_at = CASE WHEN ${UNAPPROVED} THEN $2::timestamptz + make_interval(secs => coalesce(
             (SELECT approval_ttl_seconds FROM services s WHERE s.id = e.service_id), $3)) ELSE e.expires_at END
         WHERE id = $1 AND status IN ('failed', 'unknown', 'cancelled') RETURNING tries, status`,
        [id, now, APPROVAL_SECONDS],
      ),
    );
    if (status === 'queued') await this.queues.addExecutions([{ id, tries }], now);
  }

  /**
   * Retries all matching executions whose action still exists, up to a limit. Those that would now scale otherwise than
   * they say are counted as `changed` and left to a person. Those that nobody has approved are left alone.
   */
  async retryAll(filter: RetryFilter): Promise<{ retried: number; changed?: number }> {
    const now = this.clock.now();
    const matching = `SELECT e.id FROM executions e JOIN actions a ON a.id = e.action_id JOIN triggers t ON t.id = e.trigger_id
         WHERE e.status = $1 AND NOT ${UNAPPROVED} AND ($2::text IS NULL OR e.service_name = $2 OR e.service_id::text = $2)
           AND ($3::text IS NULL OR e.action_name = $3 OR e.action_id::text = $3)
           AND ($4::timestamptz IS NULL OR e.created_at >= $4) AND ($5::timestamptz IS NULL OR e.created_at < $5)
           AND ${inScopes(LABELS_OF_EXECUTION, '$6')}`;
    const { status, service = null, action = null, from = null, to = null } = filter;
    const given = [status, service, action, from, to, scopesParameter(scopesWith('operator'))];
    const rows = await this.database.transaction(async (sql) => {
      const retried = await sql.rows<OpenExecution>(
        `UPDATE executions SET status = 'queued', tries = 0, asked = 0, next_attempt_at = $7, started_at = NULL, finished_at = NULL
         WHERE id IN (${matching} AND coalesce(t.delta, 0) = 0
           ORDER BY e.id LIMIT ${RETRIED_AT_ONCE} FOR UPDATE OF e SKIP LOCKED)
         RETURNING id, tries`,
        [...given, now],
      );
      const ids = retried.slice(0, IDS_NOTED).map((one) => one.id);
      const detail = { filter, count: retried.length, ids };
      // Those that scale are each retried, and written down, alone.
      await recordAudit(sql, [{ action: 'retry', object: { type: 'execution' }, detail }]);
      return retried;
    });
    await this.queues.addExecutions(rows, now);
    const scaling = await this.database.rows<{ id: string }>(
      `${matching} AND t.delta <> 0 ORDER BY e.id LIMIT ${SCALING_RETRIED_AT_ONCE}`,
      given,
    );
    let [retried, changed] = [rows.length, 0];
    // One after the other: each changes what the next one finds.
    for (const { id } of scaling) {
      try {
        await this.retry(id);
        retried += 1;
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        changed += 1;
      }
    }
    return { retried, ...(changed === 0 ? {} : { changed }) };
  }

  async cancel(id: string): Promise<void> {
    await this.mayChange(id, 'operator');
    const now = this.clock.now();
    await this.change(id, CANCEL, (sql) =>
      sql.rows<Changed>(
        `UPDATE executions SET status = 'cancelled', finished_at = $2, next_attempt_at = NULL, held = NULL,
           attempts = attempts || CASE WHEN 'waiting' IN (status, held->>'was') THEN $4::jsonb ELSE $3::jsonb END
         WHERE id = $1 AND status IN ('queued', 'awaiting_approval', 'waiting', 'held') RETURNING tries, status`,
        [
          id,
          now,
          personally(now, `cancelled by ${person()}`),
          personally(now, `cancelled by ${person()}; the target had accepted it and is not told`),
        ],
      ),
    );
  }

  async approve(id: string, note?: string): Promise<void> {
    await this.mayChange(id, 'approve');
    if (await this.killSwitch.isOn()) throw new Conflict('the kill switch is on: nothing is executed');
    const now = this.clock.now();
    await this.expireApprovals(now);
    await this.rechecks.of(id);
    const { tries } = await this.change(
      id,
      APPROVE,
      async (sql) => {
        await assertOther(sql, id);
        return sql.rows<Changed>(
          `UPDATE executions SET status = 'queued', next_attempt_at = $2, attempts = attempts || $3::jsonb
         WHERE id = $1 AND status = 'awaiting_approval' RETURNING tries, status`,
          [id, now, personally(now, undefined, `${APPROVED_BY} ${person()}${noted(note)}`)],
        );
      },
      note === undefined ? undefined : { note },
    );
    await this.queues.addExecutions([{ id, tries }], now);
  }

  async reject(id: string, note?: string): Promise<void> {
    await this.mayChange(id, 'approve');
    const now = this.clock.now();
    await this.change(
      id,
      REJECT,
      (sql) =>
        sql.rows<Changed>(
          `UPDATE executions SET status = 'cancelled', finished_at = $2, attempts = attempts || $3::jsonb
         WHERE id = $1 AND status = 'awaiting_approval' RETURNING tries, status`,
          [id, now, personally(now, `rejected by ${person()}${noted(note)}`)],
        ),
      note === undefined ? undefined : { note },
    );
  }

  /** Ends an `unknown` execution, or a held one, with what a person has found out at the target. */
  async resolve(id: string, status: 'succeeded' | 'failed', note: string): Promise<void> {
    await this.mayChange(id, 'operator');
    const now = this.clock.now();
    await this.change(
      id,
      RESOLVE,
      (sql) =>
        sql.rows<Changed>(
          `UPDATE executions SET status = $2, finished_at = $3, held = NULL, attempts = attempts || $4::jsonb
           WHERE id = $1 AND status IN ('unknown', 'held') RETURNING tries, status`,
          [id, status, now, personally(now, undefined, `resolved as ${status} by ${person()}: ${note}`)],
        ),
      { note },
    );
  }

  /**
   * Checks that the caller has a right over an execution.
   *
   * @throws NotFound when the caller may not even see it
   * @throws Forbidden
   */
  private async mayChange(id: string, right: 'operator' | 'approve'): Promise<void> {
    const scopes = scopesWith(right);
    if (scopes === null) return;
    const [row] = await this.database.rows<{ isSeen: boolean; isGiven: boolean }>(
      `SELECT ${inScopes(LABELS_OF_EXECUTION, '$2')} AS "isSeen", ${inScopes(LABELS_OF_EXECUTION, '$3')} AS "isGiven"
       FROM executions e WHERE e.id = $1`,
      [id, scopesParameter(seenScopes()), scopesParameter(scopes)],
    );
    if (row?.isSeen !== true) throw new NotFound('execution', id);
    if (!row.isGiven) throw new Forbidden(`execution ${id}: this needs the right ${right}`);
  }

  /**
   * Makes a change for a person, from one of the states that allow it, and writes down who made it.
   *
   * @throws NotFound, Conflict
   */
  private change(
    id: string,
    { action, verb, from }: Deed,
    work: (sql: Sql) => Promise<Changed[]>,
    detail?: Record<string, unknown>,
  ): Promise<Changed> {
    return this.database.transaction(async (sql) => {
      const [before] = await sql.rows<{ status: string; name: string }>(
        `SELECT status, ${NAME} AS name FROM executions WHERE id = $1 FOR UPDATE`,
        [id],
      );
      if (before === undefined) throw new NotFound('execution', id);
      const [changed] = await work(sql);
      if (changed === undefined)
        throw new Conflict(
          `an execution that is ${before.status} can't be ${verb}; only one that is ${from.join(' or ')} can`,
        );
      const object = { type: 'execution', id, name: before.name };
      const changes = [{ pointer: '/status', before: before.status, after: changed.status }];
      await recordAudit(sql, [{ action, object, changes, detail }]);
      return changed;
    });
  }
}

/** Name under which an execution is audited: its action, and the service that asked for it. */
const NAME = `concat_ws(' for ', action_name, service_name)`;

interface Changed {
  tries: number;
  status: string;
}

/** Act of a person on an execution, and the states from which it can be done. */
interface Deed {
  action: string;
  verb: string;
  from: readonly string[];
}

const RETRY: Deed = { action: 'retry', verb: 'retried', from: ['failed', 'unknown', 'cancelled'] };
const CANCEL: Deed = {
  action: 'cancel',
  verb: 'cancelled',
  from: ['queued', 'awaiting_approval', 'waiting', 'held'],
};
const APPROVE: Deed = { action: 'approve', verb: 'approved', from: ['awaiting_approval'] };
const REJECT: Deed = { action: 'reject', verb: 'rejected', from: ['awaiting_approval'] };
const RESOLVE: Deed = { action: 'resolve', verb: 'resolved', from: ['unknown', 'held'] };

/** Number of ids that the audit has of executions that were retried together. */
const IDS_NOTED = 100;

const noted = (note: string | undefined): string => (note === undefined || note === '' ? '' : `: ${note}`);

const person = (): string => currentCaller()?.actor ?? 'a person';

const FINISHED = `CASE WHEN own.status = 'waiting' THEN '{}' ELSE jsonb_build_object('finishedAt', ${NOW_TEXT}) END`;

/** Returns an entry of the history for what a person did, or for an expired approval. */
function personally(now: Date, error?: string, detail?: string): string {
  const at = now.toISOString();
  return JSON.stringify([{ startedAt: at, finishedAt: at, outcome: 'person', error, detail }]);
}

/** Writes the ends of attempts whose workers still hold them. */
const FINISH = new Statement<Ended>(
  'executions_finish',
  `WITH ${own(
    `unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::jsonb[], $8::timestamptz[])
       AS u (id, worker, claim_number, status, next_attempt_at, attempt, waiting, waits_until)`,
    `e.status = 'running' AND e.lease_owner = u.worker AND e.claim_number = u.claim_number`,
  )}
   UPDATE executions e
   SET status = own.status, lease_owner = NULL, lease_until = NULL, next_attempt_at = own.next_attempt_at,
     finished_at = CASE WHEN own.status IN ('queued', 'waiting') THEN NULL ELSE ${NOW} END,
     waiting = own.waiting, waits_until = own.waits_until,
     asked = CASE WHEN own.status <> 'queued' THEN 0 ELSE e.asked + (own.attempt->>'outcome' = 'not_yet')::int END,
     attempts = CASE WHEN own.attempt->>'outcome' = 'not_yet' AND e.attempts->-2->>'outcome' = 'not_yet'
       THEN jsonb_set(e.attempts - -1, '{-1}', (e.attempts->-2) || own.attempt || ${FINISHED} ||
         jsonb_build_object('times', coalesce((e.attempts->-2->>'times')::int, 1) + 1))
       ELSE jsonb_set(e.attempts, '{-1}', (e.attempts->-1) || own.attempt || ${FINISHED}) END
   FROM own WHERE e.id = own.id AND e.id = ANY($1::uuid[])
   RETURNING ${ENDED}`,
  'by keys',
);
