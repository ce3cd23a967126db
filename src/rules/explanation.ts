import { explain } from './engine/explain';
import type { State } from './engine/types';
import type { Prepared } from './rule-book';
import type { Seen } from './seen';

/** The state of a service as a sentence, at the moment something was seen of it. */
export function explanationOf(
  prepared: Prepared,
  state: State,
  { values, errors, at }: Pick<Seen, 'values' | 'errors' | 'at'>,
  infrastructureTriggeredAt?: number,
): string {
  const { service, rule } = prepared;
  const readings = Object.keys(service.metrics).map((metric) => {
    const value = values[metric];
    return [metric, value === undefined ? { error: errors[metric] ?? 'not read' } : { value }] as const;
  });
  const circumstances = {
    condition: service.condition,
    recovery: service.recovery ?? undefined,
    values: Object.fromEntries(readings),
    wisdomUntil: wisdomUntil(prepared, state),
    infrastructureWisdomUntil:
      infrastructureTriggeredAt === undefined
        ? undefined
        : infrastructureTriggeredAt + (rule.scaling?.wisdomMs ?? 0),
    missingData: service.missingData,
  };
  return explain(rule, state, circumstances, at.getTime());
}

/** When the wisdom time after the last trigger ends or ended; undefined when there is none. */
export function wisdomUntil({ rule }: Prepared, { wisdomFrom }: State): number | undefined {
  return wisdomFrom === undefined ? undefined : wisdomFrom + rule.wisdomMs;
}
