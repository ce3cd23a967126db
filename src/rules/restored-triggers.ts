import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';
import type { Moment } from '../engine/types';
import { uuids } from '../database/binary-format';
import { NOW_TEXT } from '../queue/claimed-execution';
import type { LedgerEntry, LockedState } from './ledger-entry';
import { hasTrigger, type TriggerEntry } from './sql/triggers';

/** Alerts, of those with some ids, that were received since a moment. */
const RECEIVED_SINCE = new Statement<{ id: string }>(
  'alerts_received_since',
  `SELECT a.id FROM unnest($1::uuid[]) AS u (id), LATERAL (SELECT * FROM alerts WHERE id = u.id LIMIT 1) a
   WHERE a.last_seen_at > $2`,
  'by keys',
);

/** Gives up what an earlier trigger of a service holds by the same: a person lets one of them go on, not all. */
const GIVE_UP_EARLIER = new Statement(
  'executions_give_up_earlier',
  `UPDATE executions e SET status = 'cancelled', held = NULL, finished_at = now(), attempts = e.attempts || jsonb_build_array(
     jsonb_build_object('startedAt', ${NOW_TEXT}, 'finishedAt', ${NOW_TEXT}, 'outcome', 'person',
       'error', 'nobody let it go on after the restore until the service triggered again'))
   WHERE e.service_id = ANY($1::uuid[]) AND e.status = 'held' AND e.created_at >= $2`,
  'by keys',
);

/**
 * Holds the executions of triggers that rest on nothing newer than a backup, from which the database was restored and
 * of which no person has said yet that it may go on: whoever wrote the backup may have triggered by the same since.
 * What is read, or received, after the restore triggers as always.
 *
 * @param sql runs statements in the transaction that writes them
 */
export async function holdWhatIsOld(
  sql: Sql,
  entries: readonly LedgerEntry[],
  before: ReadonlyMap<string, LockedState>,
  restoredAt: Date,
): Promise<void> {
  const triggered = entries.filter(hasTrigger);
  if (triggered.length === 0) return;
  const alerts = triggered.flatMap(({ trigger }) => trigger.alerts);
  const rows = alerts.length === 0 ? [] : await RECEIVED_SINCE.rows(sql, [uuids(alerts), restoredAt]);
  const fresh = new Set(rows.map(({ id }) => id));
  const why = `the database was restored at ${restoredAt.toISOString()}, and this rests on what was known before: a person says whether it goes on (monscale resume)`;
  const old = triggered.filter((entry) =>
    isOld(entry, before.get(entry.compiled.service.id), fresh, restoredAt.getTime()),
  );
  for (const { trigger } of old) trigger.held = why;
  const breaches = old.filter(({ trigger }) => trigger.kind === 'breach');
  if (breaches.length === 0) return;
  await GIVE_UP_EARLIER.rows(sql, [uuids(breaches.map(({ compiled }) => compiled.service.id)), restoredAt]);
}

function isOld(
  { trigger: { kind, alerts } }: TriggerEntry,
  before: LockedState | undefined,
  fresh: ReadonlySet<string>,
  restoredAt: Moment,
): boolean {
  if (kind === 'breach') return alerts.length > 0 && !alerts.some((id) => fresh.has(id));
  // Steps and recoveries belong to an alarm, which may have gone on, or ended, after the backup.
  const began = before?.state?.firstTriggeredAt ?? before?.state?.lastTriggeredAt;
  return began !== undefined && began < restoredAt;
}
