import { Injectable } from '@nestjs/common';
import { floats, texts, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';

/** An `alert` metric of a service. */
export interface AlertMetric {
  service: string;
  metric: string;
  /** Seconds an alert lives after its last receipt; undefined: as its format says. */
  ttlSeconds?: number;
  /** JSONPath of the number in the alert, in its own format; undefined: the alert's value. */
  valuePath?: string;
}

/** What feeds an `alert` metric now: the newest alert that lives. */
export interface AlertValue {
  metric: string;
  /** Undefined: the alert has no number where the metric looks for it. */
  value?: number;
  /** Why it has none. */
  problem?: string;
  at: Date;
  /** When this alert's life ends unless it is seen again. */
  livesUntil?: Date;
  alert: string;
  /** The rules have not been told of it yet, or not of its last change. */
  isNew: boolean;
}

const NOBODY: ReadonlyMap<string, AlertValue[]> = new Map();

@Injectable()
export class AlertValues {
  constructor(private readonly database: Database) {}

  /** Values of the metrics that an alert lives for, by service; the others are 0. */
  async of(
    metrics: readonly AlertMetric[],
    now: Date,
    sql: Sql = this.database.keyed,
  ): Promise<ReadonlyMap<string, AlertValue[]>> {
    if (metrics.length === 0) return NOBODY;
    const rows = await sql.rows<{
      service: string;
      metric: string;
      value: number | null;
      problem: string | null;
      at: Date;
      lives_until: Date | null;
      alert: string;
      isNew: boolean;
    }>(
      // A look into the index for each, whatever the planner thinks of their number: it may read all that lives.
      `SELECT w.service, w.metric, n.*
       FROM unnest($1::uuid[], $2::text[], $3::float8[], $5::text[]) AS w (service, metric, ttl_seconds, value_path),
         LATERAL (
           SELECT CASE WHEN w.value_path IS NULL THEN coalesce(a.value, 1) WHEN m.value_path = w.value_path THEN m.number END AS value,
             CASE WHEN m.value_path = w.value_path THEN m.problem END AS problem, a.at, a.id AS alert, l.lives_until, a.processed < a.revision AS "isNew"
           FROM alert_matches m,
             LATERAL (SELECT * FROM alerts WHERE id = m.alert_id LIMIT 1) a,
             LATERAL (SELECT least(a.ends_at, a.last_seen_at + make_interval(secs => coalesce(w.ttl_seconds, a.life_seconds))) AS lives_until) l
           WHERE m.service_id = w.service AND m.metric = w.metric AND a.is_current AND a.status = 'firing'
             AND (l.lives_until IS NULL OR l.lives_until > $4)
           -- By a clock far ahead it would be the newest for as long.
           ORDER BY CASE WHEN a.at > a.received_at + interval '5 minutes' THEN a.received_at ELSE a.at END DESC, a.id DESC LIMIT 1) n`,
      [
        uuids(metrics.map(({ service }) => service)),
        texts(metrics.map(({ metric }) => metric)),
        floats(metrics.map(({ ttlSeconds }) => ttlSeconds ?? null)),
        now,
        texts(metrics.map(({ valuePath }) => valuePath ?? null)),
      ],
      'alert_values',
    );
    const byService = new Map<string, AlertValue[]>();
    for (const { service, metric, at, alert, isNew, value, problem, lives_until } of rows) {
      const feeding = {
        metric,
        value: value ?? undefined,
        problem: problem ?? undefined,
        at,
        livesUntil: lives_until ?? undefined,
        alert,
        isNew,
      };
      const others = byService.get(service);
      if (others === undefined) byService.set(service, [feeding]);
      else others.push(feeding);
    }
    return byService;
  }
}
