import type { IncomingAlert } from '../alert';
import type { KeptAlert } from '../dedup';

/** A committed alert, as its sender is told. */
export interface Accepted {
  id: string;
  dedupKey: string;
  /** True where the alert changed nothing because a later report of it had been taken before. */
  isOvertaken?: true;
}

/** Result of committing alerts of one source. */
export interface Kept {
  /** Kept alert for each that came in; undefined for an end that ended nothing. */
  accepted: (Accepted | undefined)[];
  overtaken: ReadonlySet<IncomingAlert>;
  /** Ids of alerts that rules must evaluate, for the queue. */
  news: string[];
  /** `traceparent` of the span that took each of these in, where that is traced. */
  traces?: ReadonlyMap<string, string>;
  /** Alerts whose end has moved forward. */
  sooner: KeptAlert[];
}

export const NOTHING_KEPT: Kept = { accepted: [], overtaken: new Set(), news: [], sooner: [] };
