import { newId } from '../common/ids';
import type { Ask } from './schema';

/** What was found in a database that was restored. */
export interface HeldAtRestore {
  /** The last moment that the backup knows; null where no process had ever looked. */
  from: Date | null;
  /** Number of executions that were open, by the status that they had. */
  executions: Record<string, number>;
  /** Number of services that nobody has looked at since the backup. */
  services: number;
}

/** Statuses of executions that go on by themselves, or whose approval would. */
export const OPEN_STATUSES = ['queued', 'running', 'waiting', 'awaiting_approval'] as const;

/** SQL: the last moment at which a process wrote that it lives, or could write. */
const KNOWN_LAST = `SELECT greatest((SELECT max(seen_at) FROM workers), (SELECT max(seen_at) FROM processes),
  (SELECT max(at) FROM readiness_writes)) AS from`;

/**
 * SQL: holds what was open. What had been claimed is nobody's: its worker, if it lives, finds that it lost it.
 * `was` is the status that it goes on with.
 */
const HOLD = `WITH h AS (UPDATE executions SET status = 'held', lease_owner = NULL, lease_until = NULL, next_attempt_at = NULL,
    held = jsonb_build_object('by', 'restore', 'was', status, 'why', concat(
      'the database was restored from a backup', ' of ' || to_char($1::timestamptz AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'),
      ', in which this was ', replace(status, '_', ' '), ': a person says whether it goes on (monscale resume)'))
  WHERE status = ANY($2::text[]) RETURNING held->>'was' AS was)
  SELECT was, count(*)::int AS count FROM h GROUP BY was ORDER BY was`;

/** SQL: services whose ledger would go on as if somebody had looked all the time. */
const UNSEEN = `SELECT st.service_id AS id FROM service_states st JOIN services s ON s.id = st.service_id
  WHERE s.enabled AND st.reason IS DISTINCT FROM 'not_polled' ORDER BY st.service_id`;

/**
 * SQL: ends the open interval of each service at the moment the backup knows last, and begins one in which nobody has
 * looked. A hold goes on by as much as was seen before: also one that would count what it can't see.
 */
const TELL_UNSEEN = `WITH u AS (
    SELECT u.service, u.decision, st.decision_id, s.missing_data, s.polled, st.state,
      least(now(), greatest(coalesce($3::timestamptz, d.started_at), d.started_at)) AS since,
      floor(extract(epoch FROM now()) * 1000) AS now_ms
    FROM unnest($1::uuid[], $2::uuid[]) AS u (service, decision) JOIN service_states st ON st.service_id = u.service
      JOIN services s ON s.id = u.service JOIN decisions d ON d.id = st.decision_id),
  closed AS (
    UPDATE decisions d SET ended_at = u.since FROM u WHERE d.id = u.decision_id),
  opened AS (
    INSERT INTO decisions (id, service_id, started_at, phase, reason, explanation, metric_values)
    SELECT u.decision, u.service, u.since, 'unknown', 'not_polled',
      concat('nobody has looked since the backup that the database was restored from at ',
        to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')), '{}' FROM u),
  since AS (SELECT u.*, floor(extract(epoch FROM u.since) * 1000) AS since_ms FROM u)
  UPDATE service_states st SET decision_id = u.decision, next_moment = CASE WHEN u.polled THEN st.next_moment ELSE now() END,
    state = u.state || jsonb_build_object('phase', 'unknown', 'reason', 'not_polled', 'since', u.since_ms,
        'staleSince', u.since_ms, 'missingFrom', coalesce(u.state->'missingFrom', to_jsonb(u.since_ms)))
      || CASE WHEN u.missing_data = 'breach' AND u.state ? 'pendingSince'
        THEN jsonb_build_object('pendingSince', u.now_ms, 'trueSince', u.now_ms) ELSE '{}' END
  FROM since u WHERE st.service_id = u.service`;

/** Services of a statement. */
const AT_ONCE = 5_000;

/**
 * Holds all that was open in a database that was restored, and writes down that nobody has looked since its backup.
 *
 * @param ask in the transaction that notes the new identity
 */
export async function holdOpen(ask: Ask): Promise<HeldAtRestore> {
  const [known] = await ask<{ from: Date | null }>(KNOWN_LAST);
  const { from } = known!;
  await ask('UPDATE installation SET restored_at = now(), restored_from = $1', [from]);
  const held = await ask<{ was: string; count: number }>(HOLD, [from, [...OPEN_STATUSES]]);
  const executions = Object.fromEntries(held.map(({ was, count }) => [was, count]));
  const services = (await ask<{ id: string }>(UNSEEN)).map(({ id }) => id);
  for (let at = 0; at < services.length; at += AT_ONCE) {
    const some = services.slice(at, at + AT_ONCE);
    await ask(TELL_UNSEEN, [some, some.map(() => newId()), from]);
  }
  return { from, executions, services: services.length };
}
