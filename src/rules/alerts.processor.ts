import { Process, Processor } from '@nestjs/bull';
import { Inject } from '@nestjs/common';
import type { Job } from 'bull';
import type { AlertSource } from '../alerts/alert';
import { LocalAlertDispatch } from '../alerts/local-alert-dispatch';
import type { FeedingAlert } from '../alerts/alert-values';
import { documentOf, foundAt } from '../alerts/formats/kept-payload';
import type { KeptAlert } from '../alerts/dedup';
import { Matcher, type Match } from '../alerts/matcher';
import { Subscriptions } from '../alerts/subscriptions';
import { CLOCK, type Clock } from '../common/clock';
import { telemetry } from '../common/telemetry';
import { floats, integers, texts, uuids } from '../database/binary-format';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import type { AlertsJob } from '../queue/jobs';
import { Queues } from '../queue/queues';
import { Evaluator } from './evaluator';
import { Observer, type PushedReading } from './observer';
import { PushedSamples, valueTimeOf } from './pushed-samples';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { ServiceLoader } from './service-loader';
import { toldOf, type ServiceObservation } from './service-observation';
import { own } from '../common/records';

const CONCURRENCY = 8;
/**
 * Largest number of current alerts that are matched with a new or changed service; others match when they are received
 * again.
 */
const MAX_LIVING = 10_000;

/** Time after which a service is evaluated again that waited for the job of an alert, milliseconds. */
const AGAIN_MS = 1_000;

/** Number of times a batch may be overtaken before it is given up: the workers that overtake it do its work. */
const MAX_OVERTAKEN = 3;

type LivingAlert = Pick<KeptAlert, 'id' | 'status' | 'value' | 'labels' | 'annotations' | 'raw'>;
type NewAlert = LivingAlert &
  Pick<KeptAlert, 'serviceId' | 'metric' | 'revision' | 'lastSeenAt' | 'at' | 'reportedAt'> & {
    source: string;
    format: string;
  };

interface MatchRow {
  alert: string;
  service: string;
  metric: string;
  ttlSeconds?: number;
  valuePath?: string;
}

/** Another worker has committed what follows from an alert. */
class Overtaken extends Error {}

/**
 * Worker of the `alerts` queue: takes new alerts, and services whose next moment has come or whose definition changed.
 *
 * An alert is unprocessed (`processed < revision`) until the transaction that commits what follows from it also sets
 * `processed`. That update affects nothing when another worker was first: then `Overtaken` undoes the transaction and
 * the rest is read again. So an alert is acted on once, however many workers have it in hand.
 */
@Processor('alerts')
export class AlertsProcessor {
  constructor(
    private readonly database: Database,
    private readonly subscriptions: Subscriptions,
    private readonly loader: ServiceLoader,
    private readonly observer: Observer,
    private readonly evaluator: Evaluator,
    private readonly pushed: PushedSamples,
    private readonly queues: Queues,
    dispatch: LocalAlertDispatch,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {
    dispatch.offer((source, alerts, committed) => this.takeFresh(source, alerts, committed));
  }

  @Process({ concurrency: CONCURRENCY })
  async process({ data }: Job<AlertsJob>): Promise<void> {
    if (data.alerts) await this.takeAlerts(data.alerts);
    if (data.services) await this.takeServices(data.services);
  }

  /** Evaluates alerts that this process is inserting: reads the services they concern while the insert is committed. */
  private async takeFresh(
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
      if (!(error instanceof Overtaken)) throw error;
    }
    await this.takeAlerts(left);
  }

  private async takeAlerts(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    for (let overtaken = 0; ;) {
      try {
        return await this.takeUnprocessed(ids);
      } catch (error) {
        // Another worker has some of them in hand: what is left is taken anew.
        if (!(error instanceof Overtaken) || ++overtaken === MAX_OVERTAKEN) throw error;
      }
    }
  }

  /** Evaluates alerts that are still unprocessed, in as many rounds as it takes, each with the rules of its time. */
  private async takeUnprocessed(ids: readonly string[]): Promise<void> {
    const [unprocessed, { matcher }] = await Promise.all([
      this.database.keyed.rows<NewAlert>(
        // By id, or it reads all that are not processed.
        `SELECT a.id, status, value, labels, annotations, raw, service_id AS "serviceId", metric, revision,
           last_seen_at AS "lastSeenAt", at, coalesce(reported_at, at) AS "reportedAt", source, format
         FROM unnest($1::uuid[]) AS u (id), LATERAL (SELECT * FROM alerts WHERE id = u.id LIMIT 1) a
         WHERE processed < revision ORDER BY a.id`,
        [uuids(ids)],
        'alerts_new',
      ),
      this.subscriptions.current(),
    ]);
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
        this.keepMatches(
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
    const firing = new Map(
      alerts.flatMap((one) => (one.status === 'firing' ? [[one.id, one] as const] : [])),
    );
    const told = new Map(
      matches.flatMap(({ service, alert }) =>
        firing.has(alert) ? [[service, firing.get(alert)!] as const] : [],
      ),
    );
    for (const one of observation) {
      const { compiled } = one.snapshot;
      const { id } = compiled.service;
      const news = told.get(id);
      one.news = news !== undefined;
      if (news !== undefined && isTakenOneByOne(compiled)) one.newcomer = feedingOf(news);
      const bringers = senders.get(id);
      if (bringers === undefined) continue;
      one.bringers = bringers;
      one.alerts = [...new Set([...one.alerts, ...bringers.map(({ alert }) => alert)])];
      one.told = [...bringers.map(toldOf), ...(one.told ?? [])];
      one.toldTotal = (one.toldTotal ?? 0) + bringers.length;
    }
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

  private async keepMatches(
    sql: Sql,
    matches: readonly MatchRow[],
    alerts: readonly LivingAlert[],
  ): Promise<void> {
    if (matches.length === 0) return;
    const byId = new Map(alerts.map((alert) => [alert.id, alert]));
    const found = matches.map(({ alert, valuePath }) =>
      valuePath === undefined ? undefined : foundAt(valuePath, documentOf(byId.get(alert)!)),
    );
    await sql.rows(
      `INSERT INTO alert_matches (alert_id, service_id, metric, ttl_seconds, value_path, number, problem)
       SELECT DISTINCT ON (1, 2, 3) m.*
       FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::float8[], $5::text[], $6::float8[], $7::text[])
         AS m (alert, service, metric, ttl, path, number, problem)
       ON CONFLICT (alert_id, service_id, metric)
         DO UPDATE SET ttl_seconds = excluded.ttl_seconds, value_path = excluded.value_path, number = excluded.number,
           problem = excluded.problem`,
      [
        uuids(matches.map(({ alert }) => alert)),
        uuids(matches.map(({ service }) => service)),
        texts(matches.map(({ metric }) => metric)),
        floats(matches.map(({ ttlSeconds }) => ttlSeconds ?? null)),
        texts(matches.map(({ valuePath }) => valuePath ?? null)),
        floats(found.map((one) => one?.number ?? null)),
        texts(found.map((one) => one?.problem ?? null)),
      ],
      'alerts_matches',
    );
  }

  /**
   * Evaluates services whose next moment has come or whose definition is new, after matching current alerts with new
   * ones.
   */
  private async takeServices(ids: readonly string[]): Promise<void> {
    const snapshot = await this.loader.byIds(ids);
    const fresh = snapshot.filter(({ compiled, state }) => state?.ruleKey !== compiled.rule.key);
    await this.matchLiving(fresh);
    // A service with polls is evaluated by them; what concerns it at once is that it was switched off.
    const due = snapshot.filter(({ compiled }) => !compiled.service.polled || !compiled.service.enabled);
    const now = this.clock.now();
    const known = await this.observer.known(due, now);
    // Where an alert's life is over, its number is. One that is only being matched to a new service has not ended.
    const silent = known.flatMap(({ alerts, snapshot: { compiled, nextMoment } }) =>
      alerts.length === 0 && (nextMoment ?? Infinity) <= now.getTime() ? [compiled] : [],
    );
    const [again] = await Promise.all([
      this.evaluator.evaluate(known),
      this.pushed.writeExpired(silent, now),
    ]);
    const at = new Date(now.getTime() + AGAIN_MS);
    await this.queues.addServices(
      again.map((id) => ({ id, at })),
      now,
    );
    await this.forgetChanges(ids, snapshot, new Set(again));
  }

  /**
   * Deletes the recorded changes of services that were evaluated in their current version; a service that can't be
   * evaluated is not tried again for the same change.
   */
  private async forgetChanges(
    ids: readonly string[],
    snapshot: readonly ServiceSnapshot[],
    open: ReadonlySet<string>,
  ): Promise<void> {
    const versions = new Map(snapshot.map(({ compiled: { service } }) => [service.id, service.version]));
    const done = ids.filter((id) => !open.has(id));
    await this.database.keyed.rows(
      `DELETE FROM changed_services c USING unnest($1::uuid[], $2::int[]) AS u (id, version)
       WHERE c.service_id = u.id AND c.service_id = ANY($1::uuid[]) AND (u.version IS NULL OR c.version <= u.version)`,
      [uuids(done), integers(done.map((id) => versions.get(id) ?? null))],
      'alerts_forget_changes',
    );
  }

  private async matchLiving(snapshot: readonly ServiceSnapshot[]): Promise<void> {
    const subscriptions = snapshot.flatMap(({ compiled: { service, alertMetrics } }) =>
      alertMetrics.map(({ metric, ttlSeconds, valuePath, sources }) => ({
        service: service.id,
        metric,
        match: (service.metrics[metric]!.params.match ?? {}) as Match,
        ttlSeconds,
        valuePath,
        sources,
      })),
    );
    if (subscriptions.length === 0) return;
    const living = await this.database.rows<LivingAlert & { source: string }>(
      `SELECT id, source, status, value, labels, annotations, CASE WHEN $3 THEN raw END AS raw FROM alerts
       WHERE is_current AND status = 'firing' AND (ends_at IS NULL OR ends_at > $1) ORDER BY id DESC LIMIT $2`,
      [this.clock.now(), MAX_LIVING, subscriptions.some(({ valuePath }) => valuePath !== undefined)],
    );
    const matcher = new Matcher(subscriptions);
    await this.keepMatches(
      this.database.keyed,
      living.flatMap(({ id, labels, source }) =>
        matcher.matches(labels, source).map((subscription) => ({ alert: id, ...subscription })),
      ),
      living,
    );
  }
}

const NO_ALERTS = new Map<string, never>();

interface Matched {
  alert: NewAlert;
  matches: MatchRow[];
}

const isTakenOneByOne = ({ service }: CompiledService): boolean =>
  !service.polled && service.wisdomSeconds === 0;

/**
 * Splits alerts into those of this round and the rest. A service without polls and wisdom time triggers once per alert:
 * firing alerts for it are taken one a round. For other services, and for ended alerts, one evaluation serves all.
 */
function oneEach(
  all: readonly Matched[],
  snapshot: readonly ServiceSnapshot[],
): { now: Matched[]; later: Matched[] } {
  const perAlert = new Set(
    snapshot.flatMap(({ compiled }) => (isTakenOneByOne(compiled) ? [compiled.service.id] : [])),
  );
  const taken = new Set<string>();
  const [now, later]: [Matched[], Matched[]] = [[], []];
  for (const one of all) {
    const isEnd = one.alert.status === 'resolved';
    const services = one.matches.flatMap(({ service }) => (perAlert.has(service) && !isEnd ? [service] : []));
    const isFree = services.every((service) => !taken.has(service));
    (isFree ? now : later).push(one);
    if (isFree) services.forEach((service) => taken.add(service));
  }
  return { now, later };
}

/** Returns readings of polled metrics that alerts carry, and the alerts that carry them, by service. */
function pushedBy(
  alerts: readonly NewAlert[],
  matches: readonly MatchRow[],
  snapshot: readonly ServiceSnapshot[],
) {
  const readings = new Map<string, Record<string, PushedReading>>();
  const senders = new Map<string, FeedingAlert[]>();
  const byId = new Map(alerts.map((alert) => [alert.id, alert]));
  const services = new Map(snapshot.map(({ compiled }) => [compiled.service.id, compiled]));
  for (const { alert, service, metric } of matches) {
    const compiled = services.get(service);
    if (own(compiled?.reads, metric) === undefined || !own(compiled?.service.metrics, metric)?.acceptsPushed)
      continue;
    const told = readings.get(service) ?? {};
    told[metric] = { value: valueOf(byId.get(alert)!), at: valueTimeOf(byId.get(alert)!) };
    readings.set(service, told);
    senders.set(service, [...(senders.get(service) ?? []), feedingOf(byId.get(alert)!)]);
  }
  return { readings, senders };
}

const feedingOf = ({ id, labels, annotations, value, source, at }: NewAlert): FeedingAlert => ({
  alert: id,
  labels,
  annotations,
  value,
  source,
  at,
});

const matched = (alerts: readonly NewAlert[], matcher: Matcher): Matched[] =>
  alerts.map((alert) => ({ alert, matches: matchesOf(alert, matcher) }));

function matchesOf(alert: NewAlert, matcher: Matcher): MatchRow[] {
  if (alert.serviceId !== null) return [{ alert: alert.id, service: alert.serviceId, metric: alert.metric! }];
  return matcher
    .matches(alert.labels, alert.source)
    .map(({ service, metric }) => ({ alert: alert.id, service, metric }));
}

/** Adds life and value path of the metric to a match, where alerts alone feed the metric. */
function withMetric(match: MatchRow, services: ReadonlyMap<string, CompiledService>): MatchRow {
  const { alert, service, metric } = match;
  const taken = services.get(service)?.alertMetrics.find((one) => one.metric === metric);
  return { alert, service, metric, ttlSeconds: taken?.ttlSeconds, valuePath: taken?.valuePath };
}

const valueOf = ({ value, status }: NewAlert): number => value ?? (status === 'firing' ? 1 : 0);

/**
 * Marks alerts as processed, in the transaction that commits what follows from them.
 *
 * @throws Overtaken when another worker has marked one of them
 */
async function markProcessed(sql: Sql, alerts: readonly NewAlert[]): Promise<void> {
  const rows = await sql.rows(
    `UPDATE alerts a SET processed = u.revision FROM unnest($1::uuid[], $2::int[]) AS u (id, revision)
     WHERE a.id = u.id AND a.id = ANY($1::uuid[]) AND a.processed < u.revision RETURNING a.id`,
    [uuids(alerts.map(({ id }) => id)), integers(alerts.map(({ revision }) => revision))],
    'alerts_processed',
  );
  if (rows.length < alerts.length) throw new Overtaken('the alerts are taken by somebody else');
}
