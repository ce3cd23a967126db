import { COVERS } from '../silences/silence';
import type { EventName } from './events';

/**
 * What contacts are told of, as PostgreSQL finds it in what is committed anyway: nothing is written for it where it
 * happens. Each event has the things that are so now, and what of a notice's thing shows that it is over.
 */
export interface Happening {
  /**
   * SQL of the things that are so, as a SELECT of object_id, occurrence, since, service_id, labels, text and facts. `$2`
   * is the moment since which executions that ended badly are looked at.
   */
  readonly items: string;
  /** SQL condition on an item `i` and a contact `c`: it concerns the contact. */
  readonly concerns: string;
  /** SQL of what an open notice `n` is about: joins for `how`. */
  readonly about: string;
  /** SQL condition that it is over. */
  readonly isOver: string;
  /** SQL expression: how it ended, in words; NULL where that is not told. */
  readonly how: string;
}

/** Time without another refusal after which a sender counts as refused no more. */
const REFUSED_FOR = '15 minutes';
/** Part of a silence after which its end is told. */
const REMINDED_AT = 0.9;
/** Time by which executions may be written down later than they ended. */
const LATE = '60 seconds';

const TEXT_AT_MOST = 500;

/** SQL text of a moment, in UTC. */
const utc = (moment: string): string => `to_char(${moment} AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"')`;
/** SQL text of a moment, exactly, by which one occurrence is told from the next. */
const exactly = (moment: string): string => `(extract(epoch FROM ${moment}) * 1000000)::bigint::text`;
/** SQL moment of milliseconds in a state. */
const momentIn = (ms: string): string => `to_timestamp((${ms})::float8 / 1000)`;
const cut = (text: string): string => `left(${text}, ${TEXT_AT_MOST})`;

const BY_LABELS = 'i.labels @> c.labels';

/** SQL: the service of an execution, also of one that asks for an approval. */
const SERVICE_OF_EXECUTION = `coalesce(e.service_id, (e.variables->'service'->>'id')::uuid)`;
const FACTS_OF_EXECUTION = `jsonb_build_object('execution', e.id, 'action', e.action_name, 'service', e.service_name)`;
const NAME_OF_EXECUTION = `concat_ws(' for ', e.action_name, e.service_name)`;
const BY_ID_OF_EXECUTION = 'LEFT JOIN executions e ON e.id = n.object_id::uuid';

/** SQL: what a person did last with an execution. */
const BY_A_PERSON = `jsonb_path_query_array(e.attempts, '$[*] ? (@.outcome == "person")')->-1`;

const APPROVAL: Happening = {
  items: `SELECT e.id::text AS object_id, '' AS occurrence, e.created_at AS since, e.service_id, s.labels,
      concat(${NAME_OF_EXECUTION}, ' waits for approval until ', ${utc('e.expires_at')}, ': ', e.justification) AS text,
      ${FACTS_OF_EXECUTION} || jsonb_build_object('expiresAt', e.expires_at) AS facts
    FROM executions e JOIN services s ON s.id = e.service_id WHERE e.status = 'awaiting_approval'`,
  concerns: BY_LABELS,
  about: BY_ID_OF_EXECUTION,
  isOver: `e.status IS DISTINCT FROM 'awaiting_approval'`,
  how: `coalesce(${BY_A_PERSON}->>'error', ${BY_A_PERSON}->>'detail', e.status)`,
};

/** Executions that ended so; tests have a person who sees it, and notices of notices would never end. */
const endedAs = (status: 'failed' | 'unknown', said: string): Happening => ({
  items: `SELECT e.id::text AS object_id, ${exactly('e.finished_at')} AS occurrence, e.finished_at AS since,
      ${SERVICE_OF_EXECUTION} AS service_id, coalesce(s.labels, '{}') AS labels,
      concat(${NAME_OF_EXECUTION}, ' ${said}: ', coalesce(e.attempts->-1->>'error', e.attempts->-1->>'detail')) AS text,
      ${FACTS_OF_EXECUTION} AS facts
    FROM executions e LEFT JOIN services s ON s.id = ${SERVICE_OF_EXECUTION}
    WHERE e.status = '${status}' AND e.kind NOT IN ('test', 'notice') AND e.attempts->-1->>'outcome' IS DISTINCT FROM 'person'
      AND e.finished_at >= $2::timestamptz - interval '${LATE}'`,
  concerns: `${BY_LABELS} AND i.since >= (c.asked_since->>'${status}')::timestamptz`,
  about: BY_ID_OF_EXECUTION,
  // While it is tried again nothing is known yet.
  isOver: `e.status IS NULL OR e.status NOT IN ('queued', 'running', 'waiting', 'held')
    AND NOT (e.status = '${status}' AND ${exactly('e.finished_at')} = n.occurrence)`,
  // One that ended so again is told as another time; of one that is gone nobody knows.
  how: `CASE WHEN e.status <> '${status}'
    THEN CASE WHEN e.attempts->-1->>'outcome' = 'person' THEN ${BY_A_PERSON}->>'detail' ELSE concat('it ', e.status) END END`,
});

const SILENT_SOURCE: Happening = {
  items: `SELECT s.id::text AS object_id, ${exactly('a.at')} AS occurrence, a.at AS since, NULL::uuid AS service_id,
      s.labels || s.add_labels AS labels, coalesce(a.annotations->>'summary', concat(s.name, ' is silent')) AS text,
      jsonb_build_object('source', s.name) AS facts
    FROM alerts a JOIN sources s ON a.dedup_key = concat('source_silent ', s.id)
    WHERE a.source = 'monscale' AND a.is_current AND a.status = 'firing'`,
  concerns: BY_LABELS,
  about: `LEFT JOIN alerts a ON a.source = 'monscale' AND a.dedup_key = concat('source_silent ', n.object_id) AND a.is_current
    AND a.status = 'firing' AND ${exactly('a.at')} = n.occurrence LEFT JOIN sources s ON s.id = n.object_id::uuid`,
  isOver: 'a.id IS NULL',
  how: `CASE WHEN s.id IS NULL THEN 'it was deleted' WHEN s.silent_after_seconds IS NULL THEN 'it may be silent now' ELSE 'it speaks again' END`,
};

const SILENCE_ENDING: Happening = {
  items: `SELECT x.id::text AS object_id, ${exactly('x.ends_at')} AS occurrence,
      x.starts_at + (x.ends_at - x.starts_at) * ${REMINDED_AT} AS since, NULL::uuid AS service_id, '{}'::jsonb AS labels,
      concat('the silence of ', x.owner, ' ("', left(x.reason, 200), '") ends at ', ${utc('x.ends_at')}) AS text,
      jsonb_build_object('silence', x.id, 'owner', x.owner, 'endsAt', x.ends_at) AS facts
    FROM silences x WHERE x.ends_at > now() AND x.ended_at IS NULL
      AND x.starts_at + (x.ends_at - x.starts_at) * ${REMINDED_AT} <= now()`,
  concerns: `(c.labels = '{}' OR EXISTS (SELECT FROM silences x JOIN services s ON ${COVERS}
    WHERE x.id = i.object_id::uuid AND s.labels @> c.labels))`,
  about: 'LEFT JOIN silences x ON x.id = n.object_id::uuid',
  isOver: `x.id IS NULL OR x.ended_at IS NOT NULL OR x.ends_at <= now() OR ${exactly('x.ends_at')} <> n.occurrence`,
  how: `CASE WHEN x.ended_at IS NOT NULL THEN concat('ended early by ', x.ended_by)
    WHEN ${exactly('x.ends_at')} <> n.occurrence THEN concat('it ends at ', ${utc('x.ends_at')}, ' now') ELSE 'it has ended' END`,
};

/**
 * Refused senders of notifications, and sources whose requests are refused: one notice until there is quiet. Neither
 * addresses nor contents are told, which only administrators may read.
 */
const REFUSED_SENDER: Happening = {
  items: `SELECT r.object_id, ${exactly('r.last_at')} AS occurrence, r.first_at AS since, NULL::uuid AS service_id, r.labels, r.text, r.facts
    FROM (
      SELECT concat_ws(' ', 'snmp', t.address, t.reason, t.source_id) AS object_id, t.first_at, t.last_at,
        coalesce(s.labels || s.add_labels, '{}') AS labels,
        concat('a sender of notifications is refused', ' by ' || s.name, ': ', t.reason) AS text,
        jsonb_build_object('reason', t.reason, 'source', s.name) AS facts
      FROM trap_refusals t LEFT JOIN sources s ON s.id = t.source_id WHERE t.last_at > now() - interval '${REFUSED_FOR}'
      UNION ALL
      SELECT concat('source ', s.id), min(p.at), max(p.at), s.labels || s.add_labels,
        concat('what ', s.name, ' sends is refused: status ', (array_agg(p.status ORDER BY p.id DESC))[1]),
        jsonb_build_object('source', s.name)
      FROM source_payloads p JOIN sources s ON s.id = p.source_id
      WHERE p.status BETWEEN 400 AND 499 AND p.status <> 429 AND p.at > now() - interval '${REFUSED_FOR}' GROUP BY s.id) r`,
  concerns: BY_LABELS,
  about: `LEFT JOIN LATERAL (SELECT max(at) AS at FROM (
      SELECT t.last_at AS at FROM trap_refusals t WHERE concat_ws(' ', 'snmp', t.address, t.reason, t.source_id) = n.object_id
      UNION ALL
      SELECT p.at FROM source_payloads p WHERE n.object_id LIKE 'source %' AND p.source_id = substr(n.object_id, 8)::uuid
        AND p.status BETWEEN 400 AND 499 AND p.status <> 429) one) r ON true`,
  isOver: `r.at IS NULL OR r.at <= now() - interval '${REFUSED_FOR}'`,
  how: `concat('nothing was refused since ', coalesce(${utc('r.at')}, 'then'))`,
};

const FLAPPING: Happening = {
  items: `SELECT s.id::text AS object_id, ${exactly('f.frozen_until')} AS occurrence, f.frozen_until - interval '1 hour' AS since, s.id AS service_id,
      s.labels, concat(s.name, ' is frozen until ', ${utc('f.frozen_until')}, ': ', i.name, ' was to go up and down too often') AS text,
      jsonb_build_object('service', s.name, 'infrastructure', i.name, 'frozenUntil', f.frozen_until) AS facts
    FROM infrastructure_states f JOIN infrastructures i ON i.id = f.infrastructure_id
      JOIN services s ON s.infrastructure_id = i.id AND s.enabled AND s.direction IS NOT NULL
    WHERE f.frozen_until > now()`,
  concerns: BY_LABELS,
  about: `LEFT JOIN services s ON s.id = n.object_id::uuid
    LEFT JOIN infrastructure_states f ON f.infrastructure_id = s.infrastructure_id AND f.frozen_until > now()
      AND ${exactly('f.frozen_until')} = n.occurrence`,
  isOver: 'f.infrastructure_id IS NULL',
  how: `CASE WHEN s.id IS NULL THEN 'the service was deleted' ELSE 'it may scale again' END`,
};

/** Services that can't be judged: nothing was read, nobody reads, or nodes can't be counted. */
const IS_BLIND = `s.enabled AND st.state->>'reason' IN ('missing_data', 'not_polled', 'nodes_unknown')`;
/** SQL: since when; in an alarm since its interval of the ledger, which began with the reason. */
const BLIND_SINCE = `CASE WHEN st.state->>'phase' = 'unknown' THEN ${momentIn(`st.state->>'since'`)} ELSE d.started_at END`;

const BLIND: Happening = {
  items: `SELECT s.id::text AS object_id, ${exactly(BLIND_SINCE)} AS occurrence, ${BLIND_SINCE} AS since, s.id AS service_id, s.labels,
      concat(s.name, ' is blind since ', ${utc(BLIND_SINCE)}, ': ', d.explanation) AS text,
      jsonb_build_object('service', s.name, 'reason', st.state->>'reason') AS facts
    FROM service_states st JOIN services s ON s.id = st.service_id JOIN decisions d ON d.id = st.decision_id WHERE ${IS_BLIND}`,
  concerns: `${BY_LABELS} AND i.since <= now() - make_interval(secs => c.blind_for_seconds)`,
  about: `LEFT JOIN (services s JOIN service_states st ON st.service_id = s.id JOIN decisions d ON d.id = st.decision_id)
    ON s.id = n.object_id::uuid AND ${IS_BLIND} LEFT JOIN services there ON there.id = n.object_id::uuid`,
  isOver: `s.id IS NULL OR ${exactly(BLIND_SINCE)} <> n.occurrence`,
  how: `CASE WHEN there.id IS NULL THEN 'the service was deleted' WHEN NOT there.enabled THEN 'the service was disabled'
    ELSE 'it sees again' END`,
};

export const HAPPENINGS: Readonly<Record<EventName, Happening>> = {
  approval: APPROVAL,
  unknown: endedAs('unknown', 'ended unknown'),
  failed: endedAs('failed', 'failed'),
  silent_source: SILENT_SOURCE,
  silence_ending: SILENCE_ENDING,
  refused_sender: REFUSED_SENDER,
  flapping: FLAPPING,
  blind: BLIND,
};

/**
 * SQL that finds what contacts are to be told of the event `$1`, and were not: the oldest first. Things are sought once
 * for all contacts, and notices (`OFFSET 0`) one by one in their index: planned as joins, by statistics that are old,
 * either may take hours.
 */
export const findStatement = ({ items, concerns }: Happening, atMost: number): string =>
  `WITH i AS MATERIALIZED (${items})
   SELECT c.id AS contact, i.object_id AS object, i.occurrence, i.since, i.service_id AS service, ${cut('i.text')} AS text, i.facts
   FROM i JOIN contacts c ON $1 = ANY(c.events) AND ${concerns}
   WHERE NOT EXISTS (SELECT FROM notices n WHERE n.contact_id = c.id AND n.event = $1 AND n.object_id = i.object_id
     AND (n.occurrence = i.occurrence OR n.ended_at IS NULL) OFFSET 0)
   ORDER BY i.since LIMIT ${atMost}`;

/** SQL that ends notices of the event `$1` whose thing is over. */
export const endStatement = ({ about, isOver, how }: Happening, atMost: number): string =>
  `UPDATE notices n SET ended_at = now(), ended_how = ended.how, is_due = n.status = 'waiting' OR n.status = 'told' AND ended.how IS NOT NULL
   FROM (SELECT n.id, ${cut(how)} AS how FROM notices n ${about} WHERE n.event = $1 AND n.ended_at IS NULL AND (${isOver})
     ORDER BY n.id LIMIT ${atMost}) ended
   WHERE n.id = ended.id AND n.ended_at IS NULL RETURNING n.id`;
