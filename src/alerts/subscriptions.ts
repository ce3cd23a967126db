import { Injectable, Logger } from '@nestjs/common';
import { messageOf } from '../common/errors';
import { isObject } from '../common/json';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import { changedDefinitions, changesAfter, type DefinitionChange } from '../database/definition-changes';
import { Statement } from '../database/statement';
import { believed } from './believed';
import { Matcher, type Match, type Subscription } from './matcher';

/** Index of the `alert` metrics, as of a revision of the definitions. */
export interface Subscribed {
  matcher: Matcher;
  revision: string;
}

/** Largest number of remembered problems; when it is reached they are forgotten and logged again. */
const TOLD_AT_MOST = 1_000;

/** Reads the revision of all definitions. */
const REVISION = new Statement<{ revision: string }>('revision', 'SELECT revision FROM definition_revision');

/** Reads which services the sources may feed that may not feed all. */
const CONFINED = new Statement<{ source: string; services: string[] }>(
  'subscriptions_confined',
  `SELECT o.name AS source, array(
     SELECT id FROM services WHERE name = ANY(o.services)
     UNION ALL
     SELECT id FROM services WHERE id = ANY(ARRAY(SELECT ref::uuid FROM unnest(o.services) ref WHERE ref ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'))
   ) AS services
   FROM sources o WHERE o.services IS NOT NULL`,
);

/**
 * Index of the `alert` metrics of all enabled services; those that changed are read again when definitions have
 * changed.
 */
@Injectable()
export class Subscriptions {
  private readonly logger = new Logger('Alerts');
  private known?: Subscribed;
  /** Problems that were logged. */
  private readonly told = new Set<string>();
  private refreshing?: Promise<unknown>;
  private loading?: Promise<void>;

  constructor(private readonly database: Database) {}

  /** Is told of services whose definitions have changed, once the index knows them. */
  whenChanged?: (services: readonly string[]) => void;

  /** Index as it was last read, possibly outdated, for callers that can tell. */
  get latest(): Subscribed | undefined {
    return this.known;
  }

  /** Ends when changes that are being read in the background are known, or can't be; undefined while none are. */
  get coming(): Promise<unknown> | undefined {
    return this.refreshing;
  }

  /** Reads changes in the background. */
  refresh(): void {
    this.refreshing ??= this.current()
      .catch(() => undefined)
      .finally(() => (this.refreshing = undefined));
  }

  async current(): Promise<Subscribed> {
    const [row] = await REVISION.rows(this.database);
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
      const matcher = new Matcher(await this.load(), (one, error) => this.skipped(one, error));
      matcher.confine(await this.confined());
      this.known = { matcher, revision };
      return;
    }
    const services = [...new Set(changed.get('service'))];
    const [fresh, confined] = await Promise.all([this.load(services), this.confined()]);
    known!.matcher.remove(services);
    known!.matcher.add(fresh);
    known!.matcher.confine(confined);
    this.known = { matcher: known!.matcher, revision };
    if (services.length > 0) this.whenChanged?.(services);
  }

  /** Returns the ids of services that confined sources may feed, by name of the source. */
  private async confined(): Promise<Map<string, Set<string>>> {
    const rows = await CONFINED.rows(this.database);
    return new Map(rows.map(({ source, services }) => [source, new Set(services)]));
  }

  /** @param services ids of the services to read; null: all */
  private async load(services: string[] | null = null): Promise<Subscription[]> {
    const rows = await this.database.rows<{
      service: string;
      metric: string;
      name: string;
      params: unknown;
    }>(
      `SELECT s.id AS service, s.name, m.key AS metric, m.value->'params' AS params
       FROM services s, jsonb_each(CASE WHEN jsonb_typeof(s.metrics) = 'object' THEN s.metrics ELSE '{}' END) m
       WHERE s.enabled AND m.value->>'type' = 'alert' AND ($1::uuid[] IS NULL OR s.id = ANY($1::uuid[]))`,
      [services],
    );
    return rows.map(({ service, name, metric, params }) => {
      const { match, ttlSeconds, value, source } = isObject(params) ? params : {};
      return {
        service,
        serviceName: name,
        metric,
        // One that is no object is refused by whoever indexes it, and no other is then.
        match: (match ?? {}) as Match,
        ttlSeconds: typeof ttlSeconds === 'number' ? ttlSeconds : undefined,
        valuePath: typeof value === 'string' ? value : undefined,
        sources: believed(source),
      };
    });
  }

  private skipped({ service, serviceName = service, metric }: Subscription, error: unknown): void {
    telemetry.subscriptionsSkipped.inc();
    const problem = `no alert can feed ${metric} of service ${serviceName}: ${messageOf(error)}`;
    if (this.told.has(problem)) return;
    if (this.told.size >= TOLD_AT_MOST) this.told.clear();
    this.told.add(problem);
    this.logger.error(problem);
  }
}
