import type { IncomingHttpHeaders } from 'node:http';
import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../../common/mapping-registry';
import type { FieldError } from '../../common/errors';
import type { IncomingAlert } from '../alert';

/** What a request says, beside the body as its format reads it. */
export interface Facts {
  /** The body as it came. */
  raw: Buffer;
  headers: Readonly<IncomingHttpHeaders>;
  query: Readonly<Record<string, unknown>>;
  /** When it came. */
  now: Date;
}

/** What one alert of a message was read as; the service it names is looked up by the receiver. */
export type Parsed = {
  /** Where in the body the alert is; by default it is the body. */
  pointer?: string;
} & (
  | { alert: Omit<IncomingAlert, 'serviceId'> & { service?: string }; errors?: undefined; untold?: undefined }
  /** Pointers are relative to the alert. */
  | { errors: FieldError[]; alert?: undefined; untold?: undefined }
  | Untold
);

/** Its sender says that it can't tell, or nothing of what begins or ends: why nothing follows from it. */
export interface Untold {
  untold: string;
  alert?: undefined;
  errors?: undefined;
}

/** What is sent back. */
export interface Answer {
  status: number;
  body: object;
}

/** Of one alert alone: it is read in one go. */
export const ONE_ALERT_BYTES = 1024 * 1024;

/** What came of the alerts of a message. */
export interface Taken {
  accepted: { id: string; dedupKey: string }[];
  rejected: { index: number; errors: FieldError[] }[];
}

/** What is to be said of an alert of a message that was taken and changed nothing. */
export interface Note {
  index: number;
  detail: string;
}

/**
 * An alert format: how what a system sends is read. All of it is pure but `believe` and `act`. What a format does not know it
 * ignores: other systems grow.
 */
export interface AlertFormat<P = unknown> {
  /**
   * One entry for each alert in the body, in order; those of a list are read as they are asked for, so that others have
   * their turn between them. @throws InvalidInput when the body as a whole is wrong
   */
  parse(body: unknown, params: P, facts: Facts): Iterable<Parsed>;

  /** The body as `parse` takes it; by default JSON. @throws InvalidInput */
  read?(facts: Facts): Promise<unknown>;

  /** Makes sure that it is from who it says, before anything else is done with it. @throws Forbidden, Unavailable */
  believe?(body: unknown, params: P, facts: Facts): Promise<void> | void;

  /** What names a message that its sender, or whoever has recorded it, may send again. */
  messageId?(body: unknown): string | undefined;

  /** What follows from a believed message beside its alerts, done before it is taken. @throws Forbidden, Unavailable */
  act?(body: unknown): Promise<void>;

  /** Is a body of unknown format one of these? */
  looksLike?(body: unknown, facts: Facts): boolean;

  /** The answer in the sender's own shape. */
  answer?(body: unknown, taken: Taken): Answer;

  /** A 4xx in the sender's own shape. */
  refusal?(status: number, detail: string, errors: readonly FieldError[]): object;
}

/** Marks a class as an alert format; list it in `alerts/formats/index.ts`. `params` are those of its sources. */
export const AlertFormatMapping = DiscoveryService.createDecorator<MappingOptions>();

/** For formats whose sources need nothing but their token. */
export class NoParams {}
