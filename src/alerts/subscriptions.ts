import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { Matcher, type Match, type Subscription } from './matcher';

/** The `alert` metrics of all services, indexed; read again when a definition has changed. */
@Injectable()
export class Subscriptions {
  private matcher = new Matcher([]);
  private revision?: string;

  constructor(private readonly database: Database) {}

  async current(): Promise<Matcher> {
    const [row] = await this.database.rows<{ revision: string }>(
      'SELECT revision FROM definition_revision',
      [],
      'revision',
    );
    if (row!.revision !== this.revision) {
      this.matcher = new Matcher(await this.load());
      // The revision was read first: what came in between is loaded again the next time, never missed.
      this.revision = row!.revision;
    }
    return this.matcher;
  }

  private async load(): Promise<Subscription[]> {
    const rows = await this.database.rows<{
      service: string;
      metric: string;
      match: Match | null;
      ttl: number | null;
      path: string | null;
    }>(
      `SELECT s.id AS service, m.key AS metric, m.value->'params'->'match' AS match, (m.value->'params'->>'ttlSeconds')::float8 AS ttl,
         m.value->'params'->>'value' AS path
       FROM services s, jsonb_each(s.metrics) m WHERE s.enabled AND m.value->>'type' = 'alert'`,
    );
    return rows.map(({ service, metric, match, ttl, path }) => ({
      service,
      metric,
      match: match ?? {},
      ttlSeconds: ttl ?? undefined,
      valuePath: path ?? undefined,
    }));
  }
}
