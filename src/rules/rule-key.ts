import { createHash } from 'node:crypto';
import type { ServiceRow } from '../database/entities';

/**
 * Returns a digest of condition, recovery and metrics, which hold and alarm depend on. Params count as they are stored.
 */
export function ruleKey({
  condition,
  recovery,
  metrics,
}: Pick<ServiceRow, 'condition' | 'recovery' | 'metrics'>): string {
  const sources = Object.entries(metrics).map(([name, { type, params, window }]) => [
    name,
    type,
    params,
    ...(window === undefined ? [] : [window]),
  ]);
  return createHash('sha256')
    .update(JSON.stringify([condition, recovery, sources]))
    .digest('base64url')
    .slice(0, 16);
}
