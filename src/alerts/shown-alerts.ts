import { Injectable } from '@nestjs/common';
import { isId } from '../common/ids';
import { Database } from '../database/database';
import { pageOf, type Page } from '../database/definitions';
import { inScopes, ofServiceInScopes, scopesParameter, seenScopes } from '../database/scopes';

/** Which alerts are listed; what is left out selects nothing. */
export interface AlertFilter {
  /** Name of the source. */
  source?: string;
  status?: string;
  /** Id or name of a service it was for or matched. */
  service?: string;
  from?: Date;
  to?: Date;
  /** Largest number on the page. */
  limit: number;
  /** Id of the last alert of the page before. */
  cursor?: string;
}

interface AlertRow {
  id: string;
  value: number | null;
}

/** Alerts as people and the API see them. */
@Injectable()
export class ShownAlerts {
  constructor(private readonly database: Database) {}

  /** Returns a page of alerts, newest first, with what they matched and what was executed because of them. */
  async list({ limit, cursor, from, to, source, status, service }: AlertFilter): Promise<Page<object>> {
    const rows = await this.database.rows<AlertRow>(
      `SELECT a.id, a.source, a.format, a.dedup_key AS "dedupKey", a.status, a.value, a.labels, a.annotations, a.at,
         a.received_at AS "receivedAt", a.last_seen_at AS "lastSeenAt",
         coalesce((SELECT jsonb_agg(jsonb_build_object('service', s.name, 'metric', m.metric) ORDER BY s.name, m.metric)
           FROM alert_matches m JOIN services s ON s.id = m.service_id
           WHERE m.alert_id = a.id AND ${inScopes('s.labels', '$9')}), '[]') AS matched,
         array(SELECT e.id FROM trigger_alerts t JOIN executions e ON e.trigger_id = t.trigger_id
           WHERE t.alert_id = a.id AND ${ofServiceInScopes('e.service_id', '$9')} ORDER BY e.id) AS executions
       FROM alerts a
       WHERE ($1::uuid IS NULL OR a.id < $1) AND ($2::timestamptz IS NULL OR a.received_at >= $2)
         AND ($3::timestamptz IS NULL OR a.received_at < $3) AND ($4::text IS NULL OR a.source = $4)
         AND ($5::text IS NULL OR a.status = $5)
         AND ($6::text IS NULL OR a.id IN (SELECT m.alert_id FROM alert_matches m JOIN services s ON s.id = m.service_id
           WHERE s.name = $6 OR s.id = $7))
         AND ($9::jsonb[] IS NULL OR EXISTS (SELECT FROM alert_matches m JOIN services s ON s.id = m.service_id
           WHERE m.alert_id = a.id AND ${inScopes('s.labels', '$9')}))
       ORDER BY a.id DESC LIMIT $8`,
      [
        cursor ?? null,
        from ?? null,
        to ?? null,
        source ?? null,
        status ?? null,
        service ?? null,
        service !== undefined && isId(service) ? service : null,
        limit + 1,
        scopesParameter(seenScopes()),
      ],
    );
    const { items, nextCursor } = pageOf(rows, limit);
    return {
      items: items.map(({ value, ...row }) => ({ ...row, ...(value === null ? {} : { value }) })),
      nextCursor,
    };
  }
}
