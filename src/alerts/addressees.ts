import { Injectable } from '@nestjs/common';
import type { FieldError } from '../common/errors';
import { isId } from '../common/ids';
import { Database } from '../database/database';

interface AddressedService {
  id: string;
  name: string;
  /** Metric name -> its type. */
  metrics: Record<string, { type: string }>;
}

/** Finds the services and metrics that alerts name. */
@Injectable()
export class Addressees {
  constructor(private readonly database: Database) {}

  /** By id or name, all in one look. */
  async find(references: readonly string[]): Promise<Map<string, AddressedService>> {
    const wanted = [...new Set(references)];
    if (wanted.length === 0) return new Map();
    const rows = await this.database.rows<AddressedService>(
      'SELECT id, name, metrics FROM services WHERE name = ANY($1::text[]) OR id = ANY($2::uuid[])',
      [wanted, wanted.filter(isId)],
      'addressees',
    );
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

/** The metric a value for a service goes to: the named one, its only alert metric, or its only metric. */
export function metricFor(
  { name, metrics }: AddressedService,
  metric: string | undefined,
): { metric: string } | { errors: FieldError[] } {
  const all = Object.keys(metrics);
  if (metric !== undefined) {
    if (Object.hasOwn(metrics, metric)) return { metric };
    return {
      errors: [
        { pointer: '/metric', detail: `service ${name} has no metric ${metric}; it has ${all.join(', ')}` },
      ],
    };
  }
  const fed = all.filter((one) => metrics[one]!.type === 'alert');
  const [only] = fed.length > 0 ? fed : all;
  const isClear = fed.length === 1 || (fed.length === 0 && all.length === 1);
  if (isClear) return { metric: only! };
  return {
    errors: [
      {
        pointer: '/metric',
        detail: `is required, as service ${name} has several: ${(fed.length > 0 ? fed : all).join(', ')}`,
      },
    ],
  };
}
