import { Injectable } from '@nestjs/common';
import { Database } from '../database/database';
import { changedDefinitions, changesAfter, type DefinitionChange } from '../database/definition-changes';
import { Matcher, type Match, type Subscription } from './matcher';

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
    while (!this.isAt(revision)) {
      // Whoever loads may have begun before that revision.
      this.loading ??= this.renew().finally(() => (this.loading = undefined));
      await this.loading;
    }
    return this.known!;
  }

  private isAt(revision: string): boolean {
    return this.known !== undefined && BigInt(this.known.revision) >= BigInt(revision);
  }

  private async renew(): Promise<void> {
    const { known } = this;
    // The revision is read first: what comes meanwhile is loaded again the next time, never missed.
    const [row] = await this.database.rows<{ revision: string; changes: DefinitionChange[] | null }>(
      `SELECT (SELECT revision FROM definition_revision), ${changesAfter('$1')} AS changes`,
      [known?.revision ?? null],
    );
    const { revision, changes } = row!;
    const changed = known && changedDefinitions(changes ?? [], known.revision, revision);
    if (changed === undefined) {
      this.known = { matcher: new Matcher(await this.load()), revision };
      return;
    }
    const services = [...new Set(changed.get('service'))];
    const fresh = await this.load(services);
    known!.matcher.remove(services);
    known!.matcher.add(fresh);
    this.known = { matcher: known!.matcher, revision };
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
