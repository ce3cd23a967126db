import type { AlertStatus, IncomingAlert } from './alert';

/** An alert as it is kept. */
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
  endsAt: Date | null;
  lifeSeconds: number | null;
  raw: unknown;
  receivedAt: Date;
  lastSeenAt: Date;
  isCurrent: boolean;
  /** Moves when status, value or labels change. */
  revision: number;
}

/** What a batch of alerts makes of the kept ones: rows to insert, rows to update. */
export interface Folded {
  inserted: KeptAlert[];
  updated: KeptAlert[];
  /** For each alert that came in, the kept one it became; nothing for an end where nothing fired. */
  accepted: KeptAlert[];
}

/**
 * Takes alerts in, in their order. The same alert again (key, status and start the same) changes nothing but its
 * last-seen, and what it says beside; `resolved` ends it; another start, or a new firing after its end, is a new alert. An
 * event that has its id is always one.
 *
 * @param current the newest kept alert of each key
 */
export function fold(
  current: readonly KeptAlert[],
  incoming: readonly IncomingAlert[],
  now: Date,
  newId: () => string,
): Folded {
  const newest = new Map(current.map((kept) => [kept.dedupKey, { ...kept }]));
  const inserted = new Set<KeptAlert>();
  const updated = new Set<KeptAlert>();
  const touch = (kept: KeptAlert) => void (inserted.has(kept) || updated.add(kept));

  const accepted = incoming.flatMap((alert) => {
    const kept = newest.get(alert.dedupKey);
    if (alert.isEnd && kept?.status !== 'firing') return [];
    if (kept !== undefined && isSame(kept, alert, now)) {
      touch(kept);
      see(kept, alert, now);
      return kept;
    }
    if (kept !== undefined) {
      touch(kept);
      kept.isCurrent = false;
    }
    const fresh = begin(alert, now, alert.id ?? newId());
    inserted.add(fresh);
    newest.set(alert.dedupKey, fresh);
    return fresh;
  });
  return { inserted: [...inserted], updated: [...updated], accepted };
}

function isSame(kept: KeptAlert, alert: IncomingAlert, now: Date): boolean {
  if (alert.id !== undefined) return false;
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
  kept.annotations = annotations;
  kept.raw = alert.raw ?? null;
  if (alert.endsAt !== undefined || alert.status === 'resolved') kept.endsAt = alert.endsAt ?? now;
  if (!isChanged && !isRevived) return;
  kept.status = alert.status;
  kept.value = alert.value ?? null;
  kept.labels = labels;
  kept.revision++;
}

function begin(alert: IncomingAlert, now: Date, id: string): KeptAlert {
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
    endsAt: alert.endsAt ?? null,
    lifeSeconds: alert.lifeSeconds ?? null,
    raw: alert.raw ?? null,
    receivedAt: now,
    lastSeenAt: now,
    isCurrent: true,
    revision: 1,
  };
}

const isBare = ({ status, labels, annotations }: IncomingAlert): boolean =>
  status === 'resolved' && Object.keys(labels).length + Object.keys(annotations).length === 0;

function sameLabels(a: Record<string, string>, b: Record<string, string>): boolean {
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key]);
}
