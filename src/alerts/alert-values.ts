import { Injectable } from '@nestjs/common';
import { floats, texts, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { Statement } from '../database/statement';

/** A metric of type `alert` of a service. */
export interface AlertMetric {
  service: string;
  metric: string;
  /** Seconds an alert lives after its last receipt; undefined: as its format says. */
  ttlSeconds?: number;
  /** JSONPath of the number in the alert, in its own format; undefined: the alert's value. */
  valuePath?: string;
  /** Names of the sources it accepts; undefined: all. */
  sources?: readonly string[];
  /** Reason no alert can feed it: this release can't read its stored params. */
  problem?: string;
}

/** Current value of an `alert` metric: that of the newest current alert. */
export interface AlertValue {
  metric: string;
  /** Number of the alert; undefined where there is none at the metric's value path. */
  value?: number;
  /** Reason there is no number. */
  problem?: string;
  /** Moment at which the alert began, by its sender, or was first received. */
  at: Date;
  /** Moment of the value: its own, or else that of the last receipt with this value. */
  valueAt: Date;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  source: string;
  /** Number the alert itself carries. */
  said?: number;
  /** Number of current alerts of the metric; this one is the newest. */
  total: number;
  /** Moment at which this alert ends unless it is received again. */
  livesUntil?: Date;
  alert: string;
  /** True where the rules have not evaluated the alert, or not its last change. */
  isNew: boolean;
}

/** Formats whose alerts say since when they fire, but not the time of their number. */
export const START_ALONE = ['alertmanager', 'grafana'];

/**
 * SQL of the time of the value of an alert `a` for a metric `w`. An alert without a number has its start. A number has
 * the time its sender gave it; one sent again without a time of its own has that of its last receipt.
 */
const VALUE_AT = `CASE WHEN a.value IS NULL AND w.value_path IS NULL THEN a.at
  WHEN a.format IN (${START_ALONE.map((format) => `'${format}'`).join(', ')}) OR a.revision > 1 OR coalesce(a.reported_at, a.at) <> a.at THEN a.last_seen_at
  ELSE a.at END`;

const NOBODY: ReadonlyMap<string, AlertValue[]> = new Map();

interface ValueRow {
  service: string;
  metric: string;
  value: number | null;
  problem: string | null;
  at: Date;
  valueAt: Date;
  lives_until: Date | null;
  alert: string;
  isNew: boolean;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  source: string;
  said: number | null;
  total: number;
}

/**
 * Returns a statement that reads, for each metric, the newest current alert: a look into the index for each, whatever
 * the planner thinks of their number, or it may read all that lives.
 */
const newestWith = (total: string): string =>
  `SELECT w.service, w.metric, n.*
   FROM unnest($1::uuid[], $2::text[], $3::float8[], $5::text[], $6::text[]) AS w (service, metric, ttl_seconds, value_path, sources),
     LATERAL (
       SELECT CASE WHEN w.value_path IS NULL THEN coalesce(a.value, 1) WHEN m.value_path = w.value_path THEN m.number END AS value,
         CASE WHEN m.value_path = w.value_path THEN m.problem END AS problem, a.at, a.id AS alert, l.lives_until, a.processed < a.revision AS "isNew",
         ${VALUE_AT} AS "valueAt", a.labels, a.annotations, a.source, a.value AS said, ${total} AS total
       FROM alert_matches m,
         LATERAL (SELECT * FROM alerts WHERE id = m.alert_id LIMIT 1) a,
         LATERAL (SELECT least(a.ends_at, a.last_seen_at + make_interval(secs => coalesce(w.ttl_seconds, a.life_seconds))) AS lives_until) l
       WHERE m.service_id = w.service AND m.metric = w.metric AND a.is_current AND a.status = 'firing'
         AND (l.lives_until IS NULL OR l.lives_until > $4)
         AND (w.sources IS NULL OR a.source = ANY(string_to_array(w.sources, '/')))
       -- The last received, by its id: what its sender says of the time would make it the newest for as long as it likes.
       ORDER BY m.alert_id DESC LIMIT 1) n`;

/** Reads the newest current alert of each metric, and how many there are. */
const VALUES = new Statement<ValueRow>('alert_values', newestWith('count(*) OVER ()::int'), 'by keys');

/** Reads the newest current alert of each metric, and no other. */
const NEWEST_VALUES = new Statement<ValueRow>('alert_values_newest', newestWith('1'), 'by keys');

/** Reads the current alerts that feed services, last received first. */
const FEEDING = new Statement<FeedingRow>(
  'alert_feeding',
  `SELECT w.service, n.*
   FROM unnest($1::uuid[]) AS w (service),
     LATERAL (
       SELECT d.*, count(*) OVER ()::int AS total FROM (
         SELECT DISTINCT a.id AS alert, a.labels, a.annotations, a.value, a.source, a.at
         FROM alert_matches m, LATERAL (SELECT * FROM alerts WHERE id = m.alert_id LIMIT 1) a
         WHERE m.service_id = w.service AND a.is_current AND a.status = 'firing' AND coalesce(a.ends_at > $2, true)
           AND coalesce(a.last_seen_at + make_interval(secs => coalesce(m.ttl_seconds, a.life_seconds)) > $2, true)) d
       ORDER BY d.alert DESC LIMIT $3) n`,
  'by keys',
);

/** Reads the alerts that fed the last trigger of services. */
const OF_LAST_TRIGGERS = new Statement<FeedingRow>(
  'alert_last_triggers',
  `SELECT w.service, n.*
   FROM unnest($1::uuid[]) AS w (service),
     LATERAL (
       SELECT e.trigger_id FROM executions e
       WHERE e.service_id = w.service AND EXISTS (SELECT FROM trigger_alerts t WHERE t.trigger_id = e.trigger_id)
       ORDER BY e.id DESC LIMIT 1) last,
     LATERAL (
       SELECT a.id AS alert, a.labels, a.annotations, a.value, a.source, a.at, count(*) OVER ()::int AS total
       FROM trigger_alerts t, LATERAL (SELECT * FROM alerts WHERE id = t.alert_id LIMIT 1) a
       WHERE t.trigger_id = last.trigger_id ORDER BY a.id DESC LIMIT $2) n`,
  'by keys',
);

@Injectable()
export class AlertValues {
  constructor(private readonly database: Database) {}

  /** Returns the values of metrics that have a current alert, by service; other metrics are 0. */
  of(
    metrics: readonly AlertMetric[],
    now: Date,
    sql: Sql = this.database.keyed,
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    return this.newest(VALUES, metrics, now, sql);
  }

  /**
   * Returns what `of` does, with a `total` of 1: reads only up to the first current alert of each metric, for callers
   * that ask once for each alert.
   */
  ofNewest(
    metrics: readonly AlertMetric[],
    now: Date,
    sql: Sql = this.database.keyed,
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    return this.newest(NEWEST_VALUES, metrics, now, sql);
  }

  private async newest(
    statement: Statement<ValueRow>,
    metrics: readonly AlertMetric[],
    now: Date,
    sql: Sql,
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    if (metrics.length === 0) return NOBODY;
    const rows = await statement.rows(sql, [
      uuids(metrics.map(({ service }) => service)),
      texts(metrics.map(({ metric }) => metric)),
      floats(metrics.map(({ ttlSeconds }) => ttlSeconds ?? null)),
      now,
      texts(metrics.map(({ valuePath }) => valuePath ?? null)),
      // No name holds a slash.
      texts(metrics.map(({ sources }) => sources?.join('/') ?? null)),
    ]);
    const byService = new Map<string, AlertValue[]>();
    for (const { service, value, problem, said, lives_until, ...row } of rows) {
      const feeding: AlertValue = {
        value: value ?? undefined,
        problem: problem ?? undefined,
        said: said ?? undefined,
        livesUntil: lives_until ?? undefined,
        ...row,
      };
      const others = byService.get(service);
      if (others === undefined) byService.set(service, [feeding]);
      else others.push(feeding);
    }
    return byService;
  }

  /**
   * Returns current alerts that feed services, by service, last received first, at most `limit` of each; and their full
   * number.
   */
  async allOf(
    services: readonly string[],
    now: Date,
    limit: number,
    sql: Sql = this.database.keyed,
  ): Promise<Map<string, { alerts: FeedingAlert[]; total: number }>> {
    if (services.length === 0) return new Map();
    const rows = await FEEDING.rows(sql, [uuids(services), now, limit]);
    return grouped(rows);
  }

  /** Returns the alerts that fed the last trigger of services, whatever their status now. */
  async ofLastTriggers(
    services: readonly string[],
    limit: number,
    sql: Sql = this.database.keyed,
  ): Promise<Map<string, { alerts: FeedingAlert[]; total: number }>> {
    if (services.length === 0) return new Map();
    const rows = await OF_LAST_TRIGGERS.rows(sql, [uuids(services), limit]);
    return grouped(rows);
  }
}

/** An alert that feeds a service. */
export interface FeedingAlert {
  alert: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  value: number | null;
  source: string;
  at: Date;
}

interface FeedingRow extends FeedingAlert {
  service: string;
  total: number;
}

function grouped(rows: readonly FeedingRow[]): Map<string, { alerts: FeedingAlert[]; total: number }> {
  const byService = new Map<string, { alerts: FeedingAlert[]; total: number }>();
  for (const { service, total, ...alert } of rows) {
    const others = byService.get(service);
    if (others === undefined) byService.set(service, { alerts: [alert], total });
    else others.alerts.push(alert);
  }
  return byService;
}
