import type { IncomingHttpHeaders } from 'node:http';
import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../../common/mapping-registry';
import type { FieldError } from '../../common/errors';
import type { IncomingAlert } from '../alert';

/** Facts about a request, apart from the body as its format reads it. */
export interface Facts {
  /** Body as received. */
  raw: Buffer;
  headers: Readonly<IncomingHttpHeaders>;
  query: Readonly<Record<string, unknown>>;
  /** Moment of receipt. */
  now: Date;
}

/** Result of parsing one alert of a message; the receiver looks up the service it names. */
export type Parsed = {
  /** Pointer to the alert in the body; by default the whole body. */
  pointer?: string;
} & (
  | { alert: Omit<IncomingAlert, 'serviceId'> & { service?: string }; errors?: undefined; untold?: undefined }
  /** Errors of the alert; their pointers are relative to it. */
  | { errors: FieldError[]; alert?: undefined; untold?: undefined }
  | Untold
);

/** A message by which nothing begins or ends, such as one whose sender can't tell; `untold` is the reason. */
export interface Untold {
  untold: string;
  alert?: undefined;
  errors?: undefined;
}

/** Answer to the sender. */
export interface Answer {
  status: number;
  body: object;
}

/** Largest size of one alert, bytes: it is read in one go. */
export const ONE_ALERT_BYTES = 1024 * 1024;

/** Result for the alerts of a message. */
export interface Taken {
  accepted: { id: string; dedupKey: string }[];
  rejected: { index: number; errors: FieldError[] }[];
}

/** Remark on an alert of an accepted message that changed nothing. */
export interface Note {
  index: number;
  detail: string;
}

/**
 * An alert format: reads what a system sends. All methods are pure but `believe` and `act`. Unknown fields are ignored,
 * as other systems grow.
 */
export interface AlertFormat<P = unknown> {
  /**
   * Parses the body: one entry for each alert, in order. Entries of a list are parsed as they are asked for, so that
   * other work has its turn between them.
   *
   * @throws InvalidInput when the body as a whole is wrong
   */
  parse(body: unknown, params: P, facts: Facts): Iterable<Parsed>;

  /**
   * Reads the body as `parse` takes it; by default JSON.
   *
   * @throws InvalidInput
   */
  read?(facts: Facts): Promise<unknown>;

  /**
   * Authenticates the message, before anything else is done with it.
   *
   * @throws Forbidden, Unavailable
   */
  believe?(body: unknown, params: P, facts: Facts): Promise<void> | void;

  /** Returns the id of a message that may come again, from its sender or from somebody who has recorded it. */
  messageId?(body: unknown): string | undefined;

  /**
   * Does what an authenticated message asks for beside its alerts, before they are taken.
   *
   * @throws Forbidden, Unavailable
   */
  act?(body: unknown): Promise<void>;

  /** Tells whether a body of unknown format has this format. */
  looksLike?(body: unknown, facts: Facts): boolean;

  /** Returns the answer in the sender's own shape. */
  answer?(body: unknown, taken: Taken): Answer;

  /** Returns a 4xx answer in the sender's own shape. */
  refusal?(status: number, detail: string, errors: readonly FieldError[]): object;
}

/** Marks a class as an alert format; list it in `alerts/formats/index.ts`. `params` are those of its sources. */
export const AlertFormatMapping = DiscoveryService.createDecorator<MappingOptions>();

/** Params of formats whose sources need nothing but their token. */
export class NoParams {}
