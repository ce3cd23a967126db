import { Inject, Injectable, Logger } from '@nestjs/common';
import { Batcher } from '../common/batcher';
import { CLOCK, type Clock } from '../common/clock';
import { messageOf, Unavailable } from '../common/errors';
import { telemetry } from '../common/telemetry';
import { traced, type OpenSpan } from '../common/tracing';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { Queues } from '../queue/queues';
import type { AlertSource, IncomingAlert } from './alert';
import type { KeptAlert } from './dedup';
import { AlertCommit } from './ingest/alert-commit';
import { NOTHING_KEPT, type Accepted, type Kept } from './ingest/kept';
import { LocalAlertDispatch } from './local-alert-dispatch';
import { SourceActivity } from './source-activity';
import { Subscriptions } from './subscriptions';

/** Alerts of one request. */
interface Delivery {
  source: AlertSource;
  alerts: readonly IncomingAlert[];
}

/** Largest number of deliveries that share a commit. */
const DELIVERIES_AT_ONCE = 64;
/**
 * Largest number of commits at a time: while one waits for PostgreSQL, the next is prepared. One begins beside another
 * from `MANY_ALERTS` alerts on, as a commit costs as much as 30 alerts.
 */
const COMMITS_AT_ONCE = 3;
const MANY_ALERTS = 200;
/** Largest number of uncommitted alerts in memory; senders of more are told to try again. */
const ALERTS_IN_MEMORY = 50_000;

/** Services whose alerts end at other moments than before. */
const SERVICES_FED = new Statement<{ id: string; at: Date }>(
  'intake_sooner',
  `SELECT m.service_id AS id, u.at FROM unnest($1::uuid[], $2::timestamptz[]) AS u (alert_id, at)
   JOIN alert_matches m ON m.alert_id = u.alert_id`,
  'by keys',
);

/**
 * Commits alerts, whatever way they came, before they are answered as accepted.
 *
 * An alert waits in memory, is committed with others in a batch, and is then answered. Three batches run at a time at
 * most.
 * - New alerts are inserted; the unique key (source, dedup key) decides between two batches with the same alert, and
 *   the loser merges its own into the kept one under a lock.
 * - Repeated alerts are compared without a lock, and written as seen again once for all batches that have them
 *   (`SeenAgain`).
 *
 * Always: accepted means committed, and a delivery that fails does not fail the others of its batch.
 */
@Injectable()
export class AlertIngest {
  private readonly logger = new Logger('Intake');
  private readonly deliveries = new Batcher((some: Delivery[]) => this.commitAll(some), {
    maxItems: DELIVERIES_AT_ONCE,
    atOnce: COMMITS_AT_ONCE,
    heavyFrom: MANY_ALERTS,
    weightOf: ({ alerts }) => alerts.length,
  });
  private readonly commit: AlertCommit;
  private inMemory = 0;

  constructor(
    private readonly database: Database,
    private readonly queues: Queues,
    private readonly activity: SourceActivity,
    subscriptions: Subscriptions,
    dispatch: LocalAlertDispatch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    this.commit = new AlertCommit(database, subscriptions, dispatch, clock);
  }

  /**
   * Takes alerts and returns when they are committed; leaves out ends that ended nothing.
   *
   * @param parent `traceparent` of the request that brings them
   * @throws Unavailable when PostgreSQL is away, or more come than it takes
   */
  accept(source: AlertSource, alerts: readonly IncomingAlert[], parent?: string): Promise<Accepted[]> {
    const options = () => ({
      parent,
      facts: {
        'monscale.source': source.name,
        'monscale.format': source.format,
        'monscale.alerts.count': alerts.length,
      },
    });
    return traced('commit alerts', options, (span) =>
      span === undefined ? this.keep(source, alerts) : this.keepWithin(span, source, alerts),
    );
  }

  private async keepWithin(
    span: OpenSpan,
    source: AlertSource,
    alerts: readonly IncomingAlert[],
  ): Promise<Accepted[]> {
    for (const alert of alerts) alert.trace = span.traceparent;
    const accepted = await this.keep(source, alerts);
    span.add({ 'monscale.alerts.accepted': accepted.length });
    return accepted;
  }

  private async keep(source: AlertSource, alerts: readonly IncomingAlert[]): Promise<Accepted[]> {
    this.activity.count(source.name, alerts.length, this.clock.now());
    if (alerts.length === 0) return [];
    if (this.inMemory > 0 && this.inMemory + alerts.length > ALERTS_IN_MEMORY)
      throw new Unavailable('more alerts come than can be kept; send it again', 1);
    this.inMemory += alerts.length;
    try {
      const kept = await this.deliveries.add({ source, alerts });
      if ('error' in kept) throw kept.error;
      const { accepted, overtaken, news, traces, sooner } = kept;
      telemetry.alertsReceived.inc({ format: source.format }, alerts.length);
      // Not waited for: they are committed, and the sweep finds them if this fails.
      void this.queues.addAlerts(news, traces);
      void this.lookSooner(sooner);
      if (overtaken.size === 0) return accepted.filter((one) => one !== undefined);
      const late = alerts.map((alert) => overtaken.has(alert));
      telemetry.alertsOvertaken.inc({ format: source.format }, late.filter(Boolean).length);
      return accepted.flatMap((one, index) =>
        one === undefined ? [] : [late[index] ? { ...one, isOvertaken: true } : one],
      );
    } finally {
      this.inMemory -= alerts.length;
    }
  }

  /** Commits deliveries together; when that fails, each alone, so that a faulty one does not fail the others. */
  private async commitAll(deliveries: readonly Delivery[]): Promise<(Kept | { error: unknown })[]> {
    try {
      return await this.commitTogether(deliveries);
    } catch (error) {
      if (deliveries.length === 1 || error instanceof Unavailable) return deliveries.map(() => ({ error }));
      const results: (Kept | { error: unknown })[] = [];
      for (const delivery of deliveries) results.push(...(await this.commitAll([delivery])));
      return results;
    }
  }

  private async commitTogether(deliveries: readonly Delivery[]): Promise<Kept[]> {
    const bySource = new Map<string, { source: AlertSource; deliveries: Delivery[] }>();
    for (const delivery of deliveries) {
      const { source } = delivery;
      // No format has a blank in its name.
      const key = `${source.format} ${source.name}`;
      const group = bySource.get(key) ?? { source, deliveries: [] };
      bySource.set(key, group);
      group.deliveries.push(delivery);
    }
    const kept = new Map<Delivery, Kept>();
    for (const { source, deliveries: some } of bySource.values()) {
      const said = some.flatMap(({ alerts }) => alerts);
      const all = await this.commit.of(source, said);
      if (said[0]?.trace !== undefined) all.traces = tracesOf(all, said);
      let from = 0;
      some.forEach((delivery, index) => {
        const accepted = all.accepted.slice(from, (from += delivery.alerts.length));
        // What follows from all of them is done once.
        kept.set(delivery, { ...(index === 0 ? all : NOTHING_KEPT), accepted, overtaken: all.overtaken });
      });
    }
    return deliveries.map((delivery) => kept.get(delivery)!);
  }

  /** Queues the services of alerts whose end has moved forward, so that they are evaluated at the new end. */
  private async lookSooner(alerts: readonly KeptAlert[]): Promise<void> {
    if (alerts.length === 0) return;
    try {
      const services = await SERVICES_FED.rows(this.database.keyed, [
        alerts.map(({ id }) => id),
        alerts.map(({ endsAt }) => endsAt),
      ]);
      await this.queues.addServices(services, this.clock.now());
    } catch (error) {
      this.logger.warn(`alerts are taken as ended later than they say: ${messageOf(error)}`);
    }
  }
}

/** Returns the spans that alerts for the queue came in by. */
function tracesOf({ news, accepted }: Kept, said: readonly IncomingAlert[]): Map<string, string> {
  const wanted = new Set(news);
  return new Map(
    accepted.flatMap((one, index) => {
      const trace = said[index]?.trace;
      return one !== undefined && trace !== undefined && wanted.has(one.id) ? [[one.id, trace] as const] : [];
    }),
  );
}
