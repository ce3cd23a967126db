import { arrayOfColumn } from '../../database/binary-format';
import type { Sql } from '../../database/sql-pool';
import { Statement } from '../../database/statement';
import type { KeptAlert } from '../dedup';
import { documentOf, foundAt } from '../formats/kept-payload';
import { arraysOf, CHANGING, KEYED, namesOf, valuesOf } from './columns';

interface Updated {
  id: string;
  revived: boolean;
  /** Value paths of metrics, and the number found there or why there is none; null without value paths. */
  numbers: [path: string, number: number | null, problem: string | null][] | null;
}

const REVISION = 'u.revision + r.revived::int';

/** `written_by` moves with the revision alone: otherwise the update touches no index. */
const SET = [
  ...CHANGING.map(({ name }) => (name === 'revision' ? `revision = ${REVISION}` : `${name} = u.${name}`)),
  `written_by = CASE WHEN a.revision = ${REVISION} THEN a.written_by ELSE pg_current_xact_id() END`,
].join(', ');

/** Writes alerts that say something else than before, and reads what that means to metrics. */
const UPDATE = new Statement<Updated>(
  'intake_update',
  `UPDATE alerts a SET ${SET}
   FROM unnest(${arraysOf(KEYED, 1)}) AS u (${namesOf(KEYED)}),
     LATERAL (SELECT coalesce(bool_or(b.last_seen_at + make_interval(secs => m.ttl_seconds) < u.last_seen_at), false) AS revived,
         jsonb_agg(jsonb_build_array(m.value_path, m.number, m.problem)) FILTER (WHERE m.value_path IS NOT NULL) AS numbers
       FROM alert_matches m JOIN alerts b ON b.id = m.alert_id WHERE m.alert_id = u.id) r
   WHERE a.id = u.id
   RETURNING a.id, r.revived, r.numbers`,
);

/**
 * Updates kept alerts.
 *
 * @returns ids of alerts that are news for a metric alone: their life by the metric's `ttlSeconds` had ended, or the
 * number at its value path has changed
 */
export async function updateAlerts(sql: Sql, alerts: readonly KeptAlert[]): Promise<string[]> {
  if (alerts.length === 0) return [];
  const arrays = await valuesOf(KEYED, alerts, arrayOfColumn);
  const updated = await UPDATE.rows(sql, arrays);
  const renumbered = await renumber(sql, updated, alerts);
  return [...updated.filter(({ revived }) => revived).map(({ id }) => id), ...renumbered];
}

async function renumber(sql: Sql, rows: readonly Updated[], alerts: readonly KeptAlert[]): Promise<string[]> {
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  const isOther = ({ id, numbers }: Updated) => {
    const alert = byId.get(id)!;
    if (numbers === null || !alert.isCurrent || alert.status !== 'firing') return false;
    const document = documentOf(alert);
    return numbers.some(([path, number, problem]) => {
      const found = foundAt(path, document);
      return found.number !== number || found.problem !== problem;
    });
  };
  const ids = rows.filter((row) => !row.revived && isOther(row)).map(({ id }) => id);
  if (ids.length > 0)
    await sql.rows(
      'UPDATE alerts SET revision = revision + 1, written_by = pg_current_xact_id() WHERE id = ANY($1::uuid[])',
      [ids],
    );
  return ids;
}
