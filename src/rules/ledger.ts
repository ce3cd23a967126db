import { Injectable } from '@nestjs/common';
import { uuids } from '../database/binary-format';
import { recordAudit } from '../database/audit';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import type { ClaimedExecution } from '../queue/claimed-execution';
import type { SlotReservation } from '../queue/local-dispatch';
import { stateOf } from '../engine/evaluate';
import type { Scalings } from '../engine/types';
import { readAsks, writeAsks } from './asks';
import { NOTHING_KEPT, type InfrastructureChanges, type InfrastructureMemory } from './batch-capacity';
import type { LedgerEntry, LockedState } from './ledger-entry';
import { OPEN_DECISIONS, SET_BACK_DECISIONS } from './sql/decisions';
import { INSERT_EXECUTIONS, INSERT_REQUESTS } from './sql/executions';
import {
  END_FREEZE,
  INSERT_INFRASTRUCTURE_STATES,
  LOCK_SCALINGS,
  READ_SCALINGS,
  scalingsOf,
  scalingsValues,
  WRITE_SCALINGS,
} from './sql/infrastructures';
import { INSERT_STATES, LOCK_FREE_SERVICES, LOCK_SERVICES, READ_STATES, UPDATE_STATES } from './sql/states';
import {
  hasEffect,
  hasTrigger,
  INSERT_TRIGGER_ALERTS,
  INSERT_TRIGGERS,
  WRITE_EFFECTS,
  type TriggerEntry,
} from './sql/triggers';

/** What was read under the locks of services. */
export interface Locked {
  states: Map<string, LockedState>;
  /** Revision of the silences; undefined where no service is there any more. */
  silences?: string;
  /** Moment at which the database was found to be restored, until a person lets it go on. */
  restoredAt?: Date;
}

/** State, ledger, triggers and executions in PostgreSQL: locked in one order by all processes, written in batches. */
@Injectable()
export class Ledger {
  constructor(private readonly database: Database) {}

  /**
   * Locks services until the transaction ends, so that one evaluation of a service commits at a time, its first one
   * too.
   *
   * @param ofRevision only locks what nobody else has locked, while the definitions are of this revision, and waits for
   * nobody
   */
  async lock(sql: Sql, services: readonly ServiceRow[], ofRevision?: string): Promise<Locked> {
    if (services.length === 0) return { states: new Map() };
    const ids = uuids(services.map(({ id }) => id));
    const [rows, states] = await Promise.all([
      ofRevision === undefined
        ? LOCK_SERVICES.rows(sql, [ids])
        : LOCK_FREE_SERVICES.rows(sql, [ids, ofRevision]),
      // A statement of its own: it must see what was committed while the lock was waited for.
      READ_STATES.rows(sql, [ids]),
    ]);
    const locked = new Map<string, LockedState>(
      rows.map(({ id, version, kill_switch }) => [
        id,
        { version, killSwitch: kill_switch, state: undefined, decisionId: undefined, nextMoment: undefined },
      ]),
    );
    for (const { id, state, decision_id, next_moment } of states) {
      const one = locked.get(id);
      if (one === undefined) continue;
      one.state = stateOf(state);
      one.decisionId = decision_id;
      one.nextMoment = next_moment?.getTime();
    }
    return { states: locked, silences: rows[0]?.silences, restoredAt: rows[0]?.restored_at ?? undefined };
  }

  /** Locks infrastructures until the transaction ends, so that two rules never take the same place. */
  async lockInfrastructures(
    sql: Sql,
    infrastructures: readonly InfrastructureRow[],
  ): Promise<InfrastructureMemory> {
    const ids = [...new Set(infrastructures.map(({ id }) => id))].sort();
    if (ids.length === 0) return NOTHING_KEPT;
    await INSERT_INFRASTRUCTURE_STATES.rows(sql, [ids]);
    const [rows, asks] = await Promise.all([LOCK_SCALINGS.rows(sql, [ids]), readAsks(sql, ids)]);
    return { scalings: new Map(rows.map((row) => [row.id, scalingsOf(row)])), asks };
  }

  /** Returns what `lockInfrastructures` does, without locks, for reading only. */
  async lookAt(infrastructureIds: readonly string[]): Promise<InfrastructureMemory> {
    const [scalings, asks] = await Promise.all([
      this.scalings(infrastructureIds),
      readAsks(this.database, infrastructureIds),
    ]);
    return { scalings, asks };
  }

  /** Reads when infrastructures were scaled. */
  async scalings(infrastructureIds: readonly string[]): Promise<Map<string, Scalings>> {
    if (infrastructureIds.length === 0) return new Map();
    const rows = await READ_SCALINGS.rows(this.database, [infrastructureIds]);
    return new Map(rows.map((row) => [row.id, scalingsOf(row)]));
  }

  /** Ends the freeze of an infrastructure. Returns false when it is not frozen. */
  endFreeze({ id, name }: { id: string; name: string }, now: Date): Promise<boolean> {
    return this.database.transaction(async (sql) => {
      if ((await END_FREEZE.rows(sql, [id, now])).length === 0) return false;
      await recordAudit(sql, [{ action: 'end_freeze', object: { type: 'infrastructure', id, name } }]);
      return true;
    });
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
    const goesOn = entries.filter(({ opensInterval }) => !opensInterval);
    const triggered = entries.filter(hasTrigger);
    const fed = triggered.flatMap(({ trigger }) =>
      trigger.alerts.map((alert) => ({ alert, trigger: trigger.id })),
    );
    const written = [
      INSERT_STATES.rows(
        sql,
        entries.filter(({ isFirst }) => isFirst),
      ),
      UPDATE_STATES.rows(
        sql,
        entries.filter(({ isFirst }) => !isFirst),
      ),
      OPEN_DECISIONS.rows(sql, begins),
      SET_BACK_DECISIONS.rows(
        sql,
        goesOn.filter(({ wasAhead }) => wasAhead),
      ),
      INSERT_TRIGGERS.rows(sql, triggered),
      INSERT_TRIGGER_ALERTS.rows(sql, fed),
      WRITE_EFFECTS.rows(sql, entries.filter(hasEffect)),
      ...infrastructures.scalings.map(({ id, ...one }) => WRITE_SCALINGS.rows(sql, scalingsValues(id, one))),
      writeAsks(sql, infrastructures.asks),
    ];
    const [begun] = await Promise.all([
      writeExecutions(sql, triggered, places),
      INSERT_REQUESTS.rows(sql, requestsOf(triggered)),
      ...written,
    ]);
    return begun;
  }
}

const requestsOf = (entries: readonly TriggerEntry[]) =>
  entries
    .filter(({ trigger }) => trigger.held === undefined)
    .flatMap((entry) => entry.trigger.requests.map((request) => ({ entry, ...request })));

/**
 * Writes executions; those that may begin at once do, where a slot is free.
 *
 * @returns executions that have begun
 */
async function writeExecutions(
  sql: Sql,
  entries: readonly TriggerEntry[],
  places: SlotReservation,
): Promise<ClaimedExecution[]> {
  const asked = entries.flatMap((entry) =>
    entry.trigger.executions.map((execution) => ({ entry, ...execution })),
  );
  if (asked.length === 0) return [];
  const eager = asked.filter(({ entry }) => mayBegin(entry)).map(({ id }) => id);
  const reserved = places.reserve(eager.length);
  const beginning = new Set(eager.slice(0, reserved?.count ?? 0));
  places.writes(beginning);
  const executions = asked.map((one) => ({
    ...one,
    worker: beginning.has(one.id) ? reserved!.worker : null,
  }));
  return INSERT_EXECUTIONS.rows(sql, executions);
}

/** Tells whether executions of a service may begin with their decision. */
const mayBegin = ({ compiled: { rule, service }, trigger }: TriggerEntry): boolean =>
  rule.mode === 'auto' && service.maxActionsPerHour === null && trigger.held === undefined;
