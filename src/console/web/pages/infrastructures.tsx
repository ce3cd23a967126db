/** Infrastructures with their nodes and limits. */
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { capacityQuery } from '../api/infrastructures';
import { definitionsQuery } from '../api/lists';
import type { Infrastructure } from '../api/shapes';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { infrastructurePath } from '../app/paths';
import { useMay } from '../app/rights';
import { Filters, SearchBox } from '../parts/filters';
import { Labels } from '../parts/labels';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { NodesBar, nodesWords } from './infrastructures/nodes-bar';

export function Infrastructures() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(definitionsQuery<Infrastructure>('infrastructures', filters));
  const mayWrite = useMay('editor');
  return (
    <Page
      title="Infrastructures"
      actions={
        mayWrite ? (
          <Button component={AppLink} to="/infrastructures/new">
            New infrastructure
          </Button>
        ) : null
      }
    >
      <Filters>
        <SearchBox description="Name, description or label" />
      </Filters>
      <List
        list={list}
        what="infrastructures"
        teach="An infrastructure is what scales together: how its nodes are counted, and how few and how many there may be. Services that scale it never go beyond, however many of them trigger."
      >
        {(infrastructures) => (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Infrastructure</th>
                <th scope="col">Nodes</th>
                <th scope="col">Limits</th>
              </tr>
            </thead>
            <tbody>
              {infrastructures.map((infrastructure) => (
                <Row key={infrastructure.id} infrastructure={infrastructure} />
              ))}
            </tbody>
          </table>
        )}
      </List>
    </Page>
  );
}

function Row({
  infrastructure: { name, labels, minNodes, maxNodes, nodes },
}: {
  infrastructure: Infrastructure;
}) {
  const { data } = useQuery({ ...capacityQuery(name), enabled: nodes !== undefined });
  return (
    <tr>
      <td>
        <AppLink to={infrastructurePath(name)} data-row="" dir="auto">
          {name}
        </AppLink>
        <Labels labels={labels} atMost={3} />
      </td>
      <td>
        {nodes === undefined ? 'not counted' : data === undefined ? '–' : nodesWords(data)}
        {data === undefined ? null : <NodesBar capacity={data} />}
      </td>
      <td className="number">
        {minNodes} to {maxNodes}
      </td>
    </tr>
  );
}
