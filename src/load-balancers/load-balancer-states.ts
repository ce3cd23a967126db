import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { MappingChoice } from '../database/entities';
import { isDead, SignOfLife } from '../database/sign-of-life';
import { Statement } from '../database/statement';
import { NOW } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import type { Memory, Seat, Step } from './plan';

/** Outcome of a sync. */
export type SyncOutcome =
  /** Members are the nodes. */
  | 'in_sync'
  /** Changes were made, or members drain: the next sync is soon. */
  | 'under_way'
  /** Members whose nodes are gone must stay, since no other member takes work. */
  | 'held'
  /** Nodes can't be listed, or the list is empty: nothing was changed. */
  | 'nodes_unknown'
  /** Error of the load balancer: it can't be reached, or has refused something. */
  | 'failed'
  /** Sync that is overdue; only shown, never stored. */
  | 'not_looked';

/** Change of a member, and why. One that is `begun` and neither done nor failed may have been made. */
export interface Change extends Pick<Step, 'change' | 'why'> {
  at: string;
  member: string;
  outcome: 'begun' | 'done' | 'failed';
  error?: string;
}

/** Load balancer claimed by a worker, as it is defined now. */
export interface Claimed {
  id: string;
  name: string;
  nodes: MappingChoice | null;
  loadBalancer: MappingChoice;
  pool: string;
  memory: Memory;
  changes: Change[];
  outcome: SyncOutcome | null;
  worker: string;
  /** End of the lease, and also the moment of the next sync if the worker dies. Different in each claim. */
  leaseUntil: Date;
}

export interface SyncEnd {
  outcome: SyncOutcome;
  explanation: string;
  error?: string;
  /** Members of the pool; absent when it could not be read. */
  members?: Seat[];
  changes: Change[];
  nextSyncAt: Date;
}

/** Load balancer as it is shown. */
export interface ShownLoadBalancer {
  pool?: string;
  outcome?: SyncOutcome;
  /** Moment at which the outcome last changed. */
  since?: Date;
  explanation?: string;
  error?: string;
  members: Seat[];
  /** Last changes, newest last. */
  changes: Change[];
  lastSyncAt?: Date;
  nextSyncAt: Date;
}

const CHANGES_KEPT = 100;
/** Delay after which a due sync counts as overdue, milliseconds. */
const OVERDUE_MS = 30_000;
/** Time for which the end of an execution makes a sync due, seconds; the regular sync has covered older ones. */
const JUST_NOW_SECONDS = 10;

/** Returns the condition for load balancers whose moment has come, or whose worker is dead. */
const IS_DUE = (canJudge: string): string =>
  `(l.next_sync_at <= ${NOW} + interval '100 milliseconds' AND (l.lease_until IS NULL OR l.lease_until <= ${NOW})
     OR ${canJudge}::bool AND l.lease_owner IS NOT NULL AND ${isDead('l.lease_owner')})`;

/** Makes load balancers due for whose infrastructure an execution has just succeeded. */
const HASTEN_CHANGED = new Statement(
  'load_balancers_hasten',
  `UPDATE load_balancer_states SET next_sync_at = $1 WHERE infrastructure_id = ANY(ARRAY(
   SELECT l.infrastructure_id FROM executions e,
     LATERAL (SELECT infrastructure_id FROM triggers WHERE id = e.trigger_id LIMIT 1) t,
     LATERAL (
       SELECT infrastructure_id FROM load_balancer_states
       WHERE infrastructure_id = t.infrastructure_id AND next_sync_at > $1 AND (begun_at IS NULL OR e.finished_at > begun_at)
       LIMIT 1 FOR UPDATE SKIP LOCKED) l
   WHERE e.status = 'succeeded' AND e.finished_at > $1::timestamptz - make_interval(secs => ${JUST_NOW_SECONDS})))`,
);

/** Finds load balancers that are due and not claimed, longest due first. */
const DUE = new Statement<{ id: string; at: Date }>(
  'load_balancers_due',
  `SELECT l.infrastructure_id AS id, l.next_sync_at AS at FROM load_balancer_states l
   WHERE ${IS_DUE('$1')} AND NOT (SELECT is_on FROM kill_switch)
   ORDER BY l.next_sync_at LIMIT $2`,
);

/** Claims a load balancer that is due. */
const CLAIM = new Statement<Claimed>(
  'load_balancers_claim',
  `UPDATE load_balancer_states l SET lease_owner = $2, lease_until = ${NOW} + make_interval(secs => $3),
     next_sync_at = ${NOW} + make_interval(secs => $3), begun_at = ${NOW}
   FROM infrastructures i
   WHERE l.infrastructure_id = $1 AND i.id = $1 AND i.load_balancer IS NOT NULL AND NOT (SELECT is_on FROM kill_switch)
     AND ${IS_DUE('$4')}
   RETURNING i.id, i.name, i.nodes, i.load_balancer AS "loadBalancer", l.pool, l.memory, l.changes, l.outcome,
     l.lease_owner AS worker, l.lease_until AS "leaseUntil"`,
);

/** Records the changes of a load balancer that are about to be made. */
const BEGIN = new Statement(
  'load_balancers_begin',
  `UPDATE load_balancer_states SET pool = $4, memory = $5, changes = $6
   WHERE infrastructure_id = $1 AND lease_owner = $2 AND lease_until = $3 RETURNING infrastructure_id`,
);

/** Writes the end of a sync, where the worker still holds the load balancer. */
const FINISH = new Statement(
  'load_balancers_finish',
  `UPDATE load_balancer_states SET lease_owner = NULL, lease_until = NULL, synced_at = ${NOW},
     next_sync_at = CASE WHEN next_sync_at = $3 THEN $4 ELSE LEAST(next_sync_at, $4) END,
     outcome = $5, explanation = $6, error = $7, members = coalesce($8, members), changes = $9,
     changed_at = CASE WHEN outcome IS DISTINCT FROM $5 THEN ${NOW} ELSE changed_at END
   WHERE infrastructure_id = $1 AND lease_owner = $2 AND lease_until = $3`,
);

/** Load balancers in PostgreSQL: when each is due, which worker syncs it, and what is remembered of its pool. */
@Injectable()
export class LoadBalancerStates {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly life: SignOfLife,
  ) {}

  /**
   * Makes the load balancers of written infrastructures due at once, and removes those without one; in the same
   * transaction.
   */
  async follow(manager: EntityManager, infrastructures: readonly string[], now: Date): Promise<void> {
    await manager.query(
      `INSERT INTO load_balancer_states AS l (infrastructure_id, next_sync_at)
       SELECT id, $2 FROM infrastructures WHERE id = ANY($1::uuid[]) AND load_balancer IS NOT NULL ORDER BY id
       ON CONFLICT (infrastructure_id) DO UPDATE SET next_sync_at = LEAST(l.next_sync_at, EXCLUDED.next_sync_at)`,
      [infrastructures, now],
    );
    await manager.query(
      `DELETE FROM load_balancer_states l USING infrastructures i
       WHERE l.infrastructure_id = i.id AND i.id = ANY($1::uuid[]) AND i.load_balancer IS NULL`,
      [infrastructures],
    );
  }

  /**
   * Makes a load balancer due now.
   *
   * @returns false when the infrastructure has none
   */
  async hasten({ id, name }: { id: string; name: string }, now: Date): Promise<boolean> {
    const rows = await this.database.transaction(async (sql) => {
      const due = await sql.rows<{ id: string; at: Date }>(
        `UPDATE load_balancer_states SET next_sync_at = LEAST(next_sync_at, $2) WHERE infrastructure_id = $1
         RETURNING infrastructure_id AS id, next_sync_at AS at`,
        [id, now],
      );
      if (due.length > 0)
        await recordAudit(sql, [{ action: 'sync', object: { type: 'infrastructure', id, name } }]);
      return due;
    });
    await this.queues.addSyncs(rows);
    return rows.length > 0;
  }

  /** Makes load balancers due for whose infrastructure an execution has succeeded since their last sync began. */
  async hastenChanged(now: Date): Promise<void> {
    await HASTEN_CHANGED.rows(this.database, [now]);
  }

  /** Returns load balancers that are due and not claimed; none under the kill switch. */
  async due(limit: number): Promise<{ id: string; at: Date }[]> {
    return DUE.rows(this.database, [this.life.canJudge, limit]);
  }

  /** Claims a load balancer. Undefined when it is not due, another worker has it, or the kill switch is on. */
  async claim(infrastructure: string, worker: string, leaseSeconds: number): Promise<Claimed | undefined> {
    const [claimed] = await CLAIM.rows(this.database, [
      infrastructure,
      worker,
      leaseSeconds,
      this.life.canJudge,
    ]);
    return claimed;
  }

  /**
   * Records the changes that are about to be made.
   *
   * @returns false when another worker has claimed it since
   */
  async begin(
    { id, worker, leaseUntil }: Claimed,
    pool: string,
    memory: Memory,
    changes: Change[],
  ): Promise<boolean> {
    const rows = await BEGIN.rows(this.database, [
      id,
      worker,
      leaseUntil,
      pool,
      JSON.stringify(memory),
      JSON.stringify(changes.slice(-CHANGES_KEPT)),
    ]);
    return rows.length > 0;
  }

  /**
   * Writes the end of a sync, unless another worker has claimed it since. If something has made it due meanwhile, that
   * moment stays.
   */
  async finish({ id, worker, leaseUntil }: Claimed, end: SyncEnd): Promise<void> {
    await FINISH.rows(this.database, [
      id,
      worker,
      leaseUntil,
      end.nextSyncAt,
      end.outcome,
      end.explanation,
      end.error ?? null,
      end.members === undefined ? null : JSON.stringify(end.members),
      JSON.stringify(end.changes.slice(-CHANGES_KEPT)),
    ]);
  }

  /**
   * Returns the state as it is shown; undefined when the infrastructure has no load balancer. An overdue one is not
   * shown as if its last state were still true.
   */
  async show(infrastructure: string, now: Date): Promise<ShownLoadBalancer | undefined> {
    const [row] = await this.database.rows<{ [K in keyof ShownLoadBalancer]: ShownLoadBalancer[K] | null }>(
      `SELECT nullif(pool, '') AS pool, outcome, explanation, error, members, changes, synced_at AS "lastSyncAt",
         next_sync_at AS "nextSyncAt", changed_at AS since
       FROM load_balancer_states WHERE infrastructure_id = $1`,
      [infrastructure],
    );
    if (row === undefined) return undefined;
    const present = Object.entries(row).filter(([, value]) => value !== null);
    const shown = Object.fromEntries(present) as unknown as ShownLoadBalancer;
    const { lastSyncAt, nextSyncAt } = shown;
    if (now.getTime() - nextSyncAt.getTime() <= OVERDUE_MS) return shown;
    const last =
      lastSyncAt === undefined
        ? 'nobody has looked yet'
        : `nobody has looked since ${momentText(lastSyncAt)}`;
    const explanation = `${last}, and it was due at ${momentText(nextSyncAt)}: what was seen then says nothing about now`;
    return { ...shown, outcome: 'not_looked', since: nextSyncAt, explanation };
  }
}

const momentText = (at: Date): string => at.toISOString().replace(/\.\d+Z$/, 'Z');
