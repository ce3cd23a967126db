import { hash } from 'node:crypto';
import type { AlertStatus, IncomingAlert } from './alert';
import { isOvertaken, saidAtOf } from './report-order';
import { own } from '../common/records';

/** An alert as it is stored. */
export interface KeptAlert {
  id: string;
  dedupKey: string;
  status: AlertStatus;
  value: number | null;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  serviceId: string | null;
  metric: string | null;
  at: Date;
  /** Moment of its last report; see `saidAtOf`. */
  reportedAt: Date;
  endsAt: Date | null;
  lifeSeconds: number | null;
  raw: unknown;
  receivedAt: Date;
  lastSeenAt: Date;
  isCurrent: boolean;
  /** Number that grows when status, value or labels change. */
  revision: number;
  /** `traceparent` of the span that took in what is new of it; never stored. */
  trace?: string;
}

/** Changes that a batch of alerts makes to the kept ones: rows to insert and rows to update. */
export interface Merged {
  inserted: KeptAlert[];
  updated: KeptAlert[];
  /** Kept alert of each that came in; undefined for an end where nothing fired. */
  accepted: (KeptAlert | undefined)[];
  /** Alerts that changed nothing, as a later report of the same alert was taken before. */
  overtaken: Set<IncomingAlert>;
}

/**
 * Merges alerts into the kept ones, in the order of the batch. The same alert again (same key, status and start) only
 * updates its last-seen and what it carries; `resolved` ends it; another start, or firing after its end, is a new
 * alert. An event with an id of its own is always a new alert. A report older than the last one of its alert changes
 * nothing.
 *
 * @param current the newest kept alert of each key
 */
export function mergeAlerts(
  current: readonly KeptAlert[],
  incoming: readonly IncomingAlert[],
  now: Date,
  newId: () => string,
): Merged {
  const newest = new Map(current.map((kept) => [kept.dedupKey, { ...kept }]));
  const inserted = new Set<KeptAlert>();
  const updated = new Set<KeptAlert>();
  const overtaken = new Set<IncomingAlert>();
  const touch = (kept: KeptAlert) => void (inserted.has(kept) || updated.add(kept));

  const accepted = incoming.map((alert) => {
    const kept = newest.get(alert.dedupKey);
    if (alert.isEnd && !endsIt(alert, kept)) return undefined;
    if (kept !== undefined && isOvertaken(alert, lastReportOf(kept), now.getTime())) {
      overtaken.add(alert);
      return kept;
    }
    if (kept !== undefined && isSame(kept, alert, now)) {
      touch(kept);
      see(kept, alert, now);
      return kept;
    }
    if (kept !== undefined) {
      touch(kept);
      kept.isCurrent = false;
    }
    const fresh = begin(alert, kept, now, alert.id ?? newId());
    inserted.add(fresh);
    newest.set(alert.dedupKey, fresh);
    return fresh;
  });
  return { inserted: [...inserted], updated: [...updated], accepted, overtaken };
}

const lastReportOf = ({ status, reportedAt, lastSeenAt }: KeptAlert) => ({
  status,
  reportedAt: reportedAt.getTime(),
  lastSeenAt: lastSeenAt.getTime(),
});

const laterOf = (kept: KeptAlert | undefined, alert: IncomingAlert, now: Date): Date =>
  new Date(Math.max(kept?.reportedAt.getTime() ?? -Infinity, saidAtOf(alert, now.getTime())));

/** Tells whether an end applies to the kept alert: sent again later, it must not end what began since. */
const endsIt = ({ at }: IncomingAlert, kept: KeptAlert | undefined): boolean =>
  kept?.status === 'firing' && (at === undefined || kept.at <= at);

/** Parts of a kept alert that tell whether a report repeats it. Moments are ms since 1970. */
export interface AlertDigest {
  id: string;
  status: AlertStatus;
  at: number;
  reportedAt: number;
  endsAt: number | null;
  lifeSeconds: number | null;
  lastSeenAt: number;
  /** Digest of the content; see `textsOf`. */
  content: string | null;
}

/** Delay with which a repeated alert, or a later end of it, may be written, milliseconds. */
export const SEEN_WITHIN_MS = 1_000;

/**
 * Returns what to do with an alert of which one is kept: `skip` when it repeats one seen within the last second,
 * `touch` to write that it was seen again, otherwise `merge`.
 */
export function stepFor(kept: AlertDigest, alert: IncomingAlert, now: number): 'skip' | 'touch' | 'merge' {
  if (alert.status !== 'firing' || kept.status !== 'firing') return 'merge';
  const isLater = alert.saidAt !== undefined && saidAtOf(alert, now) > kept.reportedAt;
  if (isLater || isOvertaken(alert, kept, now)) return 'merge';
  const hasOtherStart = alert.at !== undefined && !alert.isRepeated && alert.at.getTime() !== kept.at;
  const isOver =
    (kept.endsAt !== null && kept.endsAt <= now) ||
    (kept.lifeSeconds !== null && kept.lastSeenAt + kept.lifeSeconds * 1000 <= now);
  if (hasOtherStart || isOver || alert.id !== undefined || kept.content !== contentOf(alert)) return 'merge';
  const laterMs = alert.endsAt === undefined ? 0 : alert.endsAt.getTime() - (kept.endsAt ?? Infinity);
  // One that ends sooner is evaluated then.
  if (laterMs <= -SEEN_WITHIN_MS) return 'merge';
  return now - kept.lastSeenAt < SEEN_WITHIN_MS && laterMs < SEEN_WITHIN_MS ? 'skip' : 'touch';
}

type Said = Pick<KeptAlert, 'labels' | 'annotations'> & {
  value?: number | null;
  raw?: unknown;
  serviceId?: string | null;
};

/** Returns an alert's texts as JSON, and `content`, a digest that is the same for alerts that say the same. */
export function textsOf({ value, labels, annotations, raw, serviceId }: Said) {
  const texts = {
    labels: JSON.stringify(labels),
    annotations: JSON.stringify(annotations),
    raw: raw === undefined || raw === null ? null : JSON.stringify(raw),
  };
  const to = serviceId === undefined || serviceId === null ? '' : `,${JSON.stringify(serviceId)}`;
  const all = `[${JSON.stringify(value ?? null)},${texts.labels},${texts.annotations},${texts.raw}${to}]`;
  return { ...texts, content: digestOf(all) };
}

/** Returns `content` of `textsOf` alone, in one piece: most alerts are compared, and not written. */
export function contentOf({ value = null, labels, annotations, raw = null, serviceId }: Said): string {
  const all = [value, labels, annotations, raw];
  return digestOf(JSON.stringify(serviceId === undefined || serviceId === null ? all : [...all, serviceId]));
}

const digestOf = (text: string): string => hash('md5', text, 'base64');

function isSame(kept: KeptAlert, alert: IncomingAlert, now: Date): boolean {
  if (alert.id !== undefined) return false;
  // It names a service that was made anew, or is another by now: what was said to the one before was not said to it.
  if (alert.serviceId !== undefined && alert.serviceId !== kept.serviceId) return false;
  const hasStart = alert.at !== undefined && !alert.isRepeated;
  const sameStart = !hasStart || alert.at!.getTime() === kept.at.getTime();
  // A resolution ends what fires, whenever it says it began.
  if (alert.status === 'resolved') return kept.status === 'firing' || sameStart;
  return sameStart && kept.status === 'firing' && (hasStart || lives(kept, now));
}

function lives({ endsAt, lastSeenAt, lifeSeconds }: KeptAlert, now: Date): boolean {
  if (endsAt !== null && endsAt <= now) return false;
  return lifeSeconds === null || lastSeenAt.getTime() + lifeSeconds * 1000 > now.getTime();
}

function see(kept: KeptAlert, alert: IncomingAlert, now: Date): void {
  // It had ended by itself and is seen again: for the rules that is news.
  const isRevived = alert.status === 'firing' && !lives(kept, now);
  // A resolution may name nothing but the key.
  const { labels, annotations } = isBare(alert) ? kept : alert;
  const isChanged =
    kept.status !== alert.status || kept.value !== (alert.value ?? null) || !sameLabels(kept.labels, labels);
  kept.lastSeenAt = now;
  kept.reportedAt = laterOf(kept, alert, now);
  // In the order in which they were sent, also when they are the same: the content of what is sent again is compared.
  kept.labels = labels;
  kept.annotations = annotations;
  kept.raw = alert.raw ?? null;
  if (alert.endsAt !== undefined || alert.status === 'resolved') kept.endsAt = alert.endsAt ?? now;
  if (!isChanged && !isRevived) return;
  kept.status = alert.status;
  kept.value = alert.value ?? null;
  kept.revision++;
  if (alert.trace !== undefined) kept.trace = alert.trace;
}

/**
 * Returns a new alert to keep.
 *
 * @param before the one that was kept under its key until now
 */
function begin(alert: IncomingAlert, before: KeptAlert | undefined, now: Date, id: string): KeptAlert {
  return {
    id,
    dedupKey: alert.dedupKey,
    status: alert.status,
    value: alert.value ?? null,
    labels: alert.labels,
    annotations: alert.annotations,
    serviceId: alert.serviceId ?? null,
    metric: alert.metric ?? null,
    at: alert.at ?? now,
    reportedAt: laterOf(before, alert, now),
    endsAt: alert.endsAt ?? null,
    lifeSeconds: alert.lifeSeconds ?? null,
    raw: alert.raw ?? null,
    receivedAt: now,
    lastSeenAt: now,
    isCurrent: true,
    revision: 1,
    trace: alert.trace,
  };
}

const isBare = ({ status, labels, annotations }: IncomingAlert): boolean =>
  status === 'resolved' && Object.keys(labels).length + Object.keys(annotations).length === 0;

function sameLabels(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === own(b, key));
}
