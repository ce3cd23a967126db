import { memo } from 'react';
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

/**
 * Drawn again only for other services or another choice; and of its rows only those that have changed. What is in a row is
 * plain: while one types, fifty of them are made anew.
 */
export const ServiceTable = memo(function ServiceTable({ services, selection }: ServiceTableProps) {
  const { steady, held } = useSteady(services, ({ id }) => id);
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
        {steady.map((service) => (
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
      <td>{state === undefined ? null : <Since at={state.since} />}</td>
      <td className="whole">{enabled ? mode : 'disabled'}</td>
    </tr>
  );
});
