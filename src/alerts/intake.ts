import { Inject, Injectable, Logger } from '@nestjs/common';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { numberAt } from '../common/json-path';
import { telemetry } from '../common/telemetry';
import { Database, type Sql } from '../database/database';
import { Queues } from '../queue/queues';
import type { AlertSource, IncomingAlert } from './alert';
import { Receipts } from './receipts';
import { fold, type KeptAlert } from './fold';
import { documentOf } from './formats/kept-payload';

export interface Accepted {
  id: string;
  dedupKey: string;
}

interface Updated {
  id: string;
  revived: boolean;
  /** Where metrics look for their number, and what they found there. */
  numbers: [path: string, number: number | null][] | null;
}

/** Two senders of a new alert at once: the second takes another look. */
class LostRace extends Error {}
const MAX_TRIES = 5;

const NOTHING = { accepted: [], news: [], sooner: [] };

/** The one way in: alerts are committed before anybody is told that they are accepted. */
@Injectable()
export class Intake {
  private readonly logger = new Logger('Intake');

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly receipts: Receipts,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async accept(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Accepted[]> {
    const { accepted, news, sooner } = alerts.length === 0 ? NOTHING : await this.commit(source, alerts);
    this.receipts.count(source.name, alerts.length, this.clock.now());
    if (alerts.length === 0) return [];
    telemetry.alertsReceived.inc({ format: source.format }, alerts.length);
    // Not waited for: they are committed, and the sweep finds them if this fails.
    void this.queues.addAlerts(news);
    void this.lookSooner(sooner);
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
         ends_at AS "endsAt", life_seconds AS "lifeSeconds", raw, received_at AS "receivedAt", last_seen_at AS "lastSeenAt",
         is_current AS "isCurrent", revision
       FROM alerts WHERE source = $1 AND is_current AND dedup_key = ANY($2::text[]) ORDER BY dedup_key FOR UPDATE`,
      [source.name, keys],
      'intake_current',
    );
    const { inserted, updated, accepted } = fold(current, alerts, this.clock.now(), newId);
    const newsForSome = await this.update(sql, updated);
    await this.insert(sql, source, inserted);
    const before = new Map(current.map(({ id, revision }) => [id, revision]));
    const ends = new Map(current.map(({ id, endsAt }) => [id, endsAt]));
    const isNews = ({ id, revision, isCurrent }: KeptAlert) => isCurrent && revision > (before.get(id) ?? 0);
    const news = [...inserted, ...updated].filter(isNews).map(({ id }) => id);
    return {
      accepted,
      news: [...new Set([...news, ...newsForSome])],
      sooner: updated.filter((alert) => endsSooner(alert, ends.get(alert.id))),
    };
  }

  /** Alerts whose end was moved up: their services are evaluated then, and not only at the end that was known before. */
  private async lookSooner(alerts: readonly KeptAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    try {
      const services = await this.database.rows<{ id: string; at: Date }>(
        `SELECT m.service_id AS id, u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u (alert_id, at)
           JOIN alert_matches m ON m.alert_id = u.alert_id`,
        [alerts.map(({ id }) => id), alerts.map(({ endsAt }) => endsAt)],
        'intake_sooner',
      );
      await this.queues.addServices(services, this.clock.now());
    } catch (error) {
      this.logger.warn(`alerts are taken as ended later than they say: ${messageOf(error)}`);
    }
  }

  /**
   * Answers those that are news for a metric alone: their life as it counts it had ended, or where it looks for its
   * number there is another one.
   */
  private async update(sql: Sql, alerts: readonly KeptAlert[]): Promise<string[]> {
    if (alerts.length === 0) return [];
    const rows = await sql.rows<Updated>(
      `UPDATE alerts a
       SET status = u.status, value = u.value, labels = u.labels, annotations = u.annotations, ends_at = u.ends_at, raw = u.raw,
         is_current = u.is_current, revision = u.revision + r.revived::int, last_seen_at = u.last_seen_at
       FROM unnest($1::uuid[], $2::text[], $3::float8[], $4::jsonb[], $5::jsonb[], $6::timestamptz[], $7::bool[], $8::int[], $9::timestamptz[],
             $10::jsonb[])
           AS u (id, status, value, labels, annotations, ends_at, is_current, revision, last_seen_at, raw),
         LATERAL (SELECT coalesce(bool_or(b.last_seen_at + make_interval(secs => m.ttl_seconds) < u.last_seen_at), false) AS revived,
             jsonb_agg(jsonb_build_array(m.value_path, m.number)) FILTER (WHERE m.value_path IS NOT NULL) AS numbers
           FROM alert_matches m JOIN alerts b ON b.id = m.alert_id WHERE m.alert_id = u.id) r
       WHERE a.id = u.id
       RETURNING a.id, r.revived, r.numbers`,
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
        alerts.map(({ raw }) => jsonOf(raw)),
      ],
      'intake_update',
    );
    const renumbered = await this.renumber(sql, rows, alerts);
    return [...rows.filter(({ revived }) => revived).map(({ id }) => id), ...renumbered];
  }

  private async renumber(
    sql: Sql,
    rows: readonly Updated[],
    alerts: readonly KeptAlert[],
  ): Promise<string[]> {
    const byId = new Map(alerts.map((alert) => [alert.id, alert]));
    const isOther = ({ id, numbers }: Updated) => {
      const alert = byId.get(id)!;
      if (numbers === null || !alert.isCurrent || alert.status !== 'firing') return false;
      const document = documentOf(alert);
      return numbers.some(([path, number]) => (numberAt(path, document) ?? null) !== number);
    };
    const ids = rows.filter((row) => !row.revived && isOther(row)).map(({ id }) => id);
    if (ids.length > 0)
      await sql.rows('UPDATE alerts SET revision = revision + 1 WHERE id = ANY($1::uuid[])', [ids]);
    return ids;
  }

  private async insert(sql: Sql, source: AlertSource, alerts: readonly KeptAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    const rows = await sql.rows(
      `INSERT INTO alerts (id, source, format, dedup_key, status, value, labels, annotations, service_id, metric, at,
         ends_at, life_seconds, received_at, last_seen_at, is_current, revision, raw, processed)
       SELECT id, $1, $2, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
         received_at, last_seen_at, is_current, revision, raw, CASE WHEN is_current THEN 0 ELSE revision END
       FROM unnest($3::uuid[], $4::text[], $5::text[], $6::float8[], $7::jsonb[], $8::jsonb[], $9::uuid[], $10::text[],
           $11::timestamptz[], $12::timestamptz[], $13::float8[], $14::timestamptz[], $15::timestamptz[], $16::bool[], $17::int[],
           $18::jsonb[])
         AS u (id, dedup_key, status, value, labels, annotations, service_id, metric, at, ends_at, life_seconds,
           received_at, last_seen_at, is_current, revision, raw)
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
        alerts.map(({ raw }) => jsonOf(raw)),
      ],
      'intake_insert',
    );
    if (rows.length < alerts.length) throw new LostRace();
  }
}

const endsSooner = ({ status, isCurrent, endsAt }: KeptAlert, before: Date | null | undefined): boolean =>
  isCurrent &&
  status === 'firing' &&
  endsAt !== null &&
  before !== undefined &&
  (before === null || endsAt < before);

const jsonOf = (raw: unknown): string | null => (raw === null ? null : JSON.stringify(raw));
