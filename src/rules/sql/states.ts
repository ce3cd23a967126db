import { BatchStatement, json, Statement, timestamp, uuid } from '../../database/statement';
import type { State } from '../../engine/types';
import { SAY_LOCKED } from '../../database/under-locks';
import { SILENCE_REVISION } from '../../silences/silence-book';
import type { LedgerEntry } from '../ledger-entry';

/** Statements on services and their states. */

interface LockedService {
  id: string;
  version: number;
  kill_switch: boolean;
  restored_at: Date | null;
  silences: string;
}

const LOCKED = `SELECT id, version, (SELECT is_on FROM kill_switch) AS kill_switch, (SELECT restored_at FROM installation) AS restored_at, ${SILENCE_REVISION} AS silences FROM services WHERE id = ANY($1::uuid[])`;

/** Locks services in the order of ids, so that two batches that share services never deadlock. */
export const LOCK_SERVICES = new Statement<LockedService>(
  'ledger_services',
  `${LOCKED} ORDER BY id FOR NO KEY UPDATE`,
  'by keys',
);

/**
 * Locks those of some services that nobody else has locked, and the definitions first; none where the definitions are of
 * another revision. Whoever changes a definition locks their revision first too, so neither waits for the other in turn.
 * What is sent along with it writes only if all of them are locked; see `UNDER_LOCKS`.
 */
export const LOCK_FREE_SERVICES = new Statement<LockedService>(
  'ledger_free_services',
  `WITH locked AS MATERIALIZED (
     ${LOCKED} AND (SELECT revision FROM definition_revision FOR SHARE) = $2::bigint ORDER BY id FOR NO KEY UPDATE SKIP LOCKED)
   SELECT *, CASE WHEN count(*) OVER () = cardinality($1::uuid[]) THEN ${SAY_LOCKED} END FROM locked`,
  'by keys',
);

/** Reads the states of services, which their locks hold still. */
export const READ_STATES = new Statement<{
  id: string;
  state: State;
  decision_id: string;
  next_moment: Date | null;
}>(
  'ledger_states_read',
  `SELECT service_id AS id, state, decision_id, next_moment FROM service_states WHERE service_id = ANY($1::uuid[])`,
  'by keys',
);

const COLUMNS = {
  service_id: uuid(({ compiled }: LedgerEntry) => compiled.service.id),
  // What decides when the hold is over belongs to the trace of what began it. The engine does not see it.
  state: json(({ state, trace }: LedgerEntry) =>
    trace !== undefined && state.phase === 'pending' ? { ...state, trace } : state,
  ),
  decision_id: uuid(({ decisionId }: LedgerEntry) => decisionId),
  next_moment: timestamp(({ nextMoment }: LedgerEntry) =>
    nextMoment === undefined ? null : new Date(nextMoment),
  ),
};

/**
 * Inserts first states. Under the lock it is known which services have a row, and an update costs less than an upsert.
 */
export const INSERT_STATES = new BatchStatement(
  'ledger_first_states',
  COLUMNS,
  ({ names, items }) => `INSERT INTO service_states (${names}) SELECT * FROM ${items}`,
  'by keys',
);

/** Writes the states of services. */
export const UPDATE_STATES = new BatchStatement(
  'ledger_states',
  COLUMNS,
  ({ names, items, all }) =>
    `UPDATE service_states s SET state = u.state, decision_id = u.decision_id, next_moment = u.next_moment
     FROM ${items} AS u (${names})
     WHERE s.service_id = u.service_id AND s.service_id = ANY(${all('service_id')})`,
  'by keys',
);
