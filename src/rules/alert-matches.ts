import type { FeedingAlert } from '../alerts/alert-values';
import type { KeptAlert } from '../alerts/dedup';
import type { Matcher } from '../alerts/matcher';
import { own } from '../common/records';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import type { PushedReading } from './observer';
import { valueTimeOf } from './pushed-samples';
import { toldOf, type ServiceObservation } from './service-observation';

/** What alerts are to services: which they concern, in which round, and what they bring them. Pure. */

export type LivingAlert = Pick<KeptAlert, 'id' | 'status' | 'value' | 'labels' | 'annotations' | 'raw'>;
export type NewAlert = LivingAlert &
  Pick<KeptAlert, 'serviceId' | 'metric' | 'revision' | 'lastSeenAt' | 'at' | 'reportedAt' | 'trace'> & {
    source: string;
    format: string;
  };

/** A service that an alert concerns, and the metric it feeds. */
export interface MatchRow {
  alert: string;
  service: string;
  metric: string;
  ttlSeconds?: number;
  valuePath?: string;
}

export interface Matched {
  alert: NewAlert;
  matches: MatchRow[];
}

export const matched = (alerts: readonly NewAlert[], matcher: Matcher): Matched[] =>
  alerts.map((alert) => ({ alert, matches: matchesOf(alert, matcher) }));

function matchesOf(alert: NewAlert, matcher: Matcher): MatchRow[] {
  if (alert.serviceId !== null) return [{ alert: alert.id, service: alert.serviceId, metric: alert.metric! }];
  return matcher
    .matches(alert.labels, alert.source)
    .map(({ service, metric }) => ({ alert: alert.id, service, metric }));
}

/**
 * Splits alerts into those of this round and the rest. A service without polls and wisdom time triggers once per alert:
 * firing alerts for it are taken one a round. For other services, and for ended alerts, one evaluation serves all.
 */
export function oneEach(
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

const isTakenOneByOne = ({ service }: CompiledService): boolean =>
  !service.polled && service.wisdomSeconds === 0;

/** Adds to observations what new alerts bring: that there is news, readings, and who sent them. */
export function bring(
  observations: readonly ServiceObservation[],
  alerts: readonly NewAlert[],
  matches: readonly MatchRow[],
  senders: ReadonlyMap<string, readonly FeedingAlert[]>,
): void {
  const firing = new Map(alerts.flatMap((one) => (one.status === 'firing' ? [[one.id, one] as const] : [])));
  const told = new Map(
    matches.flatMap(({ service, alert }) =>
      firing.has(alert) ? [[service, firing.get(alert)!] as const] : [],
    ),
  );
  for (const one of observations) {
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
}

/** Notes in observations the spans by which the alerts came in that concern their services. */
export function noteTraces(
  observations: readonly ServiceObservation[],
  alerts: readonly NewAlert[],
  matches: readonly MatchRow[],
): void {
  const traces = new Map(alerts.flatMap(({ id, trace }) => (trace === undefined ? [] : [[id, trace]])));
  if (traces.size === 0) return;
  const byService = new Map<string, Set<string>>();
  for (const { alert, service } of matches) {
    const trace = traces.get(alert);
    if (trace === undefined) continue;
    const some = byService.get(service) ?? new Set();
    byService.set(service, some.add(trace));
  }
  for (const one of observations) one.traces = [...(byService.get(one.snapshot.compiled.service.id) ?? [])];
}

/** Returns readings of polled metrics that alerts carry, and the alerts that carry them, by service. */
export function pushedBy(
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

/** Adds life and value path of the metric to a match, where alerts alone feed the metric. */
export function withMetric(match: MatchRow, services: ReadonlyMap<string, CompiledService>): MatchRow {
  const { alert, service, metric } = match;
  const taken = services.get(service)?.alertMetrics.find((one) => one.metric === metric);
  return { alert, service, metric, ttlSeconds: taken?.ttlSeconds, valuePath: taken?.valuePath };
}

const valueOf = ({ value, status }: NewAlert): number => value ?? (status === 'firing' ? 1 : 0);
