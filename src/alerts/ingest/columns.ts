import { mapInTurns } from '../../common/turns';
import type { Column, ColumnType } from '../../database/binary-format';
import { textsOf, type KeptAlert } from '../dedup';

type Texts = ReturnType<typeof textsOf>;

interface AlertColumn {
  name: string;
  type: ColumnType;
  of: (alert: KeptAlert, texts: Texts) => unknown;
}

const column = (name: string, type: ColumnType, of: AlertColumn['of']): AlertColumn => ({ name, type, of });

const ID = column('id', 'uuid', ({ id }) => id);

/** Columns that a later report of the same alert may change. */
export const CHANGING = [
  column('status', 'text', ({ status }) => status),
  column('value', 'float8', ({ value }) => value),
  column('labels', 'jsonb', (_, texts) => texts.labels),
  column('annotations', 'jsonb', (_, texts) => texts.annotations),
  column('ends_at', 'timestamptz', ({ endsAt }) => endsAt),
  column('reported_at', 'timestamptz', ({ reportedAt }) => reportedAt),
  column('last_seen_at', 'timestamptz', ({ lastSeenAt }) => lastSeenAt),
  column('is_current', 'bool', ({ isCurrent }) => isCurrent),
  column('revision', 'int', ({ revision }) => revision),
  column('raw', 'jsonb', (_, texts) => texts.raw),
  column('content', 'text', (_, texts) => texts.content),
];

/** Columns of the table `alerts`, but for those that are the same for all alerts of a batch, and `processed`. */
export const COLUMNS = [
  ID,
  column('dedup_key', 'text', ({ dedupKey }) => dedupKey),
  column('service_id', 'uuid', ({ serviceId }) => serviceId),
  column('metric', 'text', ({ metric }) => metric),
  column('at', 'timestamptz', ({ at }) => at),
  column('received_at', 'timestamptz', ({ receivedAt }) => receivedAt),
  column('life_seconds', 'float8', ({ lifeSeconds }) => lifeSeconds),
  ...CHANGING,
];

export const KEYED = [ID, ...CHANGING];

/** Returns the names of columns, as a list of SQL. */
export const namesOf = (columns: readonly AlertColumn[]): string =>
  columns.map(({ name }) => name).join(', ');

/** Returns the parameters from number `from` on that hold columns as arrays, as a list of SQL. */
export const arraysOf = (columns: readonly AlertColumn[], from: number): string =>
  columns.map(({ type }, index) => `$${from + index}::${type}[]`).join(', ');

/**
 * Returns the values of columns of alerts, in the form that `encode` gives them; other work gets its turn between the
 * alerts and the columns, as each may be long.
 */
export async function valuesOf<T>(
  columns: readonly AlertColumn[],
  alerts: readonly KeptAlert[],
  encode: (column: Column) => T,
): Promise<T[]> {
  const texts = await mapInTurns(alerts, textsOf);
  return mapInTurns(columns, ({ type, of }) =>
    encode({ type, values: alerts.map((alert, index) => of(alert, texts[index]!)) } as Column),
  );
}
