/** Sources: who may send alerts, and how that is checked. */
import { Button } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { Source } from '../api/alerts';
import { definitionsQuery } from '../api/lists';
import { mappingsQuery } from '../api/queries';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { sourcePath } from '../app/paths';
import { useMayWhole } from '../app/rights';
import { ChoiceFilter, Filters, SearchBox } from '../parts/filters';
import { List } from '../parts/list';
import { NotYours, Page } from '../parts/page';
import { Mibs } from './sources/mibs';

export function Sources() {
  const maySee = useMayWhole('viewer');
  return maySee ? <Listed /> : <NotYours />;
}

function Listed() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(definitionsQuery<Source>('sources', filters));
  const { data: mappings } = useQuery(mappingsQuery);
  const mayWrite = useMayWhole('admin');
  const titles = Object.fromEntries((mappings?.alertFormats ?? []).map(({ type, title }) => [type, title]));
  return (
    <Page
      title="Sources"
      actions={
        mayWrite ? (
          <Button component={AppLink} to="/sources/new">
            New source
          </Button>
        ) : null
      }
    >
      <Filters>
        <SearchBox description="Name" />
        <ChoiceFilter name="format" label="Format" words={titles} />
      </Filters>
      <List
        list={list}
        what="sources"
        teach="A source says who may send alerts here and in which format. Making one gives a token, and the snippet to paste into the sender."
      >
        {(sources) => (
          <table className="rows">
            <thead>
              <tr>
                <th scope="col">Source</th>
                <th scope="col">Format</th>
                <th scope="col">For</th>
              </tr>
            </thead>
            <tbody>
              {sources.map(({ id, name, format, services }) => (
                <tr key={id}>
                  <td>
                    <AppLink to={sourcePath(name)} data-row="" dir="auto">
                      {name}
                    </AppLink>
                  </td>
                  <td>{titles[format] ?? format}</td>
                  <td dir="auto">{services === undefined ? 'all services' : services.join(', ')}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </List>
      <Mibs mayWrite={mayWrite} />
    </Page>
  );
}
