import type { Decision } from '../../api/shapes';
import { reasonWords } from '../../parts/phase';
import { useNow } from '../../parts/time';
import { stretches } from './stretches';

const WIDTH = 1_000;
const HEIGHT = 28;

/**
 * The ledger over time: a stretch of colour for each phase, lower for `ok`, a mark for each trigger. Its name says what is
 * so now.
 */
export function LedgerStrip({ decisions, from }: { decisions: readonly Decision[]; from: number }) {
  const to = useNow(5_000);
  const shown = stretches(decisions, { from, to });
  const triggers = shown.filter(({ decision }) => decision.trigger !== undefined);
  const last = shown.find(({ decision }) => decision.to === undefined)?.decision;
  const isNow = last === undefined ? '' : `, ${last.phase} now: ${reasonWords(last.reason)}`;
  const summary = `${shown.length} decisions, ${triggers.length} triggers${isNow}`;
  return (
    <svg
      className="strip"
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Decisions over time: ${summary}`}
    >
      <rect width={WIDTH} height={HEIGHT} fill="var(--raised)" />
      {shown.map(({ decision, start, end }) => (
        <rect
          key={`${decision.from} ${decision.reason}`}
          x={start * WIDTH}
          width={Math.max((end - start) * WIDTH, 1)}
          y={decision.phase === 'ok' ? HEIGHT / 2 : 0}
          height={decision.phase === 'ok' ? HEIGHT / 2 : HEIGHT}
          fill={`var(--phase-${decision.phase})`}
        >
          <title>{`${decision.phase}, ${reasonWords(decision.reason)}: ${decision.explanation}`}</title>
        </rect>
      ))}
      {triggers.map(({ decision, start }) => (
        <path
          key={decision.trigger}
          d={`M${start * WIDTH - 5} 0h10l-5 9z`}
          fill="currentColor"
          stroke="var(--mantine-color-body)"
        />
      ))}
    </svg>
  );
}
