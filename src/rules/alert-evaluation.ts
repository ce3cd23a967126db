import { Inject, Injectable } from '@nestjs/common';
import type { AlertSource } from '../alerts/alert';
import type { KeptAlert } from '../alerts/dedup';
import { Subscriptions } from '../alerts/subscriptions';
import { CLOCK, type Clock } from '../common/clock';
import { own } from '../common/records';
import { telemetry } from '../common/telemetry';
import { tracer } from '../common/tracing';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import {
  bring,
  matched,
  noteTraces,
  oneEach,
  pushedBy,
  withMetric,
  type Matched,
  type MatchRow,
  type NewAlert,
} from './alert-matches';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { Evaluator, RulesChanged } from './evaluator';
import { Observer } from './observer';
import { PushedSamples } from './pushed-samples';
import type { ServiceObservation } from './service-observation';
import { ServiceLoader } from './service-loader';
import { keepMatches, MARK_PROCESSED, READ_NEW_ALERTS } from './sql/alerts';

/**
 * Number of times a batch may be overtaken, by workers or by changes of its rules, before it is given up: the workers
 * that overtake it do its work, and the sweep finds what nobody does.
 */
const MAX_OVERTAKEN = 5;

const NO_ALERTS = new Map<string, never>();

/** Another worker has committed what follows from an alert. */
class Overtaken extends Error {}

const isPassing = (error: unknown): boolean => error instanceof Overtaken || error instanceof RulesChanged;

/**
 * Evaluates what new alerts concern.
 *
 * An alert is unprocessed (`processed < revision`) until the transaction that commits what follows from it also sets
 * `processed`. That update affects nothing when another worker was first: then `Overtaken` undoes the transaction and
 * the rest is read again. So an alert is acted on once, however many workers have it in hand.
 */
@Injectable()
export class AlertEvaluation {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: Subscriptions,
    private readonly loader: ServiceLoader,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly pushed: PushedSamples,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Evaluates alerts that this process is inserting: reads the services they concern while the insert is committed. */
  async takeFresh(
    { name, format }: AlertSource,
    alerts: readonly KeptAlert[],
    committed: Promise<readonly KeptAlert[]>,
  ): Promise<void> {
    const all = matched(
      alerts.map((alert) => ({ ...alert, source: name, format })),
      this.subscriptions.latest!.matcher,
    );
    const [snapshot, fresh] = await Promise.all([this.watchedBy(all), committed]);
    if (fresh.length === 0) return;
    let left = fresh.map(({ id }) => id);
    try {
      const isFresh = new Set(left);
      const later = await this.follow(
        all.filter(({ alert }) => isFresh.has(alert.id)),
        snapshot,
      );
      left = later.map(({ alert }) => alert.id);
    } catch (error) {
      if (!isPassing(error)) throw error;
    }
    await this.takeAlerts(left, tracer() === undefined ? undefined : tracesOf(all));
  }

  /**
   * Evaluates those of the alerts that are not processed.
   *
   * @param traces `traceparent` of the span that took each of them in
   */
  async takeAlerts(ids: readonly string[], traces?: Readonly<Record<string, string>>): Promise<void> {
    if (ids.length === 0) return;
    for (let overtaken = 0; ;) {
      try {
        return await this.takeUnprocessed(ids, traces);
      } catch (error) {
        // Another worker has some of them in hand, or a rule was changed: what is left is taken anew.
        if (!isPassing(error) || ++overtaken === MAX_OVERTAKEN) throw error;
      }
    }
  }

  /** Evaluates alerts that are still unprocessed, in as many rounds as it takes, each with the rules of its time. */
  private async takeUnprocessed(
    ids: readonly string[],
    traces: Readonly<Record<string, string>> | undefined,
  ): Promise<void> {
    const [unprocessed, { matcher }] = await Promise.all([
      READ_NEW_ALERTS.rows(this.database.keyed, ids),
      this.subscriptions.current(),
    ]);
    if (traces !== undefined) for (const alert of unprocessed) alert.trace = own(traces, alert.id);
    for (let left = matched(unprocessed, matcher); left.length > 0;)
      left = await this.follow(left, await this.watchedBy(left));
  }

  private watchedBy(all: readonly Matched[]): Promise<ServiceSnapshot[]> {
    return this.loader.byIds([
      ...new Set(all.flatMap(({ matches }) => matches.map(({ service }) => service))),
    ]);
  }

  /**
   * Evaluates what alerts concern and commits the result.
   *
   * @returns alerts that are left for another round
   */
  private async follow(all: readonly Matched[], snapshot: readonly ServiceSnapshot[]): Promise<Matched[]> {
    const { now, later } = oneEach(all, snapshot);
    const taken = now.map(({ alert }) => alert);
    const matches = now.flatMap((one) => one.matches);
    const concerned = new Set(matches.map(({ service }) => service));
    const services = new Map(snapshot.map(({ compiled }) => [compiled.service.id, compiled]));
    const byId = new Map(taken.map((alert) => [alert.id, alert]));
    const written = this.pushed.write(
      matches.map(({ alert, service, metric }) => ({ alert: byId.get(alert)!, service, metric })),
      services,
    );
    // Only windows look at what is written.
    if (snapshot.some(({ compiled }) => compiled.hasAlertWindows)) await written;
    const observation = await this.look(
      taken,
      matches,
      snapshot.filter(({ compiled }) => concerned.has(compiled.service.id)),
    );
    await this.evaluator.evaluateNews(observation, (sql) =>
      Promise.all([
        keepMatches(
          sql,
          matches.map((match) => withMetric(match, services)),
          taken,
        ),
        markProcessed(sql, taken),
      ]),
    );
    telemetry.alertsProcessed.inc(taken.length);
    await this.writeEnds(taken, matches, services);
    const decidedAt = this.clock.now().getTime();
    for (const { lastSeenAt } of taken)
      telemetry.decisionSeconds.observe((decidedAt - lastSeenAt.getTime()) / 1000);
    return later;
  }

  /**
   * Returns observations of the services that the alerts concern; alerts that feed metrics are read when they are
   * evaluated.
   */
  private async look(
    alerts: readonly NewAlert[],
    matches: readonly MatchRow[],
    snapshot: readonly ServiceSnapshot[],
  ): Promise<ServiceObservation[]> {
    const at = this.clock.now();
    const { readings, senders } = pushedBy(alerts, matches, snapshot);
    const polled = snapshot.filter(({ compiled }) => compiled.service.polled);
    const others = snapshot.filter(({ compiled }) => !compiled.service.polled);
    const observation = [
      ...(await this.observer.known(polled, at, readings)),
      ...others.map((one) => this.observer.observation(one, {}, NO_ALERTS, at)),
    ];
    bring(observation, alerts, matches, senders);
    if (tracer() !== undefined) noteTraces(observation, alerts, matches);
    return observation;
  }

  private async writeEnds(
    alerts: readonly NewAlert[],
    matches: readonly MatchRow[],
    services: ReadonlyMap<string, CompiledService>,
  ): Promise<void> {
    const ended = new Set(alerts.flatMap(({ id, status }) => (status === 'resolved' ? [id] : [])));
    const concerned = new Set(matches.flatMap(({ alert, service }) => (ended.has(alert) ? [service] : [])));
    const compiled = [...concerned].flatMap((service) => services.get(service) ?? []);
    if (compiled.length > 0) await this.pushed.writeEnds(compiled, this.clock.now());
  }
}

const tracesOf = (all: readonly Matched[]): Record<string, string> =>
  Object.fromEntries(all.flatMap(({ alert: { id, trace } }) => (trace === undefined ? [] : [[id, trace]])));

/**
 * Marks alerts as processed, in the transaction that commits what follows from them.
 *
 * @throws Overtaken when another worker has marked one of them
 */
async function markProcessed(sql: Sql, alerts: readonly NewAlert[]): Promise<void> {
  const marked = await MARK_PROCESSED.rows(sql, alerts);
  if (marked.length < alerts.length) throw new Overtaken('the alerts are taken by somebody else');
}
