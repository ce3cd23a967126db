import { Injectable } from '@nestjs/common';
import { AHEAD_AT_MOST_MS, tellAhead, toldAhead } from '../common/moments-ahead';
import { Recurring } from '../common/periodic';
import { Database } from '../database/database';
import { LEASE_SECONDS } from '../queue/claimed-execution';
import { Queues } from '../queue/queues';
import { BEGUN, PAST } from '../engine/moments';

const EVERY_MS = 10_000;
/** Number of rounds between searches that read whole tables; they also run at start and after another finding. */
const THOROUGH_EVERY_ROUNDS = 60;
/** Largest number of rows that one statement sets right; the next round does the rest. */
const AT_ONCE = 5_000;
/** Time by which the clock of a sender of numbers may be ahead, seconds. */
const SENDERS_AHEAD_SECONDS = 300;
/** Number of sample groups looked at in one statement. */
const GROUPS_AT_ONCE = 2_000;

/** SQL moment that nothing of the past lies after. */
const SOON = `now() + interval '${AHEAD_AT_MOST_MS} milliseconds'`;
const soonAfter = (seconds: string): string => `${SOON} + make_interval(secs => ${seconds})`;
const after = (seconds: string): string => `now() + make_interval(secs => ${seconds})`;
const DAY = '86400';

/** A kind of stored moment that may lie in the future only so far. */
interface Kind {
  what: string;
  /** Description in the log. */
  said: string;
  /** Statement that sets rows right and returns them to be counted. */
  sql: string;
}

/** Returns an SQL condition that limits the rows of a table to a batch. */
const some = (table: string, condition: string): string =>
  `ctid = ANY(ARRAY(SELECT ctid FROM ${table} WHERE ${condition} LIMIT ${AT_ONCE}))`;

/**
 * Longest time a queued execution may wait, seconds in SQL: an hour where limits hold it, and before its next try as
 * its action says, or as its target says (a day at most).
 */
const WAIT_SECONDS = `CASE WHEN e.held IS NOT NULL THEN 3600
    WHEN e.attempts->-1->>'outcome' = 'retryable' THEN ${DAY}
    WHEN e.attempts->-1->>'outcome' IN ('ambiguous', 'lost') THEN 1.25 * (a.retry->>'maxBackoffSeconds')::float8
    WHEN e.attempts->-1->>'outcome' = 'not_yet' THEN 15 ELSE 0 END`;

/** Moment of the end of the last try, or of the execution's creation, in SQL. */
const BEFORE_WAIT = `coalesce((e.attempts->-1->>'finishedAt')::timestamptz, e.created_at)`;

/** Kinds found by an index or in small tables. */
const CHEAP: readonly Kind[] = [
  {
    what: 'poll',
    said: 'when ranges of services were polled last',
    sql: `UPDATE polled_ranges SET polled_at = now() WHERE polled_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'infrastructure',
    said: 'when infrastructures were scaled last, or until when their scaling is frozen',
    sql: `UPDATE infrastructure_states SET last_up_at = least(last_up_at, now()), last_down_at = least(last_down_at, now()),
        direction_changes = ARRAY(SELECT least(at, now()) FROM unnest(direction_changes) WITH ORDINALITY AS c (at, place) ORDER BY place),
        frozen_until = least(frozen_until, ${after('3600')})
      WHERE greatest(last_up_at, last_down_at) > ${SOON} OR frozen_until > ${soonAfter('3600')}
        OR EXISTS (SELECT FROM unnest(direction_changes) AS c (at) WHERE at > ${SOON}) RETURNING 1`,
  },
  {
    // What was rolled up too early is rolled up again; nobody knows from when on.
    what: 'roll_up',
    said: 'until when samples are rolled up',
    sql: `UPDATE roll_ups SET done_until = now() - interval '1 day' WHERE done_until > ${SOON} RETURNING 1`,
  },
  {
    what: 'silence',
    said: 'until when the silence of sources was looked for',
    sql: `UPDATE silence_watch SET since = least(since, now()), until = least(until, now())
      WHERE greatest(since, until) > ${SOON} RETURNING 1`,
  },
  {
    what: 'silenced',
    said: 'when silences were ended',
    sql: `WITH ended AS (
        UPDATE silences SET ended_at = least(ended_at, now()), cut_at = least(cut_at, now()), version = version + 1
        WHERE greatest(ended_at, cut_at) > ${SOON} RETURNING 1),
      told AS (UPDATE silence_revision SET revision = revision + 1 WHERE EXISTS (SELECT FROM ended))
      SELECT * FROM ended`,
  },
  {
    what: 'source',
    said: 'when sources were heard last',
    sql: `UPDATE source_states SET last_seen_at = now() WHERE last_seen_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'load_balancer',
    said: 'when load balancers are looked at next, or until when somebody has them in hand',
    sql: `UPDATE load_balancer_states SET next_sync_at = least(next_sync_at, now()), lease_until = least(lease_until, ${after('75')}),
        begun_at = least(begun_at, now()), synced_at = least(synced_at, now())
      WHERE next_sync_at > ${soonAfter('600')} OR lease_until > ${soonAfter('75')} OR greatest(begun_at, synced_at) > ${SOON} RETURNING 1`,
  },
  {
    what: 'next_attempt',
    said: 'when executions are tried next',
    sql: `UPDATE executions u SET next_attempt_at = now() + CASE WHEN ${BEFORE_WAIT} > ${SOON}
          THEN least(greatest(e.next_attempt_at - ${BEFORE_WAIT}, interval '0'), make_interval(secs => ${WAIT_SECONDS}))
          ELSE make_interval(secs => ${WAIT_SECONDS}) END
      FROM executions e JOIN actions a ON a.id = e.action_id
      WHERE u.id = e.id AND e.status = 'queued' AND e.next_attempt_at > ${SOON}
        AND (e.next_attempt_at > ${soonAfter(WAIT_SECONDS)} OR ${BEFORE_WAIT} > ${SOON}) RETURNING 1`,
  },
  {
    what: 'next_attempt',
    said: 'when targets are asked next how far executions are',
    sql: `UPDATE executions SET next_attempt_at = now()
      WHERE status = 'waiting' AND next_attempt_at > ${soonAfter('60')} RETURNING 1`,
  },
  {
    what: 'lease',
    said: 'until when executions are in the hands of a worker',
    sql: `UPDATE executions e SET lease_until = ${after(LEASE_SECONDS)} FROM actions a
      WHERE a.id = e.action_id AND e.status IN ('running', 'waiting') AND e.lease_until > ${soonAfter(LEASE_SECONDS)} RETURNING 1`,
  },
  {
    what: 'approval',
    said: 'until when executions may be approved',
    sql: `UPDATE executions e SET expires_at = ${after('s.approval_ttl_seconds')} FROM services s
      WHERE s.id = e.service_id AND e.status = 'awaiting_approval' AND e.expires_at > ${soonAfter('s.approval_ttl_seconds')} RETURNING 1`,
  },
  {
    what: 'execution',
    said: 'when executions began',
    sql: `UPDATE executions SET started_at = now() WHERE started_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'worker',
    said: 'when workers gave a sign of life',
    sql: `UPDATE workers SET seen_at = now() WHERE seen_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'changed_service',
    said: 'when services were changed that wait to be evaluated',
    sql: `UPDATE changed_services SET changed_at = now() WHERE changed_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'alert',
    said: 'when alerts came in that wait to be evaluated',
    sql: `UPDATE alerts SET received_at = now() WHERE processed < revision AND received_at > ${SOON} RETURNING 1`,
  },
  {
    what: 'engine',
    said: 'when SNMP engines were forgotten',
    sql: `UPDATE forgotten_engines SET forgotten_at = now() WHERE forgotten_at > ${SOON} RETURNING 1`,
  },
];

const ALERT_AHEAD = `is_current AND status = 'firing'
  AND (greatest(received_at, last_seen_at) > ${SOON} OR reported_at > ${soonAfter('300')})`;

/** Kinds found by reading whole tables. */
const THOROUGH: readonly Kind[] = [
  {
    what: 'alert',
    said: 'when alerts that fire were received, seen last or reported',
    sql: `UPDATE alerts SET received_at = least(received_at, now()), last_seen_at = least(last_seen_at, now()),
        reported_at = CASE WHEN reported_at > ${soonAfter('300')} THEN now() ELSE reported_at END
      WHERE ${some('alerts', ALERT_AHEAD)} RETURNING 1`,
  },
  {
    what: 'alert',
    said: 'when alerts that have ended were reported',
    sql: `UPDATE alerts SET reported_at = now(), last_seen_at = least(last_seen_at, now())
      WHERE ${some('alerts', `is_current AND status <> 'firing' AND received_at > now() - interval '1 day' AND reported_at > ${soonAfter('300')}`)} RETURNING 1`,
  },
  {
    what: 'counter',
    said: 'when counters began anew',
    sql: `UPDATE counters SET begins = ARRAY(SELECT at FROM unnest(begins) AS b (at) WHERE at <= now() ORDER BY at)
      WHERE EXISTS (SELECT FROM unnest(begins) AS b (at) WHERE at > ${SOON}) RETURNING 1`,
  },
];

/** SQL expressions of the moments of a state, ms since 1970. */
const STATE_MOMENTS = [...PAST, ...BEGUN.map((path) => `${path},from`)].map(
  (path) => `(st.state#>>'{${path}}')::float8`,
);

/**
 * Sets right moments in the future that a wrong clock has left in tables and on queues, so that nothing waits for them:
 * PostgreSQL's clock was set back, or an older release wrote moments by the clocks of its processes. `Evaluator` does
 * the same for the states it evaluates.
 */
@Injectable()
export class MomentsAheadSweep extends Recurring {
  private turns = 0;
  private told = 0;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
  ) {
    super(EVERY_MS);
  }

  override async round(): Promise<void> {
    await this.setRight(CHEAP);
    const hastened = await this.queues.hastenAhead().catch(() => 0);
    if (hastened > 0) tellAhead('job', `jobs that waited on the queues (${hastened})`, hastened);
    // The scheduler's tick may have found something as well.
    const isSuspect = toldAhead() !== this.told;
    if (isSuspect || this.turns++ % THOROUGH_EVERY_ROUNDS === 0) await this.thoroughly(isSuspect);
    this.told = toldAhead();
  }

  private async thoroughly(isSuspect: boolean): Promise<void> {
    await this.setRight(THOROUGH);
    await this.evaluateAhead();
    await this.dropSamples(isSuspect ? AHEAD_AT_MOST_MS / 1_000 : SENDERS_AHEAD_SECONDS);
  }

  private async setRight(kinds: readonly Kind[]): Promise<void> {
    for (const { what, said, sql } of kinds) {
      const rows = await this.database.rows(sql);
      if (rows.length > 0) tellAhead(what, `${said} (${rows.length})`, rows.length);
    }
  }

  /**
   * Queues services that no poll evaluates and whose state lies in the future, so that the evaluation sets it right.
   */
  private async evaluateAhead(): Promise<void> {
    const services = await this.database.rows<{ id: string }>(
      `SELECT st.service_id AS id FROM service_states st JOIN services s ON s.id = st.service_id
       WHERE NOT s.polled AND greatest(${STATE_MOMENTS.join(', ')}) > extract(epoch FROM ${SOON}) * 1000 LIMIT ${AT_ONCE}`,
    );
    if (services.length > 0) await this.queues.addServices(services, new Date(0));
  }

  /** Deletes samples with a time in the future, which would stand in the way of samples read then. */
  private async dropSamples(aheadSeconds: number): Promise<void> {
    let dropped = 0;
    for (let last = -1; ;) {
      const [row] = await this.database.rows<{ last: number | null; dropped: number }>(
        `WITH RECURSIVE groups (id, place) AS (
           (SELECT group_id, 1 FROM samples WHERE group_id > $1 AND at > now() - interval '1 day' ORDER BY group_id LIMIT 1)
           UNION ALL
           SELECT (SELECT group_id FROM samples WHERE group_id > g.id AND at > now() - interval '1 day' ORDER BY group_id LIMIT 1), place + 1
           FROM groups g WHERE g.id IS NOT NULL AND place < ${GROUPS_AT_ONCE}),
         gone AS (
           DELETE FROM samples s USING groups g WHERE s.group_id = g.id AND s.at > ${after('$2')} RETURNING 1)
         SELECT CASE WHEN count(*) = ${GROUPS_AT_ONCE} THEN max(id) END AS last, (SELECT count(*)::int FROM gone) AS dropped
         FROM groups`,
        [last, aheadSeconds],
      );
      dropped += row!.dropped;
      if (row!.last === null) break;
      last = row!.last;
    }
    if (dropped > 0) tellAhead('sample', `rows of samples, which are dropped (${dropped})`, dropped);
  }
}
