import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { answer, client } from '../../api/client';
import { infrastructuresQuery } from '../../api/queries';
import type { Capacity, Infrastructure } from '../../api/shapes';
import { AppLink } from '../../app/link';
import { infrastructurePath } from '../../app/paths';

const SHOWN_AT_MOST = 12;

/** Infrastructures with their nodes and limits. Counting asks the targets, so it is done now and then. */
export function Nodes() {
  const { data } = useQuery(infrastructuresQuery);
  if (data === undefined || data.length === 0) return null;
  return (
    <section aria-labelledby="nodes">
      <Title order={2} id="nodes" mb="xs">
        Infrastructures
      </Title>
      <table className="rows">
        <thead>
          <tr>
            <th scope="col">Infrastructure</th>
            <th scope="col">Nodes</th>
            <th scope="col">Limits</th>
          </tr>
        </thead>
        <tbody>
          {data.slice(0, SHOWN_AT_MOST).map((infrastructure) => (
            <Row key={infrastructure.id} infrastructure={infrastructure} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Row({ infrastructure: { name, minNodes, maxNodes } }: { infrastructure: Infrastructure }) {
  const { data } = useQuery({
    queryKey: ['infrastructures', name, 'capacity'],
    queryFn: () =>
      answer<Capacity>(
        client.GET('/api/v1/infrastructures/{ref}/capacity', { params: { path: { ref: name } } }),
      ),
    refetchInterval: 30_000,
  });
  return (
    <tr>
      <td>
        <AppLink to={infrastructurePath(name)}>{name}</AppLink>
      </td>
      <td className="number">{data === undefined ? '–' : nodesText(data)}</td>
      <td className="number">
        {minNodes} to {maxNodes}
      </td>
    </tr>
  );
}

function nodesText({ current, inFlight, error }: Capacity): string {
  if (current === null) return error ?? 'not known';
  if (!inFlight) return String(current);
  return inFlight > 0 ? `${current} and ${inFlight} to come` : `${current}, ${-inFlight} of them leaving`;
}
