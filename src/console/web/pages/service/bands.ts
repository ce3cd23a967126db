import type { Decision } from '../../api/shapes';

export type BandKind = 'hold' | 'alarm' | 'wisdom' | 'unknown';

/** Stretch of time in which a service was something else than OK, in seconds. */
export interface Band {
  from: number;
  to: number;
  kind: BandKind;
}

/** @param now end of what is still so, milliseconds */
export function bandsOf(decisions: readonly Decision[], now: number): Band[] {
  return decisions.flatMap((decision) => {
    const kind = kindOf(decision);
    if (kind === undefined) return [];
    const to = decision.to === undefined ? now : Date.parse(decision.to);
    return [{ kind, from: Date.parse(decision.from) / 1_000, to: to / 1_000 }];
  });
}

export function kindOf({ phase, reason }: Pick<Decision, 'phase' | 'reason'>): BandKind | undefined {
  if (phase === 'unknown') return 'unknown';
  if (reason === 'wisdom' || reason === 'infrastructure_wisdom') return 'wisdom';
  if (phase === 'pending') return 'hold';
  return phase === 'alarm' ? 'alarm' : undefined;
}

/** Moments of triggers, in seconds. */
export const marksOf = (decisions: readonly Decision[]): number[] =>
  decisions.filter(({ trigger }) => trigger !== undefined).map(({ from }) => Date.parse(from) / 1_000);
