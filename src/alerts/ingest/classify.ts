import type { IncomingAlert } from '../alert';
import { stepFor, type AlertDigest } from '../dedup';

/** What is to be done with alerts, by what is kept under their keys. */
export interface Classes {
  /** Ids of kept alerts that are repeated, by key. */
  repeated: Map<string, string>;
  /** Repeated alerts, by key, of which it must be written that they were seen again. */
  seen: Map<string, IncomingAlert>;
  /** Keys of which at least one alert says something else than what is kept. */
  changed: Set<string>;
  /** Alerts whose key is not kept. */
  unknown: IncomingAlert[];
}

/**
 * Classifies alerts. Of several with one key all are merged, or none: they count in their order. Pauses after each
 * alert, since comparing one takes the digest of all of its texts.
 *
 * @param digests of kept alerts, by key
 * @param now ms since 1970
 */
export function* classify(
  alerts: readonly IncomingAlert[],
  digests: ReadonlyMap<string, AlertDigest>,
  now: number,
): Generator<void, Classes> {
  const classes: Classes = { repeated: new Map(), seen: new Map(), changed: new Set(), unknown: [] };
  for (const alert of alerts) {
    const { dedupKey } = alert;
    const digest = digests.get(dedupKey);
    if (digest === undefined) {
      classes.unknown.push(alert);
      continue;
    }
    const step = stepFor(digest, alert, now);
    if (step === 'merge') classes.changed.add(dedupKey);
    else classes.repeated.set(dedupKey, digest.id);
    if (step === 'touch') classes.seen.set(dedupKey, alert);
    yield;
  }
  for (const key of classes.changed) classes.seen.delete(key);
  return classes;
}

/**
 * Returns the alerts that begin something unless one is kept under their key: firing ones whose key is here only once.
 */
export function beginnings(alerts: readonly IncomingAlert[]): IncomingAlert[] {
  const times = new Map<string, number>();
  for (const { dedupKey } of alerts) times.set(dedupKey, (times.get(dedupKey) ?? 0) + 1);
  return alerts.filter(
    ({ dedupKey, status, isEnd }) => status === 'firing' && !isEnd && times.get(dedupKey) === 1,
  );
}

/**
 * Returns alerts with a number and a time of their own that are not the newest of their key: the kept alert does not
 * show their numbers, so they are only written as samples.
 */
export function bygone(
  alerts: readonly IncomingAlert[],
  overtaken: ReadonlySet<IncomingAlert>,
): IncomingAlert[] {
  const said = alerts.filter(
    (one) => one.saidAt !== undefined && one.value !== undefined && !one.saysStartAlone,
  );
  const latest = new Map<string, number>();
  for (const { dedupKey, saidAt } of said)
    latest.set(dedupKey, Math.max(latest.get(dedupKey) ?? -Infinity, saidAt!.getTime()));
  return said.filter((one) => overtaken.has(one) || one.saidAt!.getTime() < latest.get(one.dedupKey)!);
}
