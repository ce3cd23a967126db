import type { Values } from './engine/types';
import type { Prepared, Watched } from './rule-book';

/** What was seen of a service at one moment. */
export interface Seen {
  watched: Watched;
  at: Date;
  values: Values;
  errors: Readonly<Record<string, string>>;
  /** What a number is made of, where a window is set: "avg 5 min". */
  notes?: Readonly<Record<string, string>>;
  /** When a value was read or began, where that was before `at`. */
  readAt?: Readonly<Record<string, Date>>;
  previousAt?: number;
  /** When an alert that feeds it ends its life. */
  lifeEndsAt?: number;
  /** An alert that fires is new or changed. */
  news?: boolean;
  /** Alerts that feed it: a trigger comes from them. */
  alerts: readonly string[];
  /** One of them is on its way: its own job will evaluate this service. */
  awaitsAlert?: boolean;
}

/** Values as the API shows them. Times are RFC 3339. */
export type ShownValues = Record<string, { value: number; at: string } | { error: string; at: string }>;

/** Of each metric the number, or why there is none. */
export function valuesOf(
  prepared: Prepared,
  { values, errors, at, readAt = {} }: Pick<Seen, 'values' | 'errors' | 'at' | 'readAt'>,
): ShownValues {
  const shown: ShownValues = {};
  for (const metric in prepared.service.metrics) {
    const value = values[metric];
    const readAs = (readAt[metric] ?? at).toISOString();
    shown[metric] =
      value === undefined ? { error: errors[metric] ?? 'not read', at: readAs } : { value, at: readAs };
  }
  return shown;
}
