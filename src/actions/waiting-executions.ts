import { Inject, Injectable } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { integers, jsons, texts, timestamps, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import { isDead, SignOfLife } from '../database/sign-of-life';
import { Statement } from '../database/statement';
import {
  CLAIMED,
  LEASE_END,
  MAY_ACT,
  NOW,
  NOW_TEXT,
  type ClaimedExecution,
} from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import type { Waiting } from './action';
import { Claims } from './claims';
import { ENDED, mine, own, type Claim, type Ended, type Ending } from './execution';

/** Waiting execution, claimed by a worker that asks its target. */
export interface ClaimedWaiting extends ClaimedExecution {
  waiting: Waiting;
  waitsUntil: Date;
}

/** Answer of the target about an execution. */
export interface Followed {
  status: 'waiting' | 'succeeded' | 'failed' | 'unknown';
  attempt: Ending['attempt'];
  waiting: Waiting;
}

/** Returns the condition for executions that no living worker has claimed. */
const isFree = (canJudge: string): string =>
  `(e.lease_until IS NULL OR e.lease_until < ${NOW} OR ${canJudge} AND ${isDead('e.lease_owner')})`;

interface OwnFollowed {
  claimed: ClaimedWaiting;
  followed: Followed;
}

const FIRST_GAP_MS = 2_000;
const GROWTH = 1.5;
const LONGEST_GAP_MS = 60_000;

/**
 * Returns the gap before the next question to the target, milliseconds.
 *
 * @param asked number of questions so far
 */
export const gapMs = (asked: number): number => Math.min(FIRST_GAP_MS * GROWTH ** asked, LONGEST_GAP_MS);

/** Claims waiting executions that are due, for a question to their targets. */
const CLAIM_WAITING = new Statement<ClaimedWaiting>(
  'executions_claim_waiting',
  `WITH ${mine(
    '$1',
    '$2',
    `${MAY_ACT} AND e.status = 'waiting' AND e.next_attempt_at <= ${NOW} + interval '100 milliseconds'
       AND ${isFree('$3::bool')}`,
  )}
   UPDATE executions e
   SET lease_owner = a.worker, lease_until = ${LEASE_END}, claim_number = e.claim_number + 1
   FROM mine a WHERE e.id = a.execution AND e.id = ANY($1::uuid[])
   RETURNING ${CLAIMED}, e.waiting`,
  'by keys',
);

/** Writes what targets answered about waiting executions that their workers still hold. */
const NOTE_ANSWERS = new Statement<Ended>(
  'executions_note_waiting',
  `WITH ${own(
    `unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $6::jsonb[], $7::jsonb[])
       AS u (id, worker, claim_number, status, next_attempt_at, attempt, waiting)`,
    `e.status = 'waiting' AND e.lease_owner = u.worker AND e.claim_number = u.claim_number`,
  )}
   UPDATE executions e
   SET status = own.status, lease_owner = NULL, lease_until = NULL, next_attempt_at = own.next_attempt_at,
     asked = e.asked + 1, waiting = own.waiting,
     finished_at = CASE WHEN own.status = 'waiting' THEN NULL ELSE ${NOW} END,
     attempts = jsonb_set(e.attempts, '{-1}', (e.attempts->-1) || own.attempt ||
       CASE WHEN own.status = 'waiting' THEN '{}' ELSE jsonb_build_object('finishedAt', ${NOW_TEXT}) END)
   FROM own WHERE e.id = own.id AND e.id = ANY($1::uuid[])
   RETURNING ${ENDED}`,
  'by keys',
);

/** Finds waiting executions that are overdue and not claimed, longest first. */
const OVERDUE_WAITING = new Statement<{ id: string; asked: number }>(
  'executions_overdue_waiting',
  `SELECT e.id, e.asked FROM executions e WHERE e.status = 'waiting' AND e.next_attempt_at < $1
   AND ${isFree('$2')} ORDER BY e.next_attempt_at LIMIT $3`,
);

/**
 * Executions that their target has accepted. One is free, or claimed by one worker that asks the target; the answer
 * ends the execution or sets the moment of the next question.
 */
@Injectable()
export class WaitingExecutions {
  private readonly questions = new Batcher((claims: Claim[]) => this.takeAll(claims));
  private readonly answers = new Batcher((answers: OwnFollowed[]) => this.noteAll(answers));

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly claims: Claims,
    private readonly life: SignOfLife,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Claims a waiting execution that is due. Undefined when it does not wait any more, is not due yet, or another worker
   * has claimed it.
   */
  claim(id: string, worker: string): Promise<ClaimedWaiting | undefined> {
    return this.questions.add({ id, worker });
  }

  /**
   * Writes the answer of the target.
   *
   * @returns false when another worker has claimed the execution since
   */
  note(claimed: ClaimedWaiting, followed: Followed): Promise<boolean> {
    return this.answers.add({ claimed, followed });
  }

  /** Returns executions that are overdue and not claimed: their jobs, or their workers, may be lost. */
  async overdue(before: Date, limit: number): Promise<{ id: string; asked: number }[]> {
    return OVERDUE_WAITING.rows(this.database, [before, this.life.canJudge, limit]);
  }

  private async takeAll(claims: Claim[]): Promise<(ClaimedWaiting | undefined)[]> {
    const rows = await CLAIM_WAITING.rows(this.database.keyed, [
      uuids(claims.map(({ id }) => id)),
      uuids(claims.map(({ worker }) => worker)),
      this.life.canJudge,
    ]);
    const byId = new Map(rows.map((row) => [row.id, row]));
    return claims.map(({ id }) => {
      const claimed = byId.get(id);
      byId.delete(id);
      return claimed;
    });
  }

  private async noteAll(answers: OwnFollowed[]): Promise<boolean[]> {
    const now = this.clock.now();
    const again = answers.map(({ claimed, followed }) =>
      followed.status === 'waiting' ? new Date(now.getTime() + gapMs(claimed.asked + 1)) : null,
    );
    const rows = await NOTE_ANSWERS.rows(this.database.keyed, [
      uuids(answers.map(({ claimed }) => claimed.id)),
      uuids(answers.map(({ claimed }) => claimed.worker)),
      integers(answers.map(({ claimed }) => claimed.claimNumber)),
      texts(answers.map(({ followed }) => followed.status)),
      timestamps(again),
      jsons(answers.map(({ followed }) => JSON.stringify(followed.attempt))),
      jsons(answers.map(({ followed }) => JSON.stringify(followed.waiting))),
    ]);
    const noted = new Set(rows.map(({ id }) => id));
    void this.queues.addWaiting(
      answers.flatMap(({ claimed: { id, asked } }, index) => {
        const at = again[index];
        return noted.has(id) && at ? [{ id, asked: asked + 1, at }] : [];
      }),
      now,
    );
    void this.claims.release(rows);
    return answers.map(({ claimed }) => noted.has(claimed.id));
  }
}
