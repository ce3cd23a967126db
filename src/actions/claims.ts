import { Inject, Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf } from '../common/errors';
import { CONFIG, type Config } from '../config/config';
import { uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
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
import { DoubtfulClaims } from './doubtful-claims';
import { mine, type Claim, type Ended, type OpenExecution } from './execution';
import { admit, type Candidate, type Held, type Usage } from './limits';

/**
 * Condition for executions that are due. Allows 100 ms, since the process that queued the job knows PostgreSQL's time
 * less exactly than PostgreSQL.
 */
const DUE = `${MAY_ACT} AND e.status = 'queued' AND e.next_attempt_at <= ${NOW} + interval '100 milliseconds'`;
/**
 * Returns the condition for running executions whose worker is gone.
 *
 * @param canJudge expression that is true while signs of life can be judged
 */
export const lost = (canJudge: string): string =>
  `e.status = 'running' AND (e.lease_until < ${NOW} OR ${canJudge} AND ${isDead('e.lease_owner')})`;
/** Condition for executions that no limit applies to; `a` is the action. */
const UNLIMITED = `coalesce(a.concurrency, a.target_concurrency,
  (SELECT s.max_actions_per_hour FROM services s WHERE s.id = e.service_id)) IS NULL`;

/**
 * Key of the advisory lock (an arbitrary number) that is held while executions in flight are counted, so that two
 * workers never take the same last place.
 */
export const LIMITS_LOCK = 0x6c696d74;

/**
 * Returns a statement that claims executions. It locks rows first and skips those that another worker has locked, so
 * that two batches never wait for each other.
 */
const claiming = (condition: string): string =>
  `WITH ${mine('$1', '$2', condition)}
   UPDATE executions e
   SET status = 'running', tries = e.tries + (e.status = 'queued')::int, next_attempt_at = NULL, held = NULL,
     started_at = coalesce(e.started_at, ${NOW}),
     lease_owner = a.worker, lease_until = ${LEASE_END}, claim_number = e.claim_number + 1,
     attempts = CASE WHEN e.status = 'queued' THEN e.attempts || jsonb_build_object('startedAt', ${NOW_TEXT}) ELSE e.attempts END
   FROM mine a WHERE e.id = a.execution AND e.id = ANY($1::uuid[])
   RETURNING ${CLAIMED}`;

/** Claims queued executions that are due and that no limit applies to. */
const CLAIM_UNLIMITED = new Statement<ClaimedExecution>(
  'executions_claim',
  claiming(`${DUE} AND ${UNLIMITED}`),
  'by keys',
);

/** Claims queued executions that are due and that the limits admit. */
const CLAIM_ADMITTED = new Statement<ClaimedExecution>('executions_claim_admitted', claiming(DUE));

/** Claims running executions whose worker is gone. */
const CLAIM_LOST = new Statement<ClaimedExecution>(
  'executions_claim_lost',
  claiming(`${MAY_ACT} AND ${lost('$3::bool')}`),
  'by keys',
);

/** Makes executions due that a limit of these actions, or of their targets, holds: one for each place that is free. */
const RELEASE = new Statement<OpenExecution>(
  'executions_release',
  `UPDATE executions e SET next_attempt_at = $2
   WHERE e.id IN (
     SELECT h.id FROM executions h, LATERAL (SELECT target FROM actions WHERE id = h.action_id LIMIT 1) a
     WHERE h.status = 'queued' AND h.held->>'by' IN ('action', 'target') AND h.next_attempt_at > $2
       AND (h.action_id = ANY($1::uuid[]) OR a.target IN (SELECT target FROM actions WHERE id = ANY($1::uuid[])))
     ORDER BY h.id LIMIT $3 FOR UPDATE OF h SKIP LOCKED)
   RETURNING e.id, e.tries`,
);

/** Tells whether any of the executions is due. */
const ANY_DUE = new Statement(
  'executions_any_due',
  `SELECT FROM executions e WHERE e.id = ANY($1::uuid[]) AND ${DUE} LIMIT 1`,
  'by keys',
);

/** Locks executions that are due, with the limits that apply to them. */
const CANDIDATES = new Statement<Candidate>(
  'executions_candidates',
  `SELECT e.id, e.action_id AS action, e.action_name AS "actionName", a.concurrency, a.target,
     a.target_concurrency AS "targetConcurrency", e.service_id AS service, e.service_name AS "serviceName",
     s.max_actions_per_hour AS "maxPerHour", e.started_at IS NOT NULL OR e.kind = 'notice' AS "hasBegun"
   FROM executions e JOIN actions a ON a.id = e.action_id LEFT JOIN services s ON s.id = e.service_id
   WHERE e.id = ANY($1::uuid[]) AND ${DUE}
   ORDER BY e.id FOR UPDATE OF e SKIP LOCKED`,
);

/** Counts the executions in flight of actions, and of the targets that they share. */
const IN_FLIGHT = new Statement<{ action: string; target: string | null; count: number }>(
  'executions_in_flight',
  `SELECT e.action_id AS action, a.target, count(*)::int AS count
   FROM executions e JOIN actions a ON a.id = e.action_id
   WHERE e.status IN ('running', 'waiting') AND (e.action_id = ANY($1::uuid[]) OR a.target = ANY($2::text[]))
   GROUP BY 1, 2`,
);

/** Reads when the newest executions of services began, in the last hour: as many as the limit of each needs. */
const BEGUN_OF_SERVICES = new Statement<{ service: string; at: Date[] }>(
  'executions_begun_of_services',
  `SELECT u.service, b.at FROM unnest($1::uuid[], $2::int[]) AS u (service, at_most),
     LATERAL (SELECT array_agg(at) AS at FROM (
       SELECT started_at AS at FROM executions WHERE service_id = u.service AND started_at > $3::timestamptz - interval '1 hour'
       ORDER BY started_at DESC LIMIT u.at_most) newest) b
   WHERE u.at_most IS NOT NULL AND b.at IS NOT NULL`,
);

/** Reads when the newest executions of all services began, in the last hour; notices count for none. */
const BEGUN = new Statement<{ at: Date }>(
  'executions_begun',
  `SELECT started_at AS at FROM executions WHERE started_at > $1::timestamptz - interval '1 hour' AND kind <> 'notice'
   ORDER BY started_at DESC LIMIT $2`,
);

/**
 * Claims of executions by workers.
 *
 * A claim sets an execution `running` with a lease, in one UPDATE that names the state it starts from, so that one
 * worker at most gets it. Claims are batched into one statement. Where a limit applies, they are counted under a lock,
 * and executions over the limit stay `queued` with `held` set.
 */
@Injectable()
export class Claims {
  private readonly logger = new Logger('Actions');
  private readonly due = new Batcher((claims: Claim[]) =>
    this.doubts.claim('begun', claims, (some) => this.takeDue(some)),
  );
  private readonly lost = new Batcher((claims: Claim[]) =>
    this.doubts.claim('taken over', claims, (some) => this.takeLost(some)),
  );

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly life: SignOfLife,
    private readonly doubts: DoubtfulClaims,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Claims a queued execution that is due. Undefined when it must not run, another worker has it, or a limit holds it
   * for now.
   */
  claim(id: string, worker: string): Promise<ClaimedExecution | undefined> {
    return this.due.add({ id, worker });
  }

  /** Claims a running execution whose worker is gone. */
  claimLost(id: string, worker: string): Promise<ClaimedExecution | undefined> {
    return this.lost.add({ id, worker });
  }

  /**
   * Admits a test by a person under the limits of all executions. The test counts towards them once its row is written,
   * in the same transaction.
   *
   * @throws Conflict naming the limit that is reached
   */
  async admitTest(sql: Sql, actionId: string): Promise<void> {
    await sql.rows('SELECT pg_advisory_xact_lock($1)', [LIMITS_LOCK]);
    const candidates = await sql.rows<Candidate>(
      `SELECT a.id, a.id AS action, a.name AS "actionName", a.concurrency, a.target,
         a.target_concurrency AS "targetConcurrency", a.id AS service, '' AS "serviceName", NULL::int AS "maxPerHour",
         false AS "hasBegun"
       FROM actions a WHERE a.id = $1`,
      [actionId],
    );
    const now = this.clock.now();
    const usage = await this.usage(sql, candidates, now);
    const { held } = admit(candidates, usage, this.config.maxActionsPerHour, now.getTime());
    if (held[0] !== undefined) throw new Conflict(held[0].why);
  }

  /** Queues one held execution for each place that has become free. */
  async release(ended: readonly Ended[]): Promise<void> {
    const freed = ended.filter(({ status, someAreHeld }) => someAreHeld && status !== 'waiting');
    if (freed.length === 0) return;
    try {
      const now = this.clock.now();
      const released = await RELEASE.rows(this.database, [
        [...new Set(freed.map(({ actionId }) => actionId))],
        now,
        freed.length,
      ]);
      await this.queues.addExecutions(released, now);
    } catch (error) {
      // The sweep finds them at their moment.
      this.logger.warn(`executions that a limit holds wait for the sweep: ${messageOf(error)}`);
    }
  }

  private async takeLost(claims: readonly Claim[]): Promise<(ClaimedExecution | undefined)[]> {
    const values = [...idsAndWorkers(claims), this.life.canJudge];
    return inOrder(claims, await CLAIM_LOST.rows(this.database.keyed, values));
  }

  private async takeDue(claims: readonly Claim[]): Promise<(ClaimedExecution | undefined)[]> {
    const free =
      this.config.maxActionsPerHour === undefined
        ? await CLAIM_UNLIMITED.rows(this.database.keyed, idsAndWorkers(claims))
        : [];
    const taken = new Set(free.map(({ id }) => id));
    const left = claims.filter(({ id }) => !taken.has(id));
    if (left.length === 0 || !(await this.anyDue(left))) return inOrder(claims, free);
    return inOrder(claims, [...free, ...(await this.takeLimited(left, this.clock.now()))]);
  }

  /**
   * Tells whether any of the executions is still due: most that could not be claimed are done, or claimed by others.
   */
  private async anyDue(claims: readonly Claim[]): Promise<boolean> {
    const [row] = await ANY_DUE.rows(this.database.keyed, [uuids(claims.map(({ id }) => id))]);
    return row !== undefined;
  }

  private takeLimited(claims: readonly Claim[], now: Date): Promise<ClaimedExecution[]> {
    return this.database.transaction(async (sql) => {
      await sql.rows('SELECT pg_advisory_xact_lock($1)', [LIMITS_LOCK]);
      const candidates = await CANDIDATES.rows(sql, [claims.map(({ id }) => id)]);
      if (candidates.length === 0) return [];
      const usage = await this.usage(sql, candidates, now);
      const { admitted, held } = admit(candidates, usage, this.config.maxActionsPerHour, now.getTime());
      await hold(sql, held);
      const mine = claims.filter(({ id }) => admitted.includes(id));
      return CLAIM_ADMITTED.rows(sql, idsAndWorkers(mine));
    });
  }

  private async usage(sql: Sql, candidates: readonly Candidate[], now: Date): Promise<Usage> {
    const maxPerHour = this.config.maxActionsPerHour;
    const inFlight = await IN_FLIGHT.rows(sql, [
      candidates.map(({ action }) => action),
      candidates.map(({ target }) => target),
    ]);
    const services = new Map(candidates.map(({ service, maxPerHour }) => [service, maxPerHour]));
    const begun = await BEGUN_OF_SERVICES.rows(sql, [[...services.keys()], [...services.values()], now]);
    const all = maxPerHour === undefined ? [] : await BEGUN.rows(sql, [now, maxPerHour]);
    const atTarget = new Map<string, number>();
    for (const { target, count } of inFlight)
      if (target !== null) atTarget.set(target, (atTarget.get(target) ?? 0) + count);
    return {
      ofAction: new Map(inFlight.map(({ action, count }) => [action, count])),
      atTarget,
      ofService: new Map(begun.map(({ service, at }) => [service, at.map((moment) => moment.getTime())])),
      all: all.map(({ at }) => at.getTime()),
    };
  }
}

/** Writes which limit holds an execution, and until when. */
const HOLD = new Statement(
  'executions_hold',
  `UPDATE executions e SET next_attempt_at = u.until, held = u.held
   FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[]) AS u (id, until, held) WHERE e.id = u.id`,
);

async function hold(sql: Sql, held: readonly Held[]): Promise<void> {
  if (held.length === 0) return;
  await HOLD.rows(sql, [
    held.map(({ id }) => id),
    held.map(({ until }) => new Date(until)),
    held.map(({ by, why }) => JSON.stringify({ by, why })),
  ]);
}

const idsAndWorkers = (claims: readonly Claim[]): Buffer[] => [
  uuids(claims.map(({ id }) => id)),
  uuids(claims.map(({ worker }) => worker)),
];

function inOrder(
  claims: readonly Claim[],
  taken: readonly ClaimedExecution[],
): (ClaimedExecution | undefined)[] {
  const byId = new Map(taken.map((row) => [row.id, row]));
  return claims.map(({ id }) => {
    const claimed = byId.get(id);
    // Asked for twice in one batch: the first has it.
    byId.delete(id);
    return claimed;
  });
}
