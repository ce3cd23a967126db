import { Inject, Injectable } from '@nestjs/common';
import { currentCaller } from '../common/caller';
import { CLOCK, type Clock } from '../common/clock';
import { Conflict } from '../common/errors';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import { inScopes, LABELS_OF_EXECUTION, scopesParameter, scopesWith } from '../database/scopes';
import type { Sql } from '../database/sql-pool';
import { NOW } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import { Rechecks } from '../queue/rechecks';
import type { ExecutionStatus } from './execution';

/** Largest number of held executions that go on at once. */
const AT_ONCE = 10_000;
/** Largest number of them that scale: nodes are counted again for each. */
const SCALING_AT_ONCE = 500;
/** Largest number that an answer shows one by one. */
const SHOWN = 500;
/** Number of ids that the audit has of those that go on together. */
const IDS_NOTED = 100;

/** Statuses with which a held execution goes on. */
type Resumed = Extract<ExecutionStatus, 'queued' | 'running' | 'waiting' | 'awaiting_approval'>;

/** What going on means, by the status that an execution had. */
const MEANS: Record<Resumed, string> = {
  queued: 'it is executed now',
  running:
    'as after the death of its worker: its target is asked what came of it; where that can not be told it is sent again with the same key if it may be, else it is unknown',
  waiting: 'its target is asked whether it has ended',
  awaiting_approval: 'it waits for approval, as long as at first',
};

export interface HeldExecution {
  id: string;
  kind: string;
  service?: string;
  action: string;
  createdAt: Date;
  /** Status that it had, and goes on with. */
  was: Resumed;
  /** What going on means. */
  means: string;
  held: string;
}

export interface Resumption {
  dryRun: boolean;
  /** Number that are held, or were. */
  total: number;
  /** Number that go on; of a dry run, that would. */
  resumed: number;
  /** Executions that would scale otherwise than they say: they say now what they would do, and stay held. */
  changed: { id: string; detail: string }[];
  /** The oldest of them, as they were held. */
  items: HeldExecution[];
}

/** Which held executions. */
interface Wanted {
  /** Ids; undefined for all. */
  executions?: readonly string[];
}

interface Row extends Omit<HeldExecution, 'means' | 'service'> {
  service: string | null;
  tries: number;
  scales: boolean;
  [column: string]: unknown;
}

/**
 * Executions that are held after the database was restored: whoever wrote the backup may have done them since, so a
 * person says which of them go on. Each goes on once: the change names the status `held` it starts from.
 */
@Injectable()
export class HeldExecutions {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly rechecks: Rechecks,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Returns what would go on. */
  async look(wanted: Wanted): Promise<Resumption> {
    const { rows, total } = await this.held(wanted);
    return { dryRun: true, total, resumed: rows.length, changed: [], items: rows.slice(0, SHOWN).map(shown) };
  }

  /**
   * Lets executions go on. Where all are meant, by somebody who may for the whole program, triggers that rest on what
   * was known before the restore act again, too.
   */
  async resume(wanted: Wanted): Promise<Resumption> {
    const { rows, total } = await this.held(wanted);
    const changed: Resumption['changed'] = [];
    const kept = new Set<string>();
    const scaling = rows.filter(({ scales, was }) => scales && was === 'queued');
    for (const [index, { id }] of scaling.entries()) {
      try {
        if (index >= SCALING_AT_ONCE) throw new Conflict('too many at once: do it again for the rest');
        await this.rechecks.of(id);
      } catch (error) {
        if (!(error instanceof Conflict)) throw error;
        kept.add(id);
        changed.push({ id, detail: error.message });
      }
    }
    const isWhole = wanted.executions === undefined && scopesWith('operator') === null;
    const ids = rows.flatMap(({ id }) => (kept.has(id) ? [] : [id]));
    const gone = await this.database.transaction(async (sql) => {
      const resumed = await goOn(sql, ids, this.clock.now());
      if (isWhole) await sql.rows('UPDATE installation SET restored_at = NULL, restored_from = NULL');
      const detail = { count: resumed.length, ids: resumed.slice(0, IDS_NOTED).map(({ id }) => id) };
      await recordAudit(sql, [{ action: 'resume', object: { type: 'execution' }, detail }]);
      return resumed;
    });
    const now = this.clock.now();
    // What Redis does not take, the sweep finds.
    await this.queues.addExecutions(
      gone.filter(({ status }) => status === 'queued'),
      now,
    );
    await this.queues.addWaiting(
      gone.filter(({ status }) => status === 'waiting'),
      now,
    );
    const items = rows.slice(0, SHOWN).map(shown);
    return { dryRun: false, total, resumed: gone.length, changed, items };
  }

  private async held({ executions = undefined }: Wanted): Promise<{ rows: Row[]; total: number }> {
    const which = `e.status = 'held' AND ($1::uuid[] IS NULL OR e.id = ANY($1::uuid[])) AND ${inScopes(LABELS_OF_EXECUTION, '$2')}`;
    const given = [executions ?? null, scopesParameter(scopesWith('operator'))];
    const [rows, [count]] = await Promise.all([
      this.database.rows<Row>(
        `SELECT e.id, e.kind, e.service_name AS service, e.action_name AS action, e.created_at AS "createdAt",
           coalesce(e.held->>'was', 'queued') AS was, coalesce(e.held->>'why', '') AS held, e.tries,
           EXISTS (SELECT FROM triggers t WHERE t.id = e.trigger_id AND t.delta <> 0) AS scales
         FROM executions e WHERE ${which} ORDER BY e.id LIMIT ${AT_ONCE}`,
        given,
      ),
      this.database.rows<{ total: number }>(
        `SELECT count(*)::int AS total FROM executions e WHERE ${which}`,
        given,
      ),
    ]);
    return { rows, total: count!.total };
  }
}

/** Sets held executions to the status that they had. A lease of the past is that of a worker that died. */
function goOn(
  sql: Sql,
  ids: readonly string[],
  now: Date,
): Promise<{ id: string; tries: number; asked: number; status: Resumed }[]> {
  const at = now.toISOString();
  const detail = `let go on after a restore by ${currentCaller()?.actor ?? 'a person'}`;
  const note = JSON.stringify([{ startedAt: at, finishedAt: at, outcome: 'person', detail }]);
  return sql.rows(
    `UPDATE executions e SET status = e.held->>'was', held = NULL,
       next_attempt_at = CASE WHEN e.held->>'was' IN ('queued', 'waiting') THEN ${NOW} END,
       lease_until = CASE WHEN e.held->>'was' = 'running' AND e.kind <> 'test' THEN ${NOW} - interval '1 second' END,
       expires_at = CASE WHEN e.held->>'was' = 'awaiting_approval' THEN ${NOW} + (e.expires_at - e.created_at) ELSE e.expires_at END,
       -- The last attempt of one that had begun is still to be ended.
       attempts = CASE WHEN e.held->>'was' IN ('queued', 'awaiting_approval') THEN e.attempts || $2::jsonb ELSE e.attempts END
     WHERE e.id = ANY($1::uuid[]) AND e.status = 'held'
     RETURNING e.id, e.tries, e.asked, e.status`,
    [ids, note],
  );
}

const shown = ({ id, kind, service, action, createdAt, was, held }: Row): HeldExecution => ({
  id,
  kind,
  ...(service === null ? {} : { service }),
  action,
  createdAt,
  was,
  means: MEANS[was],
  held,
});
