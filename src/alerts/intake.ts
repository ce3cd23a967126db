import { Inject, Injectable } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { telemetry } from '../common/telemetry';
import { Database, type Sql } from '../database/database';
import { Queues } from '../queue/queues';
import type { AlertSource, IncomingAlert } from './alert';
import { fold, type KeptAlert } from './fold';

export interface Accepted {
  id: string;
  dedupKey: string;
}

/** Two senders of a new alert at once: the second takes another look. */
class LostRace extends Error {}
const MAX_TRIES = 5;

/** The one way in: alerts are committed before anybody is told that they are accepted. */
@Injectable()
export class Intake {
  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async accept(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Accepted[]> {
    if (alerts.length === 0) return [];
    const { accepted, news } = await this.commit(source, alerts);
    telemetry.alertsReceived.inc({ format: source.format }, alerts.length);
    // Not waited for: they are committed, and the sweep finds them if this fails.
    void this.queues.addAlerts(news);
    return accepted.map(({ id, dedupKey }) => ({ id, dedupKey }));
  }

  private async commit(source: AlertSource, alerts: readonly IncomingAlert[]) {
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      try {
        return await this.database.transaction((sql) => this.keep(sql, source, alerts));
      } catch (error) {
        if (!(error instanceof LostRace)) throw error;
      }
    }
    throw new Unavailable('too many senders of the same alert at once; send it again', 1);
  }

  private async keep(sql: Sql, source: AlertSource, alerts: readonly IncomingAlert[]) {
    const keys = [...new Set(alerts.map(({ dedupKey }) => dedupKey))].sort();
    const current = await sql.rows<KeptAlert>(
      `SELECT id, dedup_key AS "dedupKey", status, value, labels, annotations, service_id AS "serviceId", metric, at,
         ends_at AS "endsAt", life_seconds AS "lifeSeconds", received_at AS "receivedAt", last_seen_at AS "lastSeenAt",
         is_current AS "isCurrent", revision
       FROM alerts WHERE source = $1 AND is_current AND dedup_key = ANY($2::text[]) ORDER BY dedup_key FOR UPDATE`,
      [source.name, keys],
      'intake_current',
    );
    const { inserted, updated, accepted } = fold(current, alerts, this.clock.now(), newId);
    const revived = await this.update(sql, updated);
    await this.insert(sql, source, inserted);
    const before = new Map(current.map(({ id, revision }) => [id, revision]));
    const isNews = ({ id, revision, isCurrent }: KeptAlert) => isCurrent && revision > (before.get(id) ?? 0);
    const news = [...inserted, ...updated].filter(isNews).map(({ id }) => id);
    return { accepted, news: [...new Set([...news, ...revived])] };
  }

  /** Answers those whose life as a metric counts it had ended: being seen again is news for that metric. */
  private async update(sql: Sql, alerts: readonly KeptAlert[]): Promise<string[]> {
    if (alerts.length === 0) return [];
    const rows = await sql.rows<{ id: string; revived: boolean }>(
      `UPDATE alerts a
       SET status = u.status, value = u.value, labels = u.labels, annotations = u.annotations, ends_at = u.ends_at,
         is_current = u.is_current, revision = u.revision + r.revived::int, last_seen_at = u.last_seen_at
       FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::bool[], $8::int[], $9::timestamptz[])
           AS u (id, status, value, labels, annotations, ends_at, is_current, revision, last_seen_at),
         LATERAL (SELECT EXISTS (
           SELECT FROM alert_matches m JOIN alerts b ON b.id = m.alert_id
           WHERE m.alert_id = u.id AND b.last_seen_at + make_interval(secs => m.ttl_seconds) < u.last_seen_at) AS revived) r
       WHERE a.id = u.id
       RETURNING a.id, r.revived`,
      [
        alerts.map(({ id }) => id),
        alerts.map(({ status }) => status),
        alerts.map(({ value }) => value),
        alerts.map(({ labels }) => JSON.stringify(labels)),
        alerts.map(({ annotations }) => JSON.stringify(annotations)),
        alerts.map(({ endsAt }) => endsAt),
        alerts.map(({ isCurrent }) => isCurrent),
        alerts.map(({ revision }) => revision),
        alerts.map(({ lastSeenAt }) => lastSeenAt),
      ],
      'intake_update',
    );
    return rows.filter(({ revived }) => revived).map(({ id }) => id);
  }

  private async insert(sql: Sql, source: AlertSource, alerts: readonly KeptAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    const rows = await sql.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, value, labels, annotations, service_id, metric, at,
         ends_at, life_seconds, received_at, last_seen_at, is_current, revision, processed)
       SELECT id, $1, $2, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
         received_at, last_seen_at, is_current, revision, CASE WHEN is_current THEN 0 ELSE revision END
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::float8[], $7::jsonb[], $8::jsonb[], $9::uuid[], $10::text[],
           $11::timestamptz[], $12::timestamptz[], $13::float8[], $14::timestamptz[], $15::timestamptz[], $16::bool[], $17::int[])
         AS u (id, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
           received_at, last_seen_at, is_current, revision)
       ON CONFLICT (source, dedup_key) WHERE is_current DO NOTHING
       RETURNING id`,
      [
        source.name,
        source.format,
        alerts.map(({ id }) => id),
        alerts.map(({ dedupKey }) => dedupKey),
        alerts.map(({ status }) => status),
        alerts.map(({ value }) => value),
        alerts.map(({ labels }) => JSON.stringify(labels)),
        alerts.map(({ annotations }) => JSON.stringify(annotations)),
        alerts.map(({ serviceId }) => serviceId),
        alerts.map(({ metric }) => metric),
        alerts.map(({ at }) => at),
        alerts.map(({ endsAt }) => endsAt),
        alerts.map(({ lifeSeconds }) => lifeSeconds),
        alerts.map(({ receivedAt }) => receivedAt),
        alerts.map(({ lastSeenAt }) => lastSeenAt),
        alerts.map(({ isCurrent }) => isCurrent),
        alerts.map(({ revision }) => revision),
      ],
      'intake_insert',
    );
    if (rows.length < alerts.length) throw new LostRace();
  }
}
