import { mapValues } from '../common/records';
import type { ServiceRow } from '../database/entities';
import type { Rule } from '../engine/types';
import type { CompiledService } from './compiled-service';

const BROKEN = 'broken';
const NONE: never[] = [];

/**
 * Returns a service whose reads fail and whose condition stays undecided, both with that problem: it is `missing_data`
 * and never acts.
 */
export function brokenService(service: ServiceRow, problem: string): CompiledService {
  const open = (): never => {
    throw new Error(problem);
  };
  const read = { type: 'unknown', timeoutMs: 1000, isFixed: true, look: () => undefined, open };
  const rule: Rule = {
    key: BROKEN,
    enabled: service.enabled,
    condition: () => undefined,
    holdMs: 0,
    wisdomMs: 0,
    repeat: false,
    missingData: 'hold',
    intervalMs: service.polled ? service.intervalSeconds * 1000 : undefined,
    mode: 'shadow',
  };
  const nodes = { countNodes: open, listNodes: open };
  return {
    service,
    rule,
    reads: mapValues(service.metrics, () => read),
    alertMetrics: NONE,
    windows: NONE,
    hasAlertWindows: false,
    openBecause: () => problem,
    ...nodes,
  };
}
