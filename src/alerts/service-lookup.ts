import { Injectable } from '@nestjs/common';
import type { FieldError } from '../common/errors';
import { isId } from '../common/ids';
import { Database } from '../database/database';
import { Statement } from '../database/statement';
import { believed } from './believed';

export interface AddressedMetric {
  type: string;
  acceptsPushed?: boolean;
  params?: { source?: unknown };
}

export interface AddressedService {
  id: string;
  name: string;
  labels: Record<string, string>;
  metrics: Record<string, AddressedMetric>;
}

/** Finds services by name or id. */
const ADDRESSEES = new Statement<AddressedService>(
  'addressees',
  'SELECT id, name, labels, metrics FROM services WHERE name = ANY($1::text[]) OR id = ANY($2::uuid[])',
);

/** Finds the services and metrics that alerts name. */
@Injectable()
export class ServiceLookup {
  constructor(private readonly database: Database) {}

  /** Finds services by id or name, in one statement. */
  async find(references: readonly string[]): Promise<Map<string, AddressedService>> {
    const wanted = [...new Set(references)];
    if (wanted.length === 0) return new Map();
    const rows = await ADDRESSEES.rows(this.database, [wanted, wanted.filter(isId)]);
    return new Map(
      rows.flatMap(
        (row) =>
          [
            [row.id, row],
            [row.name, row],
          ] as const,
      ),
    );
  }
}

/** Tells whether alerts may feed the metric, or numbers may be sent for it. */
export const takesPushed = ({ type, acceptsPushed }: AddressedMetric): boolean =>
  type === 'alert' || acceptsPushed === true;

/** Tells whether the metric accepts the source of that name. */
export const believes = ({ params }: AddressedMetric, source: string): boolean =>
  believed(params?.source)?.includes(source) ?? true;

/** Returns the metric a value for a service goes to: the named one, its only alert metric, or its only metric. */
export function metricFor(
  { name, metrics }: AddressedService,
  metric: string | undefined,
  source: string,
): { metric: string } | { errors: FieldError[] } {
  const all = Object.keys(metrics);
  const wrong = (detail: string) => ({ errors: [{ pointer: '/metric', detail }] });
  if (metric !== undefined && !Object.hasOwn(metrics, metric))
    return wrong(`service ${name} has no metric ${metric}; it has ${all.join(', ')}`);
  const fed = all.filter((one) => metrics[one]!.type === 'alert');
  const candidates = fed.length > 0 ? fed : all;
  if (metric === undefined && candidates.length !== 1)
    return wrong(`is required, as service ${name} has several: ${candidates.join(', ')}`);
  const chosen = metric ?? candidates[0]!;
  if (!takesPushed(metrics[chosen]!))
    return wrong(
      `${chosen} of service ${name} is polled and takes no numbers that are sent; it does with "acceptsPushed": true`,
    );
  if (!believes(metrics[chosen]!, source))
    return wrong(
      `${chosen} of service ${name} believes ${believed(metrics[chosen]!.params!.source)!.join(', ')} alone, not ${source}`,
    );
  return { metric: chosen };
}
