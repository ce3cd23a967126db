import { Injectable } from '@nestjs/common';
import { integers, jsons, texts, timestamps, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import {
  CLAIMED,
  LEASE_END,
  MAY_ACT,
  NOW,
  NOW_TEXT,
  type ClaimedExecution,
} from '../queue/claimed-execution';
import type { SlotReservation } from '../queue/local-dispatch';
import { readAsks, writeAsks } from './asks';
import { stateOf } from '../engine/evaluate';
import type { Direction, Scalings, State } from '../engine/types';
import { numbersOf } from '../engine/explain';
import { keptOf } from './alerts-told';
import { NOTHING_KEPT, type InfrastructureChanges, type InfrastructureMemory } from './batch-capacity';
import { askOf, type LedgerEntry, type LockedState } from './ledger-entry';
import type { CompiledService } from './rule-book';

interface InfrastructureStateRow {
  id: string;
  last_up_at: Date | null;
  last_down_at: Date | null;
  last_direction: Direction | null;
  direction_changes: Date[];
  frozen_until: Date | null;
}

const scalingsOf = (row: InfrastructureStateRow): Scalings => ({
  lastAt: { up: row.last_up_at?.getTime(), down: row.last_down_at?.getTime() },
  lastDirection: row.last_direction ?? undefined,
  directionChanges: row.direction_changes.map((at) => at.getTime()),
  frozenUntil: row.frozen_until?.getTime(),
});

const momentOf = (at: number | undefined): Date | null => (at === undefined ? null : new Date(at));

/** State, ledger, triggers and executions in PostgreSQL: locked in one order by all processes, written in batches. */
@Injectable()
export class Ledger {
  constructor(private readonly database: Database) {}

  /**
   * Locks services until the transaction ends, so that one evaluation of a service commits at a time, its first one
   * too. Locks are taken in the order of ids, so that two batches that share services never deadlock.
   */
  async lock(sql: Sql, services: readonly ServiceRow[]): Promise<Map<string, LockedState>> {
    if (services.length === 0) return new Map();
    const ids = uuids(services.map(({ id }) => id));
    const [rows, states] = await Promise.all([
      sql.rows<{ id: string; version: number; kill_switch: boolean }>(
        `SELECT id, version, (SELECT is_on FROM kill_switch) AS kill_switch FROM services WHERE id = ANY($1::uuid[]) ORDER BY id FOR NO KEY UPDATE`,
        [ids],
        'ledger_services',
      ),
      // A statement of its own: it must see what was committed while the lock was waited for.
      sql.rows<{ id: string; state: State; decision_id: string; next_moment: Date | null }>(
        `SELECT service_id AS id, state, decision_id, next_moment FROM service_states WHERE service_id = ANY($1::uuid[])`,
        [ids],
        'ledger_states_read',
      ),
    ]);
    const locked = new Map<string, LockedState>(
      rows.map(({ id, version, kill_switch }) => [
        id,
        { version, killSwitch: kill_switch, state: undefined, decisionId: undefined, nextMoment: undefined },
      ]),
    );
    for (const { id, state, decision_id, next_moment } of states) {
      const one = locked.get(id)!;
      one.state = stateOf(state);
      one.decisionId = decision_id;
      one.nextMoment = next_moment?.getTime();
    }
    return locked;
  }

  async lockInfrastructures(
    sql: Sql,
    infrastructures: readonly InfrastructureRow[],
  ): Promise<InfrastructureMemory> {
    const ids = [...new Set(infrastructures.map(({ id }) => id))].sort();
    if (ids.length === 0) return NOTHING_KEPT;
    await sql.rows(
      `INSERT INTO infrastructure_states (infrastructure_id)
       SELECT i.id FROM infrastructures i WHERE i.id = ANY($1::uuid[]) ORDER BY i.id ON CONFLICT DO NOTHING`,
      [ids],
    );
    const [scalings, asks] = await Promise.all([
      this.readScalings(ids, sql, 'FOR UPDATE'),
      readAsks(sql, ids),
    ]);
    return { scalings, asks };
  }

  /** Returns what `lockInfrastructures` does, without locks, for reading only. */
  async lookAt(infrastructureIds: readonly string[]): Promise<InfrastructureMemory> {
    const [scalings, asks] = await Promise.all([
      this.readScalings(infrastructureIds, this.database),
      readAsks(this.database, infrastructureIds),
    ]);
    return { scalings, asks };
  }

  /** Reads what is remembered of infrastructures. */
  async scalings(infrastructureIds: readonly string[]): Promise<Map<string, Scalings>> {
    return this.readScalings(infrastructureIds, this.database);
  }

  /**
   * Ends the freeze of an infrastructure, and its count of changes, or the next one would freeze it again. Returns
   * false when it is not frozen.
   */
  async endFreeze(infrastructureId: string, now: Date): Promise<boolean> {
    const rows = await this.database.rows(
      `UPDATE infrastructure_states SET frozen_until = NULL, direction_changes = '{}'
       WHERE infrastructure_id = $1 AND frozen_until > $2 RETURNING infrastructure_id`,
      [infrastructureId, now],
    );
    return rows.length > 0;
  }

  private async readScalings(
    ids: readonly string[],
    sql: Sql,
    lock: '' | 'FOR UPDATE' = '',
  ): Promise<Map<string, Scalings>> {
    if (ids.length === 0) return new Map();
    const states = await sql.rows<InfrastructureStateRow>(
      `SELECT infrastructure_id AS id, last_up_at, last_down_at, last_direction, direction_changes, frozen_until
       FROM infrastructure_states WHERE infrastructure_id = ANY($1::uuid[]) ORDER BY infrastructure_id ${lock}`,
      [ids],
    );
    return new Map(states.map((row) => [row.id, scalingsOf(row)]));
  }

  /**
   * Writes entries: sends all statements at once, in this order; none waits for the answer of another.
   *
   * @returns executions that began with their decision, in the reserved slots
   */
  async write(
    sql: Sql,
    entries: readonly LedgerEntry[],
    infrastructures: InfrastructureChanges,
    places: SlotReservation,
  ): Promise<ClaimedExecution[]> {
    const begins = entries.filter(({ opensInterval }) => opensInterval);
    const triggered = entries.filter(({ trigger }) => trigger !== undefined);
    const written = [
      this.writeFirstStates(
        sql,
        entries.filter(({ isFirst }) => isFirst),
      ),
      this.writeStates(
        sql,
        entries.filter(({ isFirst }) => !isFirst),
      ),
      this.closeDecisions(
        sql,
        begins.filter(({ closes }) => closes !== undefined),
      ),
      this.writeDecisions(sql, begins),
      this.setBack(
        sql,
        entries.filter(({ wasAhead, opensInterval }) => wasAhead && !opensInterval),
      ),
      this.writeTriggers(sql, triggered),
      this.writeAlerts(sql, triggered),
      this.writeEffects(
        sql,
        entries.filter(({ effect }) => effect !== undefined),
      ),
      ...infrastructures.scalings.map((change) => this.writeScalings(sql, change)),
      writeAsks(sql, infrastructures.asks),
    ];
    const [begun] = await Promise.all([this.writeExecutions(sql, triggered, places), ...written]);
    return begun;
  }

  /**
   * Inserts first states. Under the lock it is known which services have a row, and an update costs less than an
   * upsert.
   */
  private async writeFirstStates(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `INSERT INTO service_states (service_id, state, decision_id, next_moment)
       SELECT * FROM unnest($1::uuid[], $2::jsonb[], $3::uuid[], $4::timestamptz[])`,
      statesOf(entries),
      'ledger_first_states',
    );
  }

  private async writeStates(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `UPDATE service_states s SET state = u.state, decision_id = u.decision_id, next_moment = u.next_moment
       FROM unnest($1::uuid[], $2::jsonb[], $3::uuid[], $4::timestamptz[]) AS u (id, state, decision_id, next_moment)
       WHERE s.service_id = u.id AND s.service_id = ANY($1::uuid[])`,
      statesOf(entries),
      'ledger_states',
    );
  }

  private async closeDecisions(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      // Of one that began by a clock that was ahead nothing but its end is known.
      `UPDATE decisions d SET ended_at = e.at, started_at = least(d.started_at, e.at)
       FROM unnest($1::uuid[], $2::timestamptz[]) AS e (id, at) WHERE d.id = e.id AND d.id = ANY($1::uuid[])`,
      [uuids(entries.map(({ closes }) => closes!)), timestamps(entries.map(({ at }) => at))],
      'ledger_close',
    );
  }

  /** Sets back the start of open intervals that began in the future, as their states did. */
  private async setBack(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `UPDATE decisions d SET started_at = least(d.started_at, e.at)
       FROM unnest($1::uuid[], $2::timestamptz[]) AS e (id, at) WHERE d.id = e.id AND d.id = ANY($1::uuid[])`,
      [uuids(entries.map(({ decisionId }) => decisionId)), timestamps(entries.map(({ at }) => at))],
      'ledger_set_back',
    );
  }

  private async writeDecisions(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values, trigger_id, why)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::uuid[],
         $9::jsonb[])`,
      [
        uuids(entries.map(({ decisionId }) => decisionId)),
        uuids(entries.map(({ compiled }) => compiled.service.id)),
        timestamps(entries.map(({ at }) => at)),
        texts(entries.map(({ state }) => state.phase)),
        texts(entries.map(({ state }) => state.reason)),
        texts(entries.map(({ explanation }) => explanation)),
        jsons(entries.map(({ values }) => JSON.stringify(values))),
        uuids(entries.map(({ trigger }) => trigger?.id ?? null)),
        jsons(entries.map(({ why }) => JSON.stringify(why))),
      ],
      'ledger_decisions',
    );
  }

  private async writeTriggers(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `INSERT INTO triggers (id, service_id, infrastructure_id, at, direction, delta, justification, kind, desired, still_to_come,
         asked_at)
       SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::timestamptz[], $5::text[], $6::int[], $7::text[], $8::text[],
         $9::int[], $10::int[], $11::timestamptz[])`,
      [
        uuids(entries.map(({ trigger }) => trigger!.id)),
        uuids(entries.map(({ compiled }) => compiled.service.id)),
        uuids(
          entries.map(({ compiled, trigger }) =>
            trigger!.kind === 'breach' ? (compiled.infrastructure?.id ?? null) : null,
          ),
        ),
        timestamps(entries.map(({ at }) => at)),
        texts(
          entries.map(({ compiled, trigger }) =>
            trigger!.kind === 'breach' ? (compiled.rule.scaling?.direction ?? null) : null,
          ),
        ),
        integers(entries.map(({ trigger }) => trigger!.nodes?.delta ?? null)),
        texts(entries.map(({ trigger }) => trigger!.justification)),
        texts(entries.map(({ trigger }) => trigger!.kind)),
        integers(entries.map(({ trigger }) => trigger!.nodes?.desired ?? null)),
        integers(entries.map((entry) => askOf(entry)?.left ?? 0)),
        timestamps(entries.map((entry) => (askOf(entry)?.state.is === 'under_way' ? entry.at : null))),
      ],
      'ledger_triggers',
    );
  }

  private async writeAlerts(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    const fed = entries.flatMap(({ trigger }) =>
      trigger!.alerts.map((alert) => ({ alert, trigger: trigger!.id })),
    );
    if (fed.length === 0) return;
    await sql.rows(
      `INSERT INTO trigger_alerts (alert_id, trigger_id) SELECT * FROM unnest($1::uuid[], $2::uuid[]) ON CONFLICT DO NOTHING`,
      [uuids(fed.map(({ alert }) => alert)), uuids(fed.map(({ trigger }) => trigger))],
      'ledger_trigger_alerts',
    );
  }

  /** Writes the effects of triggers; `not_executed` where none of the executions had succeeded. */
  private async writeEffects(sql: Sql, entries: readonly LedgerEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await sql.rows(
      `UPDATE triggers t
       SET effect = jsonb_build_object('at', u.at, 'explanation', u.explanation, 'outcome',
         CASE WHEN EXISTS (SELECT FROM executions e WHERE e.trigger_id = t.id AND e.status = 'succeeded') THEN u.outcome
           ELSE 'not_executed' END)
       FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[]) AS u (service, began, outcome, explanation, at)
       WHERE t.service_id = u.service AND t.at = u.began AND t.kind = 'breach'`,
      [
        entries.map(({ compiled }) => compiled.service.id),
        entries.map(({ effect }) => effect!.of),
        entries.map(({ effect }) => effect!.outcome),
        entries.map(({ effect }) => effect!.explanation),
        entries.map(({ at }) => at.toISOString()),
      ],
      'ledger_effects',
    );
  }

  private async writeScalings(
    sql: Sql,
    { id, lastAt, lastDirection, directionChanges, frozenUntil }: Scalings & { id: string },
  ): Promise<void> {
    await sql.rows(
      `UPDATE infrastructure_states SET last_up_at = $2, last_down_at = $3, last_direction = $4,
         direction_changes = $5::timestamptz[], frozen_until = $6 WHERE infrastructure_id = $1`,
      [
        id,
        momentOf(lastAt.up),
        momentOf(lastAt.down),
        lastDirection ?? null,
        directionChanges.map((at) => new Date(at)),
        momentOf(frozenUntil),
      ],
    );
  }

  /**
   * Writes executions; those that may begin at once do, where a slot is free.
   *
   * @returns executions that have begun
   */
  private async writeExecutions(
    sql: Sql,
    entries: readonly LedgerEntry[],
    places: SlotReservation,
  ): Promise<ClaimedExecution[]> {
    const executions = entries.flatMap((entry) =>
      entry.trigger!.executions.map((execution) => ({ entry, ...execution })),
    );
    if (executions.length === 0) return [];
    const eager = executions.filter(({ entry: { compiled } }) => mayBegin(compiled)).map(({ id }) => id);
    const reserved = places.reserve(eager.length);
    const beginning = new Set(eager.slice(0, reserved?.count ?? 0));
    return sql.rows<ClaimedExecution>(
      `WITH e AS (
         INSERT INTO executions (id, trigger_id, service_id, service_name, action_id, action_name, status, justification,
           variables, next_attempt_at, expires_at, created_at, finished_at, tries, started_at, lease_owner, lease_until, claim_number, attempts)
         SELECT e.id, e.trigger_id, e.service_id, e.service_name, a.id, a.name,
           CASE WHEN b.begins THEN 'running' ELSE e.status END, e.justification, e.variables,
           CASE WHEN e.status = 'queued' AND NOT b.begins THEN e.at END, e.expires_at, e.at,
           CASE WHEN e.status = 'shadowed' THEN e.at END, b.begins::int, CASE WHEN b.begins THEN ${NOW} END,
           CASE WHEN b.begins THEN e.worker END, CASE WHEN b.begins THEN ${LEASE_END} END, b.begins::int,
           CASE WHEN b.begins THEN jsonb_build_array(jsonb_build_object('startedAt', ${NOW_TEXT})) ELSE '[]' END
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::text[], $8::jsonb[],
             $9::timestamptz[], $10::timestamptz[], $11::uuid[])
           AS e (id, trigger_id, service_id, service_name, action_id, status, justification, variables, expires_at, at, worker)
           JOIN LATERAL (SELECT * FROM actions WHERE id = e.action_id LIMIT 1) a ON true,
           LATERAL (SELECT e.worker IS NOT NULL AND coalesce(a.concurrency, a.target_concurrency) IS NULL AND ${MAY_ACT} AS begins) b
         RETURNING *)
       SELECT ${CLAIMED} FROM e JOIN LATERAL (SELECT * FROM actions WHERE id = e.action_id LIMIT 1) a ON true
       WHERE e.status = 'running'`,
      [
        uuids(executions.map(({ id }) => id)),
        uuids(executions.map(({ entry }) => entry.trigger!.id)),
        uuids(executions.map(({ entry }) => entry.compiled.service.id)),
        texts(executions.map(({ entry }) => entry.compiled.service.name)),
        uuids(executions.map(({ action }) => action)),
        texts(executions.map(({ entry }) => STATUS[entry.compiled.rule.mode])),
        texts(executions.map(({ entry }) => entry.trigger!.justification)),
        jsons(executions.map(({ entry }) => JSON.stringify(variablesOf(entry)))),
        timestamps(executions.map(({ entry }) => expiryOf(entry))),
        timestamps(executions.map(({ entry }) => entry.at)),
        uuids(executions.map(({ id }) => (beginning.has(id) ? reserved!.worker : null))),
      ],
      'ledger_executions',
    );
  }
}

const statesOf = (entries: readonly LedgerEntry[]) => [
  uuids(entries.map(({ compiled }) => compiled.service.id)),
  jsons(entries.map(({ state }) => JSON.stringify(state))),
  uuids(entries.map(({ decisionId }) => decisionId)),
  timestamps(entries.map(({ nextMoment }) => (nextMoment === undefined ? null : new Date(nextMoment)))),
];

const STATUS = { auto: 'queued', shadow: 'shadowed', approve: 'awaiting_approval' } as const;

/**
 * Tells whether executions of a service may begin with their decision. Limits of actions are checked in the insert;
 * services with an hourly limit are checked when an execution is claimed.
 */
const mayBegin = ({ rule, service }: CompiledService): boolean =>
  rule.mode === 'auto' && service.maxActionsPerHour === null;

function expiryOf({ compiled, at }: LedgerEntry): Date | null {
  if (compiled.rule.mode !== 'approve') return null;
  return new Date(at.getTime() + compiled.service.approvalTtlSeconds * 1000);
}

/** Returns the variables of an action's templates; the execution's id is added when it runs. */
function variablesOf({ compiled, at, state, values, trigger }: LedgerEntry): object {
  const { service, infrastructure } = compiled;
  const { nodes, justification, told, toldTotal } = trigger!;
  return {
    service: { id: service.id, name: service.name, description: service.description, labels: service.labels },
    infrastructure: infrastructure && {
      id: infrastructure.id,
      name: infrastructure.name,
      labels: infrastructure.labels,
      minNodes: infrastructure.minNodes,
      maxNodes: infrastructure.maxNodes,
    },
    trigger: { id: trigger!.id, at: at.toISOString(), reason: state.reason, justification },
    values: numbersOf(values),
    alerts: keptOf(told),
    alertsTotal: Math.max(toldTotal, told.length),
    alert: told[0],
    nodes: nodes && {
      current: nodes.current,
      desired: nodes.desired,
      delta: nodes.delta,
      direction: compiled.rule.scaling!.direction,
    },
  };
}
