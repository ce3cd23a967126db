import { Inject, Injectable } from '@nestjs/common';
import { Subscriptions } from '../alerts/subscriptions';
import { CLOCK, type Clock } from '../common/clock';
import { SLOTS } from '../common/ids';
import { AHEAD_AT_MOST_MS } from '../common/moments-ahead';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import type { PollJob } from '../queue/jobs';
import { truthOf, stale } from '../engine/evaluate';
import type { State } from '../engine/types';
import { Evaluator } from './evaluator';
import { Observer, STALE_INTERVALS } from './observer';
import type { ServiceSnapshot } from './compiled-service';
import { ServiceLoader } from './service-loader';
import type { ServiceObservation } from './service-observation';

/** A service that nobody has evaluated since a moment. */
interface Late {
  id: string;
  since: Date;
  /** Id of the open interval of the ledger. */
  decision: string | null;
}

/** State of a service, and what was last observed of it. */
export interface Known {
  observation: ServiceObservation;
  state: State;
}

type Range = Pick<PollJob, 'intervalSeconds' | 'fromSlot' | 'toSlot'>;

/** Number of services recorded in one transaction. */
const PAGE = 500;
/** Time after which a waiting alert counts as not evaluated in time, seconds. */
const ALERT_WAITS_SECONDS = 30;
const MAX_WAITING_ALERTS = 1_000;
/** Number of late services of which it is looked whether alerts decide them. */
const LOOKED_AT_AT_MOST = 1_000;

/**
 * SQL moment after which a stored moment was written by a clock that was ahead: it does not show when somebody looked.
 */
const SOON = `now() + interval '${AHEAD_AT_MOST_MS} milliseconds'`;

const EVERYWHERE: Range = { intervalSeconds: 0, fromSlot: 0, toSlot: SLOTS - 1 };

/** Notes that a range of slots was polled. */
const NOTE_POLLED = new Statement(
  'unpolled_polled',
  `INSERT INTO polled_ranges AS r (interval_seconds, from_slot, to_slot, polled_at) VALUES ($1, $2, $3, now() - make_interval(secs => $4))
   ON CONFLICT (interval_seconds, from_slot, to_slot) DO UPDATE
     SET polled_at = CASE WHEN r.polled_at > ${SOON} THEN excluded.polled_at ELSE greatest(r.polled_at, excluded.polled_at) END`,
  'by keys',
);

/** Tells whether fresh polls cover a range of slots. */
const IS_COVERED = new Statement<{ isCovered: boolean }>(
  'unpolled_covered',
  `SELECT coalesce(range_agg(int4range(from_slot, to_slot, '[]')) @> int4range($2::int, $3::int, '[]'), false) AS "isCovered"
   FROM polled_ranges
   WHERE interval_seconds = $1 AND from_slot <= $3 AND to_slot >= $2
     AND polled_at >= now() - make_interval(secs => ${STALE_INTERVALS} * $1::int) AND polled_at <= ${SOON}`,
  'by keys',
);

/** Deletes ranges that nobody has polled for a week, once others cover them. */
const FORGET_RANGES = new Statement(
  'unpolled_forget',
  `DELETE FROM polled_ranges r WHERE polled_at < now() - make_interval(days => 7, secs => 4 * interval_seconds)
   AND EXISTS (SELECT FROM polled_ranges o WHERE o.interval_seconds = r.interval_seconds
     AND o.from_slot <= r.to_slot AND o.to_slot >= r.from_slot AND o.polled_at > r.polled_at)`,
);

/** Finds services without polls whose next moment has passed without an evaluation, longest overdue first. */
const OVERDUE = new Statement<Late>(
  'unpolled_overdue',
  `SELECT s.id, least(now(), greatest(st.next_moment, d.started_at)) AS since, st.decision_id AS decision
   FROM service_states st
     JOIN LATERAL (SELECT * FROM services WHERE id = st.service_id LIMIT 1) s ON true
     LEFT JOIN LATERAL (SELECT started_at FROM decisions WHERE id = st.decision_id LIMIT 1) d ON true
   WHERE st.next_moment < now() AND st.next_moment < now() - make_interval(secs => ${STALE_INTERVALS} * s.interval_seconds)
     AND s.enabled AND NOT s.polled AND st.state->>'reason' <> 'not_polled'
   ORDER BY st.next_moment LIMIT ${PAGE}`,
);

/** Reads alerts that have waited too long to be evaluated, longest first. */
const WAITING_ALERTS = new Statement<{
  service: string | null;
  labels: Record<string, string>;
  source: string;
  at: Date;
}>(
  'unpolled_alerts',
  `SELECT service_id AS service, labels, source, received_at AS at FROM alerts WHERE processed < revision AND received_at < now() - interval '${ALERT_WAITS_SECONDS} seconds'
   ORDER BY received_at LIMIT ${MAX_WAITING_ALERTS}`,
);

/**
 * Finds services that nobody evaluates: no worker has polled them for three intervals, or their next moment or an alert
 * for them has waited too long. The last reading says nothing about now: the service is `unknown`, `not_polled`, from
 * the moment of its last observation, and the ledger shows that even when the service is read again later.
 */
@Injectable()
export class Unpolled {
  constructor(
    private readonly database: Database,
    private readonly loader: ServiceLoader,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly subscriptions: Subscriptions,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Records that a poll of these slots has ended which began to read at `began`. Stored moments are PostgreSQL's time.
   */
  async polled({ intervalSeconds, fromSlot, toSlot }: Range, began: Date): Promise<void> {
    const tookSeconds = Math.max(0, this.clock.now().getTime() - began.getTime()) / 1000;
    await NOTE_POLLED.rows(this.database.keyed, [intervalSeconds, fromSlot, toSlot, tookSeconds]);
  }

  /** Counts services that are polled too late, recorded or not. */
  async count(): Promise<number> {
    const [row] = await COUNT_LATE.rows(this.database.keyed, valuesOf(EVERYWHERE));
    return row!.count;
  }

  /**
   * Records the late services of a range. One statement tells whether polls have covered it, which is the usual case.
   */
  async tellWithin(range: Range): Promise<void> {
    const [row] = await IS_COVERED.rows(this.database.keyed, valuesOf(range));
    if (!row!.isCovered) await this.tell(range);
  }

  /** Records the late services of a range, or all of them. */
  async tell(range: Range = EVERYWHERE): Promise<void> {
    for (let after: string | null = null; ;) {
      const late: Late[] = await this.lateIn(range, after);
      if (late.length > 0) await this.tellOf(late);
      if (late.length < PAGE) return;
      after = late.at(-1)!.id;
    }
  }

  /** Records late services that alerts alone feed. */
  async tellWaiting(): Promise<void> {
    const [moments, alerts] = await Promise.all([this.overdue(), this.waiting()]);
    const late = new Map([...moments, ...alerts].map((one) => [one.id, one]));
    if (late.size > 0) await this.tellOf([...late.values()]);
  }

  /**
   * Returns states and observations of services as shown to people: `not_polled` in place of the last reading where
   * nobody has read it since.
   */
  async asTold(known: readonly Known[]): Promise<Known[]> {
    const polled = known.filter(({ observation: { snapshot } }) => isPolled(snapshot));
    if (polled.length === 0) return [...known];
    const services = polled.map(({ observation: { snapshot } }) => snapshot.compiled.service);
    const [one] = services;
    // Of one service, only its own slot is looked at.
    const range = services.length === 1 ? { ...one!, fromSlot: one!.slot, toSlot: one!.slot } : EVERYWHERE;
    const rows = await LATE_OF_SOME.rows(this.database.keyed, [
      ...valuesOf(range),
      services.map(({ id }) => id),
    ]);
    const late = new Map(rows.map((row) => [row.id, row]));
    return known.map((told) => {
      const { rule, service } = told.observation.snapshot.compiled;
      const unseen = late.get(service.id);
      if (unseen === undefined || isDecidedByAlerts(told.observation)) return told;
      const observation = withoutReadings(told.observation, unseen);
      return { observation, state: stale(rule, told.state, unseen.since.getTime()).state };
    });
  }

  /**
   * Returns services that nobody polls in time and of which that is not written down yet, with the moment since when:
   * few, as long as anything of the program lives. Left out are those that alerts alone decide; of very many, only some
   * are looked at for that, and the others count as not polled.
   */
  async unrecorded(): Promise<Map<string, Date>> {
    const rows = await UNRECORDED.rows(this.database.keyed, valuesOf(EVERYWHERE));
    const late = new Map(rows.map(({ id, since }) => [id, since]));
    const fed = rows.filter(({ isFed }) => isFed).slice(0, LOOKED_AT_AT_MOST);
    if (fed.length === 0) return late;
    const snapshots = await this.loader.byIds(fed.map(({ id }) => id));
    for (const one of await this.observer.known(snapshots, this.clock.now()))
      if (isDecidedByAlerts(one)) late.delete(one.snapshot.compiled.service.id);
    return late;
  }

  /** Deletes ranges that nobody polls any more, once others cover them. */
  async forget(): Promise<void> {
    await FORGET_RANGES.rows(this.database);
  }

  private lateIn(range: Range, after: string | null): Promise<Late[]> {
    return LATE_PAGE.rows(this.database.keyed, [...valuesOf(range), after]);
  }

  /** Returns services without polls whose next moment has passed without an evaluation. */
  private overdue(): Promise<Late[]> {
    return OVERDUE.rows(this.database);
  }

  /** Returns services without polls for which an alert waits. */
  private async waiting(): Promise<Late[]> {
    const alerts = await WAITING_ALERTS.rows(this.database);
    if (alerts.length === 0) return [];
    const { matcher } = await this.subscriptions.current();
    const since = new Map<string, Date>();
    for (const { service, labels, source, at } of alerts) {
      const concerned =
        service === null ? matcher.matches(labels, source).map((one) => one.service) : [service];
      for (const id of concerned) if (!since.has(id)) since.set(id, at);
    }
    const states = await this.database.rows<Late>(
      `SELECT s.id, d.started_at AS since, st.decision_id AS decision
       FROM services s LEFT JOIN service_states st ON st.service_id = s.id LEFT JOIN decisions d ON d.id = st.decision_id
       WHERE s.id = ANY($1::uuid[]) AND s.enabled AND NOT s.polled AND st.state->>'reason' IS DISTINCT FROM 'not_polled'
       LIMIT ${PAGE}`,
      [[...since.keys()]],
    );
    const now = this.clock.now();
    return states.map((one) => {
      const at = laterOf(since.get(one.id)!, one.since);
      return { ...one, since: at > now ? now : at };
    });
  }

  private async tellOf(late: readonly Late[]): Promise<void> {
    const byId = new Map(late.map((one) => [one.id, one]));
    const snapshot = await this.loader.byIds([...byId.keys()]);
    const now = this.clock.now();
    const observation = await this.observer.known(snapshot, now);
    await this.evaluator.tellStale(
      observation.flatMap((one) =>
        isDecidedByAlerts(one) ? [] : [withoutReadings(one, byId.get(one.snapshot.compiled.service.id)!)],
      ),
    );
  }
}

const isPolled = ({ compiled: { rule, service } }: ServiceSnapshot): boolean =>
  rule.enabled && service.polled;

/** SQL: alerts feed a service `s`, too. */
const IS_ALSO_FED = `jsonb_path_exists(s.metrics, '$.*.type ? (@ == "alert")')`;

/** Tells whether alerts alone decide the condition, whatever was not read: they are evaluated when they come. */
function isDecidedByAlerts({ snapshot: { compiled, state }, values }: ServiceObservation): boolean {
  const { alertMetrics, rule, service } = compiled;
  if (alertMetrics.length === 0 || !service.polled) return false;
  const told = alertMetrics.flatMap(({ metric }) =>
    Object.hasOwn(values, metric) ? [[metric, values[metric]!] as const] : [],
  );
  return truthOf(rule, state?.inAlarm ?? false, Object.fromEntries(told)) !== undefined;
}

const valuesOf = ({ intervalSeconds, fromSlot, toSlot }: Range): number[] => [
  intervalSeconds,
  fromSlot,
  toSlot,
];

/** Returns the observation without polled values, as of the moment of the last reading. */
function withoutReadings(observation: ServiceObservation, { since, decision }: Late): ServiceObservation {
  const { reads, service } = observation.snapshot.compiled;
  const values: Record<string, number> = {};
  const errors: Record<string, string> = {};
  for (const metric in service.metrics) {
    if (Object.hasOwn(reads, metric)) errors[metric] = `nobody has read it since ${since.toISOString()}`;
    else if (Object.hasOwn(observation.values, metric)) values[metric] = observation.values[metric]!;
  }
  const lastTrigger = observation.snapshot.state?.lastTriggeredAt;
  const at =
    lastTrigger === undefined || lastTrigger > observation.at.getTime() + AHEAD_AT_MOST_MS
      ? since
      : laterOf(since, new Date(lastTrigger + 1));
  return { ...observation, at, values, errors, readAt: {}, stale: { decision: decision ?? undefined } };
}

const laterOf = (one: Date, other: Date | null): Date => (other !== null && other > one ? other : one);

/**
 * SQL of the polled services whose slots no poll has covered for three intervals, as `late`. By PostgreSQL's clock
 * alone. A service that is new or was changed has as long. A service decided since then was read, though its poll goes
 * on: the poll waits for the slowest target of its slots.
 *
 * Parameters: an interval, or 0 for all; the first and the last of a range of slots.
 *
 * @param services SQL condition on a service `s`
 * @param states SQL condition on its state `st`
 */
const lateWith = ({ services = 'true', states = 'true' } = {}): string => `
  WITH RECURSIVE used AS (
    (SELECT interval_seconds AS interval FROM services WHERE enabled AND polled AND $1::int = 0 ORDER BY 1 LIMIT 1)
    UNION ALL
    SELECT (SELECT interval_seconds FROM services WHERE enabled AND polled AND interval_seconds > used.interval ORDER BY 1 LIMIT 1)
    FROM used WHERE used.interval IS NOT NULL),
  asked AS (SELECT interval FROM used WHERE interval IS NOT NULL UNION SELECT $1 WHERE $1 <> 0),
  fresh AS (
    SELECT interval_seconds AS interval, range_agg(int4range(from_slot, to_slot, '[]')) AS slots FROM polled_ranges
    WHERE polled_at >= now() - make_interval(secs => ${STALE_INTERVALS} * interval_seconds) AND polled_at <= ${SOON}
      AND ($1 = 0 OR interval_seconds = $1) AND from_slot <= $3 AND to_slot >= $2
    GROUP BY 1),
  holes AS (
    SELECT a.interval, unnest(int4multirange(int4range($2::int, $3::int, '[]')) - coalesce(f.slots, '{}')) AS slots
    FROM asked a LEFT JOIN fresh f USING (interval)),
  late AS (
    SELECT s.id, st.state->>'reason' AS reason, st.decision_id AS decision,
      least(now(), greatest(coalesce(r.polled_at, s.updated_at), s.created_at, d.started_at)) AS since
    -- Hole by hole, and service by service: there are few as long as anything polls, whatever the planner expects.
    FROM holes h
      CROSS JOIN LATERAL (SELECT * FROM services s WHERE s.interval_seconds = h.interval
        AND s.slot >= lower(h.slots) AND s.slot < upper(h.slots) AND s.enabled AND s.polled AND ${services} OFFSET 0) s
      LEFT JOIN LATERAL (SELECT * FROM service_states WHERE service_id = s.id LIMIT 1) st ON true
      LEFT JOIN LATERAL (SELECT started_at FROM decisions WHERE id = st.decision_id LIMIT 1) d ON true,
      LATERAL (SELECT max(polled_at) FILTER (WHERE polled_at <= ${SOON}) AS polled_at FROM polled_ranges
        WHERE interval_seconds = s.interval_seconds AND s.slot BETWEEN from_slot AND to_slot) r
    WHERE (${states})
      AND (s.updated_at < now() - make_interval(secs => ${STALE_INTERVALS} * s.interval_seconds) OR s.updated_at > ${SOON})
      AND (st.state->>'reason' IS NOT DISTINCT FROM 'not_polled' OR d.started_at IS NULL OR d.started_at > now()
        OR d.started_at < now() - make_interval(secs => ${STALE_INTERVALS} * s.interval_seconds)))`;

const LATE_IN_RANGE = lateWith();

/** Counts services that are polled too late. */
const COUNT_LATE = new Statement<{ count: number }>(
  'unpolled_count',
  `${LATE_IN_RANGE} SELECT count(*)::int AS count FROM late`,
  'by keys',
);

/** Finds those of some services that are polled too late. */
const LATE_OF_SOME = new Statement<Late>(
  'unpolled_some',
  `${lateWith({ services: 's.id = ANY($4::uuid[])' })} SELECT * FROM late`,
  'by keys',
);

/** Finds services that are polled too late and not recorded as that; and whether alerts feed them as well. */
const UNRECORDED = new Statement<{ id: string; since: Date; isFed: boolean }>(
  'unpolled_unrecorded',
  `${lateWith({ states: `st.state->>'reason' IS DISTINCT FROM 'not_polled'` })}
   SELECT late.id, late.since, f.is_fed AS "isFed" FROM late,
     LATERAL (SELECT ${IS_ALSO_FED} AS is_fed FROM services s WHERE s.id = late.id LIMIT 1) f`,
  'by keys',
);

/** Reads a page of services in a range that are polled too late and not recorded as that. */
const LATE_PAGE = new Statement<Late>(
  'unpolled_late',
  `${LATE_IN_RANGE} SELECT * FROM late
   WHERE reason IS DISTINCT FROM 'not_polled' AND ($4::uuid IS NULL OR id > $4) ORDER BY id LIMIT ${PAGE}`,
  'by keys',
);
