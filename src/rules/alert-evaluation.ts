import { Inject, Injectable } from '@nestjs/common';
import type { AlertSource } from '../alerts/alert';
import type { KeptAlert } from '../alerts/dedup';
import type { Insert } from '../alerts/local-alert-dispatch';
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
import { keepMatches, keepMatchesUnderLocks, MARK_PROCESSED, READ_NEW_ALERTS } from './sql/alerts';

/**
 * Number of times a batch may be overtaken, by workers or by changes of its rules, before it is given up: the workers
 * that overtake it do its work, and the sweep finds what nobody does.
 */
const MAX_OVERTAKEN = 5;

const NO_ALERTS = new Map<string, never>();

/** Alerts that are evaluated together. */
interface Work {
  alerts: NewAlert[];
  matches: MatchRow[];
  /** Services by id, those that they concern among them. */
  services: ReadonlyMap<string, CompiledService>;
}

function workOf(all: readonly Matched[], snapshot: readonly ServiceSnapshot[]): Work {
  const services = new Map(snapshot.map(({ compiled }) => [compiled.service.id, compiled]));
  const matches = all.flatMap((one) => one.matches).map((match) => withMetric(match, services));
  return { alerts: all.map(({ alert }) => alert), matches, services };
}

const servicesOf = (all: readonly Matched[]): string[] => [
  ...new Set(all.flatMap(({ matches }) => matches.map(({ service }) => service))),
];

/** Tells whether evaluating a service asks more than what it and its alerts have written. */
const asksOthers = ({ compiled: { service, hasAlertWindows } }: ServiceSnapshot): boolean =>
  service.polled || hasAlertWindows;

/** Another worker has committed what follows from an alert. */
class Overtaken extends Error {}

const isPassing = (error: unknown): boolean => error instanceof Overtaken || error instanceof RulesChanged;

/**
 * Evaluates what new alerts concern.
 *
 * An alert is inserted in the transaction that commits what follows from it (`insertEvaluated`), or else it is
 * unprocessed (`processed < revision`) until that transaction also sets `processed`. That update affects nothing when
 * another worker was first: then `Overtaken` undoes the transaction and the rest is read again. So an alert is acted on
 * once, however many workers have it in hand.
 */
@Injectable()
export class AlertEvaluation {
  constructor(
    @Inject(Database) private readonly database: Pick<Database, 'keyed'>,
    @Inject(Subscriptions) private readonly subscriptions: Pick<Subscriptions, 'latest' | 'current'>,
    @Inject(ServiceLoader) private readonly loader: Pick<ServiceLoader, 'byIds' | 'remembered'>,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly pushed: PushedSamples,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Evaluates alerts in the transaction that inserts them as processed, so that nothing is written twice. It is done
   * where nothing has to be waited for but PostgreSQL: rules are compiled, no nodes are to be counted, no samples are to
   * be read, and nobody else has the services in hand.
   *
   * @param ofRevision revision of the definitions by which the alerts were found to be asked for
   * @returns what is to be done after the commit; undefined where nothing is inserted
   */
  async insertEvaluated(
    { name, format }: AlertSource,
    alerts: readonly KeptAlert[],
    ofRevision: string,
    insert: Insert,
  ): Promise<(() => Promise<void>) | undefined> {
    const known = this.subscriptions.latest;
    if (known?.revision !== ofRevision) return undefined;
    const all = matched(
      alerts.map((alert) => ({ ...alert, source: name, format })),
      known.matcher,
    );
    const snapshot = this.loader.remembered(servicesOf(all));
    if (snapshot === undefined || snapshot.some(asksOthers) || oneEach(all, snapshot).later.length > 0)
      return undefined;
    const work = workOf(all, snapshot);
    const { alerts: taken, matches } = work;
    const observation = await this.look(work, snapshot);
    const announce = await this.evaluator
      .evaluateAtOnce(observation, ofRevision, async (sql) => {
        const [isInserted] = await Promise.all([insert(sql), keepMatchesUnderLocks(sql, matches, taken)]);
        if (!isInserted) throw new Overtaken('one of the alerts is there already');
      })
      .catch((error: unknown) => {
        if (error instanceof Overtaken) return undefined;
        throw error;
      });
    if (announce === undefined) return undefined;
    return async () => {
      void this.writeNumbers(work);
      await Promise.all([announce(), this.conclude(work)]);
    };
  }

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
    return this.loader.byIds(servicesOf(all));
  }

  /**
   * Evaluates what alerts concern and commits the result.
   *
   * @returns alerts that are left for another round
   */
  private async follow(all: readonly Matched[], snapshot: readonly ServiceSnapshot[]): Promise<Matched[]> {
    const { now, later } = oneEach(all, snapshot);
    const work = workOf(now, snapshot);
    const { alerts, matches } = work;
    const written = this.writeNumbers(work);
    // Only windows look at what is written.
    if (snapshot.some(({ compiled }) => compiled.hasAlertWindows)) await written;
    const observation = await this.look(work, snapshot);
    await this.evaluator.evaluateNews(observation, (sql) =>
      Promise.all([keepMatches(sql, matches, alerts), markProcessed(sql, alerts)]),
    );
    await this.conclude(work);
    return later;
  }

  private writeNumbers({ alerts, matches, services }: Work): Promise<boolean> {
    const byId = new Map(alerts.map((alert) => [alert.id, alert]));
    const pushed = matches.map(({ alert, service, metric }) => ({
      alert: byId.get(alert)!,
      service,
      metric,
    }));
    return this.pushed.write(pushed, services);
  }

  /** Does what follows from alerts once they are committed as processed. */
  private async conclude({ alerts, matches, services }: Work): Promise<void> {
    telemetry.alertsProcessed.inc(alerts.length);
    await this.writeEnds(alerts, matches, services);
    const decidedAt = this.clock.now().getTime();
    for (const { lastSeenAt } of alerts)
      telemetry.decisionSeconds.observe((decidedAt - lastSeenAt.getTime()) / 1000);
  }

  /**
   * Returns observations of the services that the alerts concern; alerts that feed metrics are read when they are
   * evaluated.
   */
  private async look(
    { alerts, matches }: Work,
    snapshot: readonly ServiceSnapshot[],
  ): Promise<ServiceObservation[]> {
    const at = this.clock.now();
    const concerned = new Set(matches.map(({ service }) => service));
    const some = snapshot.filter(({ compiled }) => concerned.has(compiled.service.id));
    const { readings, senders } = pushedBy(alerts, matches, some);
    const polled = some.filter(({ compiled }) => compiled.service.polled);
    const others = some.filter(({ compiled }) => !compiled.service.polled);
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
