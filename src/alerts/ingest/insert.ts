import { Turns } from '../../common/turns';
import { arrayOfColumn, booleans, COPIED_AT_ONCE, copyOf, type Column } from '../../database/binary-format';
import type { Copying, Sql } from '../../database/sql-pool';
import { Statement } from '../../database/statement';
import { UNDER_LOCKS } from '../../database/under-locks';
import type { AlertSource } from '../alert';
import type { KeptAlert } from '../dedup';
import { arraysOf, COLUMNS, namesOf, valuesOf } from './columns';

/** Alerts that a rule asks for, as of a revision of the rules. */
export interface Asked {
  alerts: ReadonlySet<KeptAlert>;
  revision: string;
}

export interface InsertedRow {
  id: string;
  isAsked: boolean;
  /** True where the rules have changed since they were read here, so that it is not known who asks. */
  isStale: boolean;
}

const NAMES = namesOf(COLUMNS);

/**
 * Alerts that no rule asks for are inserted as processed, unless the rules have changed since they were read. The
 * revision is locked, so rules don't change meanwhile; a later change matches current alerts by itself.
 *
 * @param where condition under which anything is inserted
 */
const insertWhere = (where: string): string =>
  `WITH known AS (SELECT revision <> $3::bigint AS is_stale FROM definition_revision ${where} FOR SHARE)
   INSERT INTO alerts (source, format, ${NAMES}, processed)
   SELECT $1, $2, ${NAMES}, CASE WHEN is_current AND (is_asked OR known.is_stale) THEN 0 ELSE revision END
   FROM known, unnest($4::bool[], ${arraysOf(COLUMNS, 5)}) AS u (is_asked, ${NAMES})
   ON CONFLICT (source, dedup_key) WHERE is_current DO NOTHING
   RETURNING id, processed < revision AS "isAsked", (SELECT is_stale FROM known) AS "isStale"`;

/** Inserts new alerts; those whose key is taken are left out. */
const INSERT = new Statement<InsertedRow>('intake_insert', insertWhere(''), 'either way');

/** Inserts new alerts in the transaction that evaluates them, sent along with its locks. */
const INSERT_UNDER_LOCKS = new Statement<InsertedRow>(
  'intake_insert_under_locks',
  insertWhere(`WHERE ${UNDER_LOCKS}`),
  'by keys',
);

const COPY = `COPY alerts (source, format, ${NAMES}, processed) FROM STDIN BINARY`;

/**
 * Inserts new alerts.
 *
 * @returns rows that were inserted: the keys of the others are taken
 */
export async function insertAlerts(
  sql: Sql,
  source: AlertSource,
  alerts: readonly KeptAlert[],
  asked: Asked,
): Promise<InsertedRow[]> {
  return INSERT.rows(sql, await encoded(source, alerts, asked));
}

/**
 * Encodes new alerts, so that inserting them sends its statement at once, before others of its transaction. It goes along
 * with the locks of that; without them nothing is inserted.
 */
export async function insertionUnderLocks(
  source: AlertSource,
  alerts: readonly KeptAlert[],
  asked: Asked,
): Promise<(sql: Sql) => Promise<InsertedRow[]>> {
  const values = await encoded(source, alerts, asked);
  return (sql) => INSERT_UNDER_LOCKS.rows(sql, values);
}

async function encoded(source: AlertSource, alerts: readonly KeptAlert[], asked: Asked): Promise<unknown[]> {
  const isAsked = booleans(alerts.map((alert) => asked.alerts.has(alert)));
  const arrays = await valuesOf(COLUMNS, alerts, arrayOfColumn);
  return [source.name, source.format, asked.revision, isAsked, ...arrays];
}

/**
 * Copies new alerts as `insertAlerts` inserts them.
 *
 * @throws the error of PostgreSQL when a key is taken
 */
export async function copyAlerts(
  sql: Copying,
  source: AlertSource,
  alerts: readonly KeptAlert[],
  asked: Asked,
): Promise<InsertedRow[]> {
  const [now] = await sql.rows<{ revision: string }>('SELECT revision FROM definition_revision FOR SHARE');
  const isStale = now!.revision !== asked.revision;
  const inserted = alerts.map((alert) => ({
    id: alert.id,
    isAsked: alert.isCurrent && (isStale || asked.alerts.has(alert)),
    isStale,
  }));
  const columns = await valuesOf(COLUMNS, alerts, (column) => column);
  const same = (text: string): Column => ({ type: 'text', values: alerts.map(() => text) });
  const processed = alerts.map(({ revision }, index) => (inserted[index]!.isAsked ? 0 : revision));
  const copied = copyOf([
    same(source.name),
    same(source.format),
    ...columns,
    { type: 'int', values: processed },
  ]);
  await sql.copy(COPY, alerts.length > COPIED_AT_ONCE ? partsInTurns(copied) : copied);
  return inserted;
}

/** Yields the parts of a long COPY, with turns for other work between them. A short one, in one part, goes without. */
async function* partsInTurns(parts: Iterable<Buffer>): AsyncGenerator<Buffer, void> {
  const turns = new Turns();
  for (const part of parts) {
    yield part;
    await turns.next();
  }
}
