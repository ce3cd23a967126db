import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { Matcher, type Match, type Subscription } from './matcher';

/** Who asks for alerts, as of a revision of the definitions. */
export interface Subscribed {
  matcher: Matcher;
  revision: string;
}

/** The `alert` metrics of all services, indexed; read again when a definition has changed. */
@Injectable()
export class Subscriptions {
  private known?: Subscribed;
  private refreshing?: Promise<unknown>;

  constructor(private readonly database: Database) {}

  /** As they were read last, for whoever can tell whether they have changed since. */
  get latest(): Subscribed | undefined {
    return this.known;
  }

  /** Reads them again, soon. */
  refresh(): void {
    this.refreshing ??= this.current()
      .catch(() => undefined)
      .finally(() => (this.refreshing = undefined));
  }

  async current(): Promise<Subscribed> {
    const [row] = await this.database.rows<{ revision: string }>(
      'SELECT revision FROM definition_revision',
      [],
      'revision',
    );
    const { revision } = row!;
    // The revision was read first: what came in between is loaded again the next time, never missed.
    if (revision !== this.known?.revision) this.known = { matcher: new Matcher(await this.load()), revision };
    return this.known;
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
