/** An alert in its normal form, whatever its format. */
export interface IncomingAlert {
  /** Key of the alert within its source: alerts with the same key are one alert seen again. */
  dedupKey: string;
  status: AlertStatus;
  /** Number the alert carries; without one, firing counts 1. */
  value?: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** Id of the service it names, where it names one; `metric` is the metric it names. */
  serviceId?: string;
  metric?: string;
  /** Id of an event that was given one before: it is an alert of its own, whatever is kept under its key. */
  id?: string;
  /** True where it only ends what fires under its key, and is no alert by itself. */
  isEnd?: boolean;
  /** Moment at which it began, by its sender; undefined: when it was first received. */
  at?: Date;
  /** Moment at which its sender sent it, which orders reports of one alert; undefined: in the order of receipt. */
  saidAt?: Date;
  /** True where `saidAt` is only the start of firing, which stays the same in all reports. */
  saysStartAlone?: boolean;
  /**
   * True where its sender repeats it while it fires, perhaps with another start each time, which makes no new alert of
   * it.
   */
  isRepeated?: boolean;
  /** Moment at which it ends by itself. */
  endsAt?: Date;
  /** Seconds it lives after its last receipt, for formats that never send an end. */
  lifeSeconds?: number;
  /** Alert in its own format, bounded and without secrets, where the normal form lacks parts of it. */
  raw?: unknown;
  /** `traceparent` of the span that takes it in, where that is traced. */
  trace?: string;
}

export type AlertStatus = 'firing' | 'resolved';

/** Sender of an alert. */
export interface AlertSource {
  /** Name of the source, or of the built-in sender. */
  name: string;
  format: string;
}

/** Life of an alert whose format never sends an end, seconds. */
export const DEFAULT_LIFE_SECONDS = 300;
