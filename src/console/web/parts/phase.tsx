import type { Phase as PhaseName } from '../api/shapes';

/** A sign of its own for each phase, as colour alone tells not everybody. */
const SIGNS: Record<PhaseName, string> = { ok: '●', pending: '◐', alarm: '▲', unknown: '?' };
const WORDS: Record<PhaseName, string> = { ok: 'OK', pending: 'Pending', alarm: 'Alarm', unknown: 'Unknown' };

export const phaseWord = (phase: PhaseName): string => WORDS[phase];

export function Phase({ phase }: { phase: PhaseName }) {
  return (
    <span className={`phase phase-${phase}`}>
      <span aria-hidden="true">{SIGNS[phase]}</span>
      {WORDS[phase]}
    </span>
  );
}

/** `at_max_nodes` -> `at max nodes` */
export const reasonWords = (reason: string): string => reason.replaceAll('_', ' ');
