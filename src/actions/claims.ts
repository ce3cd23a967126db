import { Inject, Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict, messageOf } from '../common/errors';
import { CONFIG, type Config } from '../config/config';
import { uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { isDead, SignOfLife } from '../database/sign-of-life';
import {
  CLAIMED,
  LEASE_END,
  MAY_ACT,
  NOW,
  NOW_TEXT,
  type ClaimedExecution,
} from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
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
const LIMITS_LOCK = 0x6c696d74;

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
  private readonly due = new Batcher((claims: Claim[]) => this.takeDue(claims));
  private readonly lost = new Batcher(async (claims: Claim[]) => {
    const condition = `${MAY_ACT} AND ${lost('$3::bool')}`;
    const taken = await this.take(this.database.keyed, claims, condition, 'executions_claim_lost', [
      this.life.canJudge,
    ]);
    return inOrder(claims, taken);
  });

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly life: SignOfLife,
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
      const released = await this.database.rows<OpenExecution>(
        `UPDATE executions e SET next_attempt_at = $2
         WHERE e.id IN (
           SELECT h.id FROM executions h JOIN actions a ON a.id = h.action_id
           WHERE h.status = 'queued' AND h.held->>'by' IN ('action', 'target') AND h.next_attempt_at > $2
             AND (h.action_id = ANY($1::uuid[]) OR a.target IN (SELECT target FROM actions WHERE id = ANY($1::uuid[])))
           ORDER BY h.id LIMIT $3 FOR UPDATE OF h SKIP LOCKED)
         RETURNING e.id, e.tries`,
        [[...new Set(freed.map(({ actionId }) => actionId))], now, freed.length],
        'executions_release',
      );
      await this.queues.addExecutions(released, now);
    } catch (error) {
      // The sweep finds them at their moment.
      this.logger.warn(`executions that a limit holds wait for the sweep: ${messageOf(error)}`);
    }
  }

  private async takeDue(claims: Claim[]): Promise<(ClaimedExecution | undefined)[]> {
    const free =
      this.config.maxActionsPerHour === undefined
        ? await this.take(this.database.keyed, claims, `${DUE} AND ${UNLIMITED}`, 'executions_claim')
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
    const [row] = await this.database.keyed.rows(
      `SELECT FROM executions e WHERE e.id = ANY($1::uuid[]) AND ${DUE} LIMIT 1`,
      [uuids(claims.map(({ id }) => id))],
      'executions_any_due',
    );
    return row !== undefined;
  }

  /**
   * Claims executions in one statement. Locks rows first and skips those that another worker has locked, so that two
   * batches never wait for each other.
   */
  private take(
    sql: Sql,
    claims: readonly Claim[],
    condition: string,
    name: string,
    given: readonly unknown[] = [],
  ): Promise<ClaimedExecution[]> {
    return sql.rows<ClaimedExecution>(
      `WITH ${mine('$1', '$2', condition)}
       UPDATE executions e
       SET status = 'running', tries = e.tries + (e.status = 'queued')::int, next_attempt_at = NULL, held = NULL,
         started_at = coalesce(e.started_at, ${NOW}),
         lease_owner = a.worker, lease_until = ${LEASE_END}, claim_number = e.claim_number + 1,
         attempts = CASE WHEN e.status = 'queued' THEN e.attempts || jsonb_build_object('startedAt', ${NOW_TEXT}) ELSE e.attempts END
       FROM mine a WHERE e.id = a.execution AND e.id = ANY($1::uuid[])
       RETURNING ${CLAIMED}`,
      [uuids(claims.map(({ id }) => id)), uuids(claims.map(({ worker }) => worker)), ...given],
      name,
    );
  }

  private takeLimited(claims: readonly Claim[], now: Date): Promise<ClaimedExecution[]> {
    return this.database.transaction(async (sql) => {
      await sql.rows('SELECT pg_advisory_xact_lock($1)', [LIMITS_LOCK]);
      const candidates = await sql.rows<Candidate>(
        `SELECT e.id, e.action_id AS action, e.action_name AS "actionName", a.concurrency, a.target,
           a.target_concurrency AS "targetConcurrency", e.service_id AS service, e.service_name AS "serviceName",
           s.max_actions_per_hour AS "maxPerHour", e.started_at IS NOT NULL OR e.kind = 'notice' AS "hasBegun"
         FROM executions e JOIN actions a ON a.id = e.action_id LEFT JOIN services s ON s.id = e.service_id
         WHERE e.id = ANY($1::uuid[]) AND ${DUE}
         ORDER BY e.id FOR UPDATE OF e SKIP LOCKED`,
        [claims.map(({ id }) => id)],
        'executions_candidates',
      );
      if (candidates.length === 0) return [];
      const usage = await this.usage(sql, candidates, now);
      const { admitted, held } = admit(candidates, usage, this.config.maxActionsPerHour, now.getTime());
      await hold(sql, held);
      const mine = claims.filter(({ id }) => admitted.includes(id));
      return this.take(sql, mine, DUE, 'executions_claim_admitted');
    });
  }

  private async usage(sql: Sql, candidates: readonly Candidate[], now: Date): Promise<Usage> {
    const maxPerHour = this.config.maxActionsPerHour;
    const inFlight = await sql.rows<{ action: string; target: string | null; count: number }>(
      `SELECT e.action_id AS action, a.target, count(*)::int AS count
       FROM executions e JOIN actions a ON a.id = e.action_id
       WHERE e.status IN ('running', 'waiting') AND (e.action_id = ANY($1::uuid[]) OR a.target = ANY($2::text[]))
       GROUP BY 1, 2`,
      [candidates.map(({ action }) => action), candidates.map(({ target }) => target)],
      'executions_in_flight',
    );
    const services = new Map(candidates.map(({ service, maxPerHour }) => [service, maxPerHour]));
    const begun = await sql.rows<{ service: string; at: Date[] }>(
      `SELECT u.service, b.at FROM unnest($1::uuid[], $2::int[]) AS u (service, at_most),
         LATERAL (SELECT array_agg(at) AS at FROM (
           SELECT started_at AS at FROM executions WHERE service_id = u.service AND started_at > $3::timestamptz - interval '1 hour'
           ORDER BY started_at DESC LIMIT u.at_most) newest) b
       WHERE u.at_most IS NOT NULL AND b.at IS NOT NULL`,
      [[...services.keys()], [...services.values()], now],
      'executions_begun_of_services',
    );
    const all =
      maxPerHour === undefined
        ? []
        : await sql.rows<{ at: Date }>(
            `SELECT started_at AS at FROM executions WHERE started_at > $1::timestamptz - interval '1 hour' AND kind <> 'notice'
             ORDER BY started_at DESC LIMIT $2`,
            [now, maxPerHour],
            'executions_begun',
          );
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

async function hold(sql: Sql, held: readonly Held[]): Promise<void> {
  if (held.length === 0) return;
  await sql.rows(
    `UPDATE executions e SET next_attempt_at = u.until, held = u.held
     FROM unnest($1::uuid[], $2::timestamptz[], $3::jsonb[]) AS u (id, until, held) WHERE e.id = u.id`,
    [
      held.map(({ id }) => id),
      held.map(({ until }) => new Date(until)),
      held.map(({ by, why }) => JSON.stringify({ by, why })),
    ],
    'executions_hold',
  );
}

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
