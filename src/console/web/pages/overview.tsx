import { SimpleGrid, Stack, Title } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { executionsQuery, infrastructuresQuery } from '../api/queries';
import { serviceCountsQuery, wrongServicesQuery } from '../api/services';
import { AppLink } from '../app/link';
import { useMay } from '../app/rights';
import { Failure, Page, Waiting } from '../parts/page';
import { ActedLately } from './overview/acted-lately';
import { FirstRule } from './overview/first-rule';
import { Nodes } from './overview/nodes';
import { ServiceTable } from './services/service-table';

/** What is wrong now, what waits for a person, what acted in the last day, and how many nodes there are. */
export function Overview() {
  const { data: counts, error } = useQuery(serviceCountsQuery({}));
  if (counts === undefined)
    return <Page title="Overview">{error === null ? <Waiting /> : <Failure error={error} />}</Page>;
  return (
    <Page title="Overview">
      <Failure error={error} />
      {counts.total === 0 ? (
        <FirstRule />
      ) : (
        <Stack gap="lg">
          <Tiles />
          <WrongNow>
            <ActedLately />
            <Nodes />
          </WrongNow>
        </Stack>
      )}
    </Page>
  );
}

function Tiles() {
  const { data: counts } = useQuery(serviceCountsQuery({}));
  const { data: waiting } = useQuery(executionsQuery({ status: 'awaiting_approval', limit: 50 }));
  const { data: unsure } = useQuery(executionsQuery({ status: 'unknown', limit: 50 }));
  return (
    <SimpleGrid cols={{ base: 2, sm: 4 }}>
      <Tile count={counts?.phases.alarm} what="in alarm" to="/services" search={{ phase: 'alarm' }} />
      <Tile count={counts?.phases.unknown} what="unknown" to="/services" search={{ phase: 'unknown' }} />
      <Tile count={counted(waiting)} what="waiting for a person" to="/approvals" />
      <Tile
        count={counted(unsure)}
        what="nobody knows how they ended"
        to="/executions"
        search={{ status: 'unknown' }}
      />
    </SimpleGrid>
  );
}

const counted = (page: { items: unknown[]; total?: number } | undefined) => page?.total ?? page?.items.length;

interface TileProps {
  count: number | undefined;
  what: string;
  to: string;
  search?: Record<string, string>;
}

const Tile = ({ count, what, to, search }: TileProps) => (
  <AppLink className="tile" to={to} search={search}>
    <strong>{count ?? '–'}</strong> {what}
  </AppLink>
);

/** @param children what is below it, drawn once it is known how much room it takes: nothing jumps */
function WrongNow({ children }: { children: ReactNode }) {
  const list = useInfiniteQuery(wrongServicesQuery);
  const { data: infrastructures } = useQuery(infrastructuresQuery);
  const mayWrite = useMay('editor');
  const services = list.data?.pages[0]?.items ?? [];
  return (
    <>
      <section aria-labelledby="wrong-now">
        <Title order={2} id="wrong-now" mb="xs">
          Wrong now
        </Title>
        <Failure error={list.error} />
        {list.isPending ? <Waiting /> : null}
        {list.isSuccess && services.length === 0 ? (
          <p className="panel">
            All is well: every service is OK
            {infrastructures?.length === 0 && mayWrite ? '; none of them scales an infrastructure yet' : ''}.
          </p>
        ) : null}
        {services.length > 0 ? <ServiceTable services={services} /> : null}
      </section>
      {list.isPending ? null : children}
    </>
  );
}
