import type { Decision } from '../../api/shapes';

export interface Stretch {
  decision: Decision;
  /** Beginning and end, as a part of the range: 0 to 1. */
  start: number;
  end: number;
}

/** Returns where decisions lie in a range, cut to it; what lies outside is left out. */
export function stretches(
  decisions: readonly Decision[],
  { from, to }: { from: number; to: number },
): Stretch[] {
  const part = (at: number) => Math.min(1, Math.max(0, (at - from) / (to - from)));
  return decisions
    .map((decision) => ({
      decision,
      start: part(Date.parse(decision.from)),
      end: decision.to === undefined ? 1 : part(Date.parse(decision.to)),
    }))
    .filter(({ start, end }) => end > start || (start > 0 && start < 1));
}
