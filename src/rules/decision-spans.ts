import { tracer, type OpenSpan } from '../common/tracing';
import type { LedgerEntry } from './ledger-entry';
import type { ServiceObservation } from './service-observation';

/** Spans of decisions: each belongs to the poll or the alert that led to it, and its executions belong to it. */

/** Largest number of other alerts that a decision names. */
const LINKS_AT_MOST = 32;

const NONE: readonly OpenSpan[] = [];

/**
 * Begins the span of each decision and notes it in its entry. They are to be ended once the decisions are committed;
 * those of decisions that are undone never end, and are not told.
 *
 * @param beganAt moment at which the evaluation began, as `performance.now()` has it
 */
export function beginDecisions(
  entries: readonly LedgerEntry[],
  observations: readonly ServiceObservation[],
  beganAt: number,
): readonly OpenSpan[] {
  const tracing = tracer();
  if (tracing === undefined) return NONE;
  const traces = new Map(
    observations.map(({ snapshot, traces: some = [] }) => [snapshot.compiled.service.id, some]),
  );
  return entries.map((entry) => {
    const [parent, ...links] = traces.get(entry.compiled.service.id) ?? [];
    const facts = factsOf(entry);
    const span = tracing.start('decide', { parent, links: links.slice(0, LINKS_AT_MOST), facts, beganAt });
    entry.trace = span.traceparent;
    return span;
  });
}

function factsOf({ compiled, state, decisionId, trigger, opensInterval }: LedgerEntry) {
  const { service, infrastructure, rule } = compiled;
  return {
    'monscale.service.id': service.id,
    'monscale.service.name': service.name,
    'monscale.infrastructure.name': infrastructure?.name,
    'monscale.mode': rule.mode,
    'monscale.phase': state.phase,
    'monscale.reason': state.reason,
    'monscale.decision.id': decisionId,
    'monscale.decision.is_new': opensInterval,
    'monscale.trigger.id': trigger?.id,
    'monscale.trigger.kind': trigger?.kind,
    'monscale.executions.count': trigger?.executions.length ?? 0,
  };
}
