import { Inject, Injectable } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { integers, jsons, texts, timestamps, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import { CLAIMED, LEASE_GRACE_SECONDS, MAY_ACT, type Claimed } from '../queue/claimed';
import { Queues } from '../queue/queues';
import type { Waiting } from './action';
import { Claims } from './claims';
import { ENDED, mine, own, type Claim, type Ended, type Ending } from './execution';

/** One that waits, in the hands of a worker that asks the target. */
export interface ClaimedWaiting extends Claimed {
  waiting: Waiting;
  waitsUntil: Date;
}

/** What the target said of it. */
export interface Followed {
  status: 'waiting' | 'succeeded' | 'failed' | 'unknown';
  attempt: Ending['attempt'];
  waiting: Waiting;
}

interface OwnFollowed {
  claimed: ClaimedWaiting;
  worker: string;
  followed: Followed;
}

const FIRST_GAP_MS = 2_000;
const GROWTH = 1.5;
const LONGEST_GAP_MS = 60_000;

/** Milliseconds until the target is asked again, after so many times. */
export const gapMs = (asked: number): number => Math.min(FIRST_GAP_MS * GROWTH ** asked, LONGEST_GAP_MS);

/** Executions that their target has accepted: who may ask it now, what it said, and when it is asked again. */
@Injectable()
export class WaitingExecutions {
  private readonly questions = new Batcher((claims: Claim[]) => this.takeAll(claims));
  private readonly answers = new Batcher((answers: OwnFollowed[]) => this.noteAll(answers));

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly claims: Claims,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Undefined: it does not wait any more, its moment has not come, or somebody else asks. */
  claim(id: string, worker: string): Promise<ClaimedWaiting | undefined> {
    return this.questions.add({ id, worker });
  }

  /** Writes down what the target said; false when the lease was lost to somebody else meanwhile. */
  note(claimed: ClaimedWaiting, worker: string, followed: Followed): Promise<boolean> {
    return this.answers.add({ claimed, worker, followed });
  }

  /** Those whose moment is past and whom nobody asks: their job may be lost, or their worker. */
  async overdue(before: Date, now: Date, limit: number): Promise<{ id: string; asked: number }[]> {
    return this.database.rows(
      `SELECT id, asked FROM executions WHERE status = 'waiting' AND next_attempt_at < $1
         AND (lease_until IS NULL OR lease_until < $2) ORDER BY next_attempt_at LIMIT $3`,
      [before, now, limit],
    );
  }

  private async takeAll(claims: Claim[]): Promise<(ClaimedWaiting | undefined)[]> {
    const now = this.clock.now();
    const rows = await this.database.keyed.rows<ClaimedWaiting>(
      `WITH ${mine(
        '$1',
        '$2',
        `${MAY_ACT} AND e.status = 'waiting' AND e.next_attempt_at <= $3::timestamptz + interval '100 milliseconds'
           AND (e.lease_until IS NULL OR e.lease_until < $3)`,
      )}
       UPDATE executions e
       SET lease_owner = a.worker, lease_until = $3::timestamptz + make_interval(secs => a.timeout_seconds + $4)
       FROM mine a WHERE e.id = a.execution AND e.id = ANY($1::uuid[])
       RETURNING ${CLAIMED}, e.waiting`,
      [
        uuids(claims.map(({ id }) => id)),
        uuids(claims.map(({ worker }) => worker)),
        now,
        LEASE_GRACE_SECONDS,
      ],
      'executions_claim_waiting',
    );
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
    const rows = await this.database.keyed.rows<Ended>(
      `WITH ${own(
        `unnest($1::uuid[], $2::uuid[], $3::int[], $4::text[], $5::timestamptz[], $7::jsonb[], $8::jsonb[])
           AS u (id, worker, asked, status, next_attempt_at, attempt, waiting)`,
        `e.status = 'waiting' AND e.lease_owner = u.worker AND e.asked = u.asked`,
      )}
       UPDATE executions e
       SET status = own.status, lease_owner = NULL, lease_until = NULL, next_attempt_at = own.next_attempt_at,
         asked = e.asked + 1, waiting = own.waiting,
         finished_at = CASE WHEN own.status = 'waiting' THEN NULL ELSE $6::timestamptz END,
         attempts = jsonb_set(e.attempts, '{-1}', (e.attempts->-1) || own.attempt)
       FROM own WHERE e.id = own.id AND e.id = ANY($1::uuid[])
       RETURNING ${ENDED}`,
      [
        uuids(answers.map(({ claimed }) => claimed.id)),
        uuids(answers.map(({ worker }) => worker)),
        integers(answers.map(({ claimed }) => claimed.asked)),
        texts(answers.map(({ followed }) => followed.status)),
        timestamps(again),
        now,
        jsons(answers.map(({ followed }) => JSON.stringify(attemptOf(followed, now)))),
        jsons(answers.map(({ followed }) => JSON.stringify(followed.waiting))),
      ],
      'executions_note_waiting',
    );
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

/** What joins the attempt that was accepted. */
const attemptOf = ({ status, attempt }: Followed, now: Date): object =>
  status === 'waiting' ? attempt : { ...attempt, finishedAt: now.toISOString() };
