import type { Capacity } from '../../api/shapes';

/** Says how many nodes there are, and how many are to come or to go. */
export function nodesWords({ current, inFlight, error }: Capacity): string {
  if (current === null) return error ?? 'not known';
  if (!inFlight) return String(current);
  return inFlight > 0 ? `${current} and ${inFlight} to come` : `${current}, ${-inFlight} of them leaving`;
}

/** Largest number of places that are drawn one by one. */
const PLACES = 40;

/** A place for each node there may be: full, to come, or free; the lower limit is marked. Decoration: words say it. */
export function NodesBar({ capacity: { current, effective, minNodes, maxNodes } }: { capacity: Capacity }) {
  if (current === null || effective === null || maxNodes > PLACES) return null;
  const count = Math.min(Math.max(maxNodes, current, effective), PLACES);
  return (
    <span className="nodes" aria-hidden="true">
      {Array.from({ length: count }, (_, index) => (
        <i
          key={index}
          className={[
            index < Math.min(current, effective)
              ? 'full'
              : index < Math.max(current, effective)
                ? 'moving'
                : '',
            index + 1 === minNodes ? 'least' : '',
            index >= maxNodes ? 'beyond' : '',
          ].join(' ')}
        />
      ))}
    </span>
  );
}
