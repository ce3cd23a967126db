import { Button, Group, Stack, TextInput } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useDeferredValue, useEffect, useMemo, useState } from 'react';
import { serviceCountsQuery, servicesQuery, type ServicesFilter } from '../api/services';
import { one, useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { useMay } from '../app/rights';
import { useSettled } from '../app/settled';
import { More } from '../parts/list';
import { Empty, Failure, Page, Waiting } from '../parts/page';
import { PhaseFilter } from './services/phase-filter';
import { ServiceFilters } from './services/service-filters';
import { Bulk } from './services/bulk';
import { useSelection } from './services/selection';
import { ServiceTable } from './services/service-table';
import { Views } from './services/views';

export function Services() {
  const [filters, change] = useFilters();
  const filter = filters as ServicesFilter;
  const list = useInfiniteQuery(servicesQuery(filter));
  const { data: counts } = useQuery(serviceCountsQuery({ ...filter, phase: undefined }));
  const mayWrite = useMay('editor');
  const mayOperate = useMay('operator');
  const selection = useSelection(filter);
  const services = useMemo(() => list.data?.pages.flatMap(({ items }) => items) ?? [], [list.data]);
  // Rows are drawn when there is time: typing goes first. The first ones are waited for.
  const later = useDeferredValue(services);
  const drawn = later.length === 0 ? services : later;
  const total = list.data?.pages[0]?.total;
  const isFiltered = Object.keys(filters).some((name) => name !== 'sort');
  return (
    <Page
      title="Services"
      actions={
        mayWrite ? (
          <Button component={AppLink} to="/services/new">
            New service
          </Button>
        ) : null
      }
    >
      <Stack gap="sm">
        <Views />
        <Search />
        <PhaseFilter counts={counts} chosen={one(filter.phase)} onChoose={(phase) => change({ phase })} />
        <ServiceFilters filter={filter} onChange={change} mayAsk={!list.isPending} />
      </Stack>
      <Failure error={list.error} />
      {list.isPending ? <Waiting /> : null}
      {list.isSuccess && services.length === 0 && drawn.length === 0 ? (
        isFiltered ? (
          <Empty title="No service fits">
            <Button variant="default" onClick={() => change(nothing(filters))}>
              Clear the filters
            </Button>
          </Empty>
        ) : (
          <Empty title="No services yet">
            A service is what is watched, the rule that says when something is wrong, and what is done about
            it.
          </Empty>
        )
      ) : null}
      <Bulk selection={selection} filter={filter} shown={services} total={total} />
      {drawn.length > 0 ? (
        <ServiceTable services={drawn} selection={mayOperate ? selection : undefined} />
      ) : null}
      <Group justify="space-between" role="status">
        {total === undefined ? null : (
          <span>
            {services.length} of {total} shown
          </span>
        )}
        <More list={list} />
      </Group>
    </Page>
  );
}

const nothing = (filters: object) =>
  Object.fromEntries(Object.keys(filters).map((name) => [name, undefined]));

/** What is typed is in the box at once, and in the URL when typing rests. */
function Search() {
  const [filters, change] = useFilters();
  const inUrl = one(filters.search) ?? '';
  const [text, setText] = useState(inUrl);
  const settled = useSettled(text);
  useEffect(() => {
    if (settled === text && settled !== inUrl) change({ search: settled || undefined });
    // The URL changes by this alone while one types; "back" remakes the page.
  }, [settled]);
  return (
    <TextInput
      type="search"
      label="Search"
      description="Name, description or label"
      data-search
      value={text}
      onChange={(event) => setText(event.currentTarget.value)}
    />
  );
}
