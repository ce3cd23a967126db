/** Actions: what triggers do. */
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { definitionsQuery } from '../api/lists';
import { mappingsQuery } from '../api/queries';
import type { Action } from '../api/shapes';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { actionPath } from '../app/paths';
import { useMay } from '../app/rights';
import { ChoiceFilter, Filters, SearchBox } from '../parts/filters';
import { Labels } from '../parts/labels';
import { List } from '../parts/list';
import { Page } from '../parts/page';

export function Actions() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(definitionsQuery<Action>('actions', filters));
  const { data: mappings } = useQuery(mappingsQuery);
  const mayWrite = useMay('editor');
  const titles = Object.fromEntries((mappings?.actions ?? []).map(({ type, title }) => [type, title]));
  return (
    <Page
      title="Actions"
      actions={
        mayWrite ? (
          <Button component={AppLink} to="/actions/new">
            New action
          </Button>
        ) : null
      }
    >
      <Filters>
        <SearchBox description="Name, description or label" />
        <ChoiceFilter name="type" label="Type" words={titles} />
      </Filters>
      <List
        list={list}
        what="actions"
        teach="An action is what a trigger does: a call of a webhook, a message, more nodes. Services name the actions they use; each is executed once per trigger."
      >
        {(actions) => <ActionTable actions={actions} titles={titles} />}
      </List>
    </Page>
  );
}

function ActionTable({ actions, titles }: { actions: readonly Action[]; titles: Record<string, string> }) {
  return (
    <table className="rows">
      <thead>
        <tr>
          <th scope="col">Action</th>
          <th scope="col">Type</th>
          <th scope="col">Description</th>
        </tr>
      </thead>
      <tbody>
        {actions.map(({ id, name, type, description, labels }) => (
          <tr key={id}>
            <td>
              <AppLink to={actionPath(name)} data-row="" dir="auto">
                {name}
              </AppLink>
              <Labels labels={labels} atMost={3} />
            </td>
            <td>{titles[type] ?? type}</td>
            <td dir="auto">{description}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
