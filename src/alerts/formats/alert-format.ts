import { DiscoveryService } from '@nestjs/core';
import type { MappingOptions } from '../../common/mapping-registry';
import type { FieldError } from '../../common/errors';
import type { IncomingAlert } from '../alert';

/** What one alert of a message was read as; the service it names is looked up by the intake. */
export type Parsed =
  | { alert: Omit<IncomingAlert, 'serviceId'> & { service?: string }; errors?: undefined }
  | { errors: FieldError[] };

/** An alert format: how what a system sends is read. Pure. */
export interface AlertFormat<P = unknown> {
  /** One entry for each alert in the body, in order. @throws InvalidInput when the body as a whole is wrong */
  parse(body: unknown, params: P): Parsed[];
}

/** Marks a class as an alert format; list it in `alerts/formats/index.ts`. `params` are those of its sources. */
export const AlertFormatMapping = DiscoveryService.createDecorator<MappingOptions>();
