/** An alert in its normal form, whatever format it came in. */
export interface IncomingAlert {
  /** Alerts of one source with the same key are one alert seen again. */
  dedupKey: string;
  status: AlertStatus;
  /** The number it carries; without one, firing counts 1. */
  value?: number;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  /** The service and metric it names, if it names one. */
  serviceId?: string;
  metric?: string;
  /** Of an event that was given its id before: it is an alert of its own, whatever is kept under its key. */
  id?: string;
  /** It ends what fires under its key, and is nothing by itself. */
  isEnd?: boolean;
  /** When it began, as its sender says; undefined: when it was received first. */
  at?: Date;
  /** When its sender said it, by which reports of one alert are ordered; undefined: as they are received. */
  saidAt?: Date;
  /** `saidAt` is no more than since when it fires: the same is said as long as it does. */
  saysStartAlone?: boolean;
  /** Its sender repeats it while it fires, and may say another start each time: that makes no new alert of it. */
  isRepeated?: boolean;
  /** It ends by itself at this moment. */
  endsAt?: Date;
  /** Seconds it lives after its last receipt, for formats that never say that it is resolved. */
  lifeSeconds?: number;
  /** The alert in its own format, bounded and without secrets, where the normal form does not say it all. */
  raw?: unknown;
}

export type AlertStatus = 'firing' | 'resolved';

/** Who sent it. */
export interface AlertSource {
  /** Name of the source, or of the built-in way in. */
  name: string;
  format: string;
}

/** What an alert that never says it is resolved lives. */
export const DEFAULT_LIFE_SECONDS = 300;
