import type { Sql } from '../../database/sql-pool';
import { BatchStatement, float, integer, text, uuid, type BatchText } from '../../database/statement';
import { UNDER_LOCKS } from '../../database/under-locks';
import { documentOf, foundAt } from '../../alerts/formats/kept-payload';
import type { LivingAlert, MatchRow, NewAlert } from '../alert-matches';

/** Statements on alerts that are evaluated, and on what they match. */

/** Reads those of some alerts that are not processed. */
export const READ_NEW_ALERTS = new BatchStatement<string, NewAlert>(
  'alerts_new',
  { id: uuid((id) => id) },
  ({ names, items }) =>
    // By id, or it reads all that are not processed.
    `SELECT a.id, status, value, labels, annotations, raw, service_id AS "serviceId", metric, revision,
       last_seen_at AS "lastSeenAt", at, coalesce(reported_at, at) AS "reportedAt", source, format
     FROM ${items} AS u (${names}), LATERAL (SELECT * FROM alerts WHERE id = u.id LIMIT 1) a
     WHERE processed < revision ORDER BY a.id`,
  'by keys',
);

/**
 * Marks alerts as processed in the revision that was evaluated, which is told, as it is known now what they matched.
 * Returns those that nobody else has marked.
 */
export const MARK_PROCESSED = new BatchStatement<NewAlert, { id: string }>(
  'alerts_processed',
  { id: uuid(({ id }) => id), revision: integer(({ revision }) => revision) },
  ({ names, items, all }) =>
    `UPDATE alerts a SET processed = u.revision, written_by = pg_current_xact_id() FROM ${items} AS u (${names})
     WHERE a.id = u.id AND a.id = ANY(${all('id')}) AND a.processed < u.revision RETURNING a.id`,
  'by keys',
);

interface KeptMatch extends MatchRow {
  found?: { number: number | null; problem: string | null };
}

const MATCH_COLUMNS = {
  alert_id: uuid(({ alert }: KeptMatch) => alert),
  service_id: uuid(({ service }: KeptMatch) => service),
  metric: text(({ metric }: KeptMatch) => metric),
  ttl_seconds: float(({ ttlSeconds }: KeptMatch) => ttlSeconds ?? null),
  value_path: text(({ valuePath }: KeptMatch) => valuePath ?? null),
  number: float(({ found }: KeptMatch) => found?.number ?? null),
  problem: text(({ found }: KeptMatch) => found?.problem ?? null),
};

/** Returns the statement that writes what alerts match. @param where condition under which it writes anything */
const keepWhere =
  (where: string) =>
  ({ names, items }: BatchText): string =>
    `INSERT INTO alert_matches (${names})
     SELECT DISTINCT ON (1, 2, 3) m.* FROM ${items} AS m (${names}) ${where}
     ON CONFLICT (alert_id, service_id, metric)
       DO UPDATE SET ttl_seconds = excluded.ttl_seconds, value_path = excluded.value_path, number = excluded.number,
         problem = excluded.problem`;

/** Writes what alerts match. */
const KEEP_MATCHES = new BatchStatement('alerts_matches', MATCH_COLUMNS, keepWhere(''), 'either way');

/** Writes what alerts match in the transaction that inserts them, sent along with its locks. */
const KEEP_UNDER_LOCKS = new BatchStatement(
  'alerts_matches_under_locks',
  MATCH_COLUMNS,
  keepWhere(`WHERE ${UNDER_LOCKS}`),
  'by keys',
);

/** Writes what alerts match, with the number that a metric looks for in its alert. */
export const keepMatches = (
  sql: Sql,
  matches: readonly MatchRow[],
  alerts: readonly LivingAlert[],
): Promise<unknown> => KEEP_MATCHES.rows(sql, withNumbers(matches, alerts));

/** Does the same along with the locks of its transaction; without them nothing is written. */
export const keepMatchesUnderLocks = (
  sql: Sql,
  matches: readonly MatchRow[],
  alerts: readonly LivingAlert[],
): Promise<unknown> => KEEP_UNDER_LOCKS.rows(sql, withNumbers(matches, alerts));

function withNumbers(matches: readonly MatchRow[], alerts: readonly LivingAlert[]): KeptMatch[] {
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  return matches.map((match) => ({
    ...match,
    found:
      match.valuePath === undefined
        ? undefined
        : foundAt(match.valuePath, documentOf(byId.get(match.alert)!)),
  }));
}

/** Reads the newest current alerts. It has no name: a plan for any number of them would be another one. */
export const readLiving = (
  sql: Sql,
  now: Date,
  atMost: number,
  wantsRaw: boolean,
): Promise<(LivingAlert & { source: string })[]> =>
  sql.rows(
    `SELECT id, source, status, value, labels, annotations, CASE WHEN $3 THEN raw END AS raw FROM alerts
     WHERE is_current AND status = 'firing' AND (ends_at IS NULL OR ends_at > $1) ORDER BY id DESC LIMIT $2`,
    [now, atMost, wantsRaw],
  );

/** Deletes recorded changes of services, up to a version; all of a service that is gone. */
export const FORGET_CHANGES = new BatchStatement<{ id: string; version: number | null }>(
  'alerts_forget_changes',
  { id: uuid(({ id }) => id), version: integer(({ version }) => version) },
  ({ names, items, all }) =>
    `DELETE FROM changed_services c USING ${items} AS u (${names})
     WHERE c.service_id = u.id AND c.service_id = ANY(${all('id')}) AND (u.version IS NULL OR c.version <= u.version)`,
  'by keys',
);
