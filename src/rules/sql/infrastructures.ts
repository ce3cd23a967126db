import { Statement } from '../../database/statement';
import type { Direction, Moment, Scalings } from '../../engine/types';

/** Statements on what is kept of infrastructures. */

interface ScalingsRow {
  id: string;
  last_up_at: Date | null;
  last_down_at: Date | null;
  last_direction: Direction | null;
  direction_changes: Date[];
  frozen_until: Date | null;
}

/** Makes rows of infrastructures that have none yet, so that there is one to lock. */
export const INSERT_INFRASTRUCTURE_STATES = new Statement(
  'ledger_infrastructures',
  `INSERT INTO infrastructure_states (infrastructure_id)
   SELECT i.id FROM infrastructures i WHERE i.id = ANY($1::uuid[]) ORDER BY i.id ON CONFLICT DO NOTHING`,
  'either way',
);

const SCALINGS = `SELECT infrastructure_id AS id, last_up_at, last_down_at, last_direction, direction_changes, frozen_until
   FROM infrastructure_states WHERE infrastructure_id = ANY($1::uuid[]) ORDER BY infrastructure_id`;

/** Reads the last scalings of infrastructures. */
export const READ_SCALINGS = new Statement<ScalingsRow>('ledger_scalings', SCALINGS);

/** Locks the rows in the order of ids, so that two batches never deadlock. */
export const LOCK_SCALINGS = new Statement<ScalingsRow>(
  'ledger_scalings_lock',
  `${SCALINGS} FOR UPDATE`,
  'either way',
);

export const scalingsOf = (row: ScalingsRow): Scalings => ({
  lastAt: { up: row.last_up_at?.getTime(), down: row.last_down_at?.getTime() },
  lastDirection: row.last_direction ?? undefined,
  directionChanges: row.direction_changes.map((at) => at.getTime()),
  frozenUntil: row.frozen_until?.getTime(),
});

/** Writes the last scalings of an infrastructure. */
export const WRITE_SCALINGS = new Statement(
  'ledger_scalings_write',
  `UPDATE infrastructure_states SET last_up_at = $2, last_down_at = $3, last_direction = $4,
     direction_changes = $5::timestamptz[], frozen_until = $6 WHERE infrastructure_id = $1`,
  'by keys',
);

export const scalingsValues = (id: string, one: Scalings): unknown[] => [
  id,
  dateOf(one.lastAt.up),
  dateOf(one.lastAt.down),
  one.lastDirection ?? null,
  one.directionChanges.map((at) => new Date(at)),
  dateOf(one.frozenUntil),
];

const dateOf = (at: Moment | undefined): Date | null => (at === undefined ? null : new Date(at));

/**
 * Ends the freeze of an infrastructure, and its count of changes, or the next one would freeze it again; returns a row
 * where it was frozen.
 */
export const END_FREEZE = new Statement(
  'ledger_end_freeze',
  `UPDATE infrastructure_states SET frozen_until = NULL, direction_changes = '{}'
   WHERE infrastructure_id = $1 AND frozen_until > $2 RETURNING infrastructure_id`,
);
