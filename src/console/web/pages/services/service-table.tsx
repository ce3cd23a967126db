import { memo, useEffect, useState } from 'react';
import type { Service } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath } from '../../app/paths';
import { Labels } from '../../parts/labels';
import { Phase, reasonWords } from '../../parts/phase';
import { useSteady } from '../../parts/steady';
import { Since } from '../../parts/time';
import type { Selection } from './selection';

interface ServiceTableProps {
  services: readonly Service[];
  /** What is chosen of it; undefined where nothing could be done with it. */
  selection?: Selection;
}

/** Rows that fill a window; those below it are drawn after the first table has been painted. */
const FIRST_ROWS = 20;
/** Whether there was a table before: then all is drawn at once, as one may come back to where one had scrolled to. */
let hasPainted = false;

/**
 * Drawn again only for other services or another choice; and of its rows only those that have changed. What is in a row is
 * plain: while one types, fifty of them are made anew.
 */
export const ServiceTable = memo(function ServiceTable({ services, selection }: ServiceTableProps) {
  const { steady, held } = useSteady(services, ({ id }) => id);
  const [isWhole, showWhole] = useState(hasPainted);
  useEffect(() => {
    const timer = setTimeout(() => {
      hasPainted = true;
      showWhole(true);
    });
    return () => clearTimeout(timer);
  }, []);
  return (
    <table className="rows" {...held}>
      <thead>
        <tr>
          {selection === undefined ? null : (
            <th scope="col" className="choose">
              <input
                type="checkbox"
                aria-label="Select all that are shown"
                checked={selection.isAll || services.every(({ id }) => selection.ids.has(id))}
                onChange={() => selection.toggleAll(services.map(({ id }) => id))}
              />
            </th>
          )}
          <th scope="col">Service</th>
          <th scope="col">Phase</th>
          <th scope="col">Why</th>
          <th scope="col">For</th>
          <th scope="col">Mode</th>
        </tr>
      </thead>
      <tbody>
        {(isWhole ? steady : steady.slice(0, FIRST_ROWS)).map((service) => (
          <Row
            key={service.id}
            service={service}
            isChosen={selection && (selection.isAll || selection.ids.has(service.id))}
            onToggle={selection?.toggle}
          />
        ))}
      </tbody>
    </table>
  );
});

interface RowProps {
  service: Service;
  /** Undefined where nothing can be chosen. */
  isChosen: boolean | undefined;
  onToggle: ((id: string) => void) | undefined;
}

const Row = memo(function Row({ service, isChosen, onToggle }: RowProps) {
  const { id, name, labels, mode, enabled, state } = service;
  return (
    <tr>
      {isChosen === undefined ? null : (
        <td className="choose">
          <input
            type="checkbox"
            aria-label={`Select ${name}`}
            checked={isChosen}
            onChange={() => onToggle?.(id)}
          />
        </td>
      )}
      <td>
        <AppLink to={servicePath(name)} data-row="" dir="auto">
          {name}
        </AppLink>
        <Labels labels={labels} atMost={3} />
      </td>
      <td>{state === undefined ? '–' : <Phase phase={state.phase} />}</td>
      <td>
        {state === undefined ? null : (
          <>
            {state.explanation} <small>({reasonWords(state.reason)})</small>
          </>
        )}
      </td>
      <td data-column="For">{state === undefined ? null : <Since at={state.since} />}</td>
      <td className="whole" data-column="Mode">
        {enabled ? mode : 'disabled'}
      </td>
    </tr>
  );
});
