import { chunks } from '../../common/chunks';
import { texts } from '../../database/binary-format';
import type { Sql } from '../../database/sql-pool';
import { Statement } from '../../database/statement';
import type { AlertSource, IncomingAlert } from '../alert';
import type { AlertDigest } from '../dedup';

/** Largest number of alerts that one statement looks up; statements for the rest run beside it. */
export const LOOKED_UP_AT_ONCE = 2_500;

/** SQL of a moment as a number: many moments are read, and converting them to dates is the expensive part. */
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

/** A look into the index for each, whatever the planner thinks of their number: by ANY it may read the whole source. */
const DIGESTS = new Statement<AlertDigest & { dedupKey: string }>(
  'intake_glimpses',
  `SELECT id, key AS "dedupKey", status, ${millis('at')} AS at, ${millis('coalesce(reported_at, at)')} AS "reportedAt",
     ${millis('ends_at')} AS "endsAt", life_seconds AS "lifeSeconds", ${millis('last_seen_at')} AS "lastSeenAt", content
   FROM unnest($2::text[]) AS k (key),
     LATERAL (SELECT * FROM alerts WHERE source = $1 AND is_current AND dedup_key = key LIMIT 1) a`,
  'by keys',
);

/** Reads digests of kept alerts, by key, without locking: most repeated alerts change nothing. */
export async function digestsOf(
  sql: Sql,
  { name }: AlertSource,
  alerts: readonly IncomingAlert[],
): Promise<Map<string, AlertDigest>> {
  if (alerts.length === 0) return new Map();
  const keys = [...new Set(alerts.map(({ dedupKey }) => dedupKey))];
  const rows = await Promise.all(
    chunks(keys, LOOKED_UP_AT_ONCE).map((some) => DIGESTS.rows(sql, [name, texts(some)])),
  );
  return new Map(rows.flat().map((row) => [row.dedupKey, row]));
}
