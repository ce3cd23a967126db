import type { Service } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { servicePath } from '../../app/paths';
import { Labels } from '../../parts/labels';
import { Phase, reasonWords } from '../../parts/phase';
import { useSteady } from '../../parts/steady';
import { Since } from '../../parts/time';

export function ServiceTable({ services }: { services: readonly Service[] }) {
  const { steady, held } = useSteady(services, ({ id }) => id);
  return (
    <table className="rows" {...held}>
      <thead>
        <tr>
          <th scope="col">Service</th>
          <th scope="col">Phase</th>
          <th scope="col">Why</th>
          <th scope="col">For</th>
          <th scope="col">Mode</th>
        </tr>
      </thead>
      <tbody>
        {steady.map((service) => (
          <Row key={service.id} service={service} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ service: { name, labels, mode, enabled, state } }: { service: Service }) {
  return (
    <tr>
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
      <td>{enabled ? mode : 'disabled'}</td>
    </tr>
  );
}
