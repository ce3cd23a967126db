import type { AlertValue, FeedingAlert } from '../alerts/alert-values';
import type { ToldAlert } from '../engine/told-alert';
import type { State, Values } from '../engine/types';
import type { CompiledService, ServiceSnapshot } from './compiled-service';
import { isEmpty, own } from '../common/records';

/** An observation of a service at one moment. */
export interface ServiceObservation {
  snapshot: ServiceSnapshot;
  at: Date;
  values: Values;
  errors: Readonly<Record<string, string>>;
  /** Description of values made by a window: "avg 5 min". */
  notes?: Readonly<Record<string, string>>;
  /** Moment at which a value was read or began, where it was before `at`. */
  readAt?: Readonly<Record<string, Date>>;
  previousAt?: number;
  /** Moment at which an alert that feeds the service ends its life. */
  lifeEndsAt?: number;
  /** True where a firing alert is new or changed. */
  news?: boolean;
  /** Alerts that carried a reading. */
  bringers?: readonly FeedingAlert[];
  /** New alert that the evaluation is about, for a service that triggers once per alert, whatever else fires. */
  newcomer?: FeedingAlert;
  /** Newest alert of each metric that alerts feed, the newest of all first, and alerts that carried a reading. */
  told?: readonly ToldAlert[];
  /** Number of alerts that feed the service. */
  toldTotal?: number;
  /** Ids of the alerts that feed the service; a trigger comes from them. */
  alerts: readonly string[];
  /** Set where nobody has looked since `at`: the interval of the ledger that was open when that was found. */
  stale?: { decision?: string };
  /** True where a feeding alert is not processed yet: its own job will evaluate this service. */
  awaitsAlert?: boolean;
  /** `traceparent` of the spans that led to it, where that is traced: of a poll, or of alerts. */
  traces?: readonly string[];
}

const NO_NUMBER = 'the alert has no number where this metric looks for it';

/** Returns the observation with the values that alerts give now, in place of earlier ones. */
export function fedBy(observation: ServiceObservation, feeding: readonly AlertValue[]): ServiceObservation {
  const { compiled } = observation.snapshot;
  const values: Record<string, number> = {};
  const errors: Record<string, string> = {};
  const readAt: Record<string, Date> = {};
  for (const metric in compiled.reads) {
    if (Object.hasOwn(observation.values, metric)) values[metric] = observation.values[metric]!;
    if (Object.hasOwn(observation.errors, metric)) errors[metric] = observation.errors[metric]!;
    if (observation.readAt && Object.hasOwn(observation.readAt, metric))
      readAt[metric] = observation.readAt[metric]!;
  }
  for (const { metric, problem } of compiled.alertMetrics) {
    if (problem === undefined) values[metric] = 0;
    else errors[metric] = problem;
  }
  for (const { metric, value, problem, valueAt } of feeding) {
    if (Object.hasOwn(errors, metric)) continue;
    readAt[metric] = valueAt;
    if (value !== undefined) values[metric] = value;
    else {
      delete values[metric];
      errors[metric] = problem === undefined ? NO_NUMBER : `${NO_NUMBER}: ${problem}`;
    }
  }
  const ends = feeding.flatMap(({ livesUntil }) => livesUntil?.getTime() ?? []);
  const bringers = observation.bringers ?? NOBODY;
  const newest =
    observation.newcomer === undefined
      ? [...new Map([...feeding, ...bringers].map((one) => [one.alert, one])).values()]
      : [observation.newcomer];
  return {
    ...observation,
    told: newest.length === 0 ? undefined : newest.sort(byReceipt).map(toldOf),
    toldTotal:
      observation.newcomer === undefined
        ? feeding.reduce((sum, { total }) => sum + total, bringers.length)
        : 1,
    values,
    errors: withOpenReason(compiled, values, errors),
    readAt,
    lifeEndsAt: ends.length === 0 ? undefined : Math.min(...ends),
    alerts: newest.map(({ alert }) => alert),
    awaitsAlert: feeding.some(({ isNew }) => isNew),
  };
}

/**
 * Returns the observation with the alerts that feed it now. A service that alerts alone feed is observed now, so no
 * earlier than its last trigger.
 */
export function caughtUp(
  observation: ServiceObservation,
  state: State | undefined,
  feeding: ReadonlyMap<string, readonly AlertValue[]>,
): ServiceObservation {
  const { service, alertMetrics } = observation.snapshot.compiled;
  if (alertMetrics.length === 0) return observation;
  const fed = fedBy(observation, feeding.get(service.id) ?? []);
  const last = state?.lastTriggeredAt ?? -Infinity;
  return !service.polled && last > observation.at.getTime() ? { ...fed, at: new Date(last) } : fed;
}

/** Returns the latest moment of some observations or entries. */
export const latestOf = (items: readonly { at: Date }[]): Date =>
  new Date(Math.max(0, ...items.map(({ at }) => at.getTime())));

/** Compares by receipt, newest first: ids grow with the time of receipt. */
const byReceipt = (one: { alert: string }, other: { alert: string }): number =>
  one.alert < other.alert ? 1 : -1;

const NOBODY: readonly never[] = [];

/** Returns an alert as templates and people get it. */
export function toldOf(
  alert: Omit<FeedingAlert, 'value'> & { value?: number | null; said?: number },
): ToldAlert {
  const { labels, annotations, source, at } = alert;
  const value = 'total' in alert ? alert.said : (alert.value ?? undefined);
  return { labels, annotations, ...(value === undefined ? {} : { value }), source, at: at.toISOString() };
}

/** Adds why the condition is undecided though all values are there: it divides by zero, for example. */
export function withOpenReason(
  compiled: CompiledService,
  values: Values,
  errors: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  if (!isEmpty(errors)) return errors;
  const because = compiled.openBecause(values);
  return because === undefined ? errors : { condition: because };
}

/** Values as the API shows them. Times are RFC 3339. */
export type ShownValues = Record<string, { value: number; at: string } | { error: string; at: string }>;

/** Returns the value of each metric, or why there is none. */
export function valuesOf(
  compiled: CompiledService,
  { values, errors, at, readAt = {} }: Pick<ServiceObservation, 'values' | 'errors' | 'at' | 'readAt'>,
): ShownValues {
  const shown: ShownValues = {};
  for (const metric in compiled.service.metrics) {
    const value = own(values, metric);
    const readAs = (own(readAt, metric) ?? at).toISOString();
    shown[metric] =
      value === undefined ? { error: own(errors, metric) ?? 'not read', at: readAs } : { value, at: readAs };
  }
  return shown;
}
