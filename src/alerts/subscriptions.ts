import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { Matcher, type Match, type Subscription } from './matcher';

/** More changes than these are not learned one by one. */
const CHANGES_AT_ONCE = 10_000;

/** Who asks for alerts, as of a revision of the definitions. */
export interface Subscribed {
  matcher: Matcher;
  revision: string;
}

/** The `alert` metrics of all services, indexed; those that changed are read again when a definition has changed. */
@Injectable()
export class Subscriptions {
  private known?: Subscribed;
  private refreshing?: Promise<unknown>;
  private loading?: Promise<void>;

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
    while (!this.isAt(revision)) {
      // Whoever loads may have begun before that revision.
      this.loading ??= this.renew(revision).finally(() => (this.loading = undefined));
      await this.loading;
    }
    return this.known!;
  }

  private isAt(revision: string): boolean {
    return this.known !== undefined && BigInt(this.known.revision) >= BigInt(revision);
  }

  private async renew(revision: string): Promise<void> {
    const changed = this.known && (await this.changedSince(this.known.revision, revision));
    if (changed === undefined) {
      this.known = { matcher: new Matcher(await this.load()), revision };
      return;
    }
    const { matcher } = this.known!;
    const fresh = await this.load(changed);
    matcher.remove(changed);
    matcher.add(fresh);
    this.known = { matcher, revision };
  }

  /** Services that are not what they were; undefined when that is not on record, or so many that all is read as fast. */
  private async changedSince(from: string, to: string): Promise<string[] | undefined> {
    const rows = await this.database.rows<{ revision: string; kind: string; id: string }>(
      'SELECT revision, kind, id FROM definition_changes WHERE revision > $1 AND revision <= $2 LIMIT $3',
      [from, to, CHANGES_AT_ONCE + 1],
      'subscriptions_changed',
    );
    const revisions = new Set(rows.map(({ revision }) => revision)).size;
    const isWhole = rows.length <= CHANGES_AT_ONCE && BigInt(revisions) === BigInt(to) - BigInt(from);
    if (!isWhole) return undefined;
    return [...new Set(rows.flatMap(({ kind, id }) => (kind === 'service' ? [id] : [])))];
  }

  /** @param services only those */
  private async load(services: string[] | null = null): Promise<Subscription[]> {
    const rows = await this.database.rows<{
      service: string;
      metric: string;
      match: Match | null;
      ttl: number | null;
      path: string | null;
    }>(
      `SELECT s.id AS service, m.key AS metric, m.value->'params'->'match' AS match, (m.value->'params'->>'ttlSeconds')::float8 AS ttl,
         m.value->'params'->>'value' AS path
       FROM services s, jsonb_each(s.metrics) m
       WHERE s.enabled AND m.value->>'type' = 'alert' AND ($1::uuid[] IS NULL OR s.id = ANY($1::uuid[]))`,
      [services],
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
