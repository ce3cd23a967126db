/** Silences: what is muted now, what will be, what was, and who said so why. */
import { Button, Stack } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { listQuery, type Filter } from '../api/lists';
import type { Silence } from '../api/shapes';
import { MUTES } from '../api/silences';
import { useFilters } from '../app/filters';
import { AppLink } from '../app/link';
import { useMay } from '../app/rights';
import { ChoiceFilter, Filters, TextFilter } from '../parts/filters';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { Section } from '../parts/section';
import { Calendar } from './silences/calendar';
import { SilenceTable } from './silences/silence-table';

export function Silences() {
  const maySilence = useMay('operator');
  const [filters] = useFilters();
  const current = useInfiniteQuery(listQuery<Silence>('silences', { ...filters, over: 'false' }));
  return (
    <Page
      title="Silences"
      actions={
        maySilence ? (
          <Button component={AppLink} to="/silences/new">
            New silence
          </Button>
        ) : null
      }
    >
      <Filters>
        <ChoiceFilter name="mutes" label="Mutes" words={MUTES} />
        <TextFilter name="owner" label="Owner" placeholder="anna" />
      </Filters>
      <List
        list={current}
        what="silences"
        teach="A silence mutes what acts, for a while and for a reason: a deployment, a known fault, every Saturday night. What is muted is decided all the same, and stays in the ledger."
      >
        {(silences) => (
          <Stack gap="lg">
            <Part title="Active" silences={silences.filter(({ active }) => active)} />
            <Part title="Upcoming" silences={silences.filter(({ active }) => !active)} />
          </Stack>
        )}
      </List>
      <Calendar />
      <Ended filters={filters} />
    </Page>
  );
}

function Part({ title, silences }: { title: string; silences: readonly Silence[] }) {
  return (
    <Section title={title}>
      {silences.length === 0 ? <p className="text">None.</p> : <SilenceTable silences={silences} />}
    </Section>
  );
}

function Ended({ filters }: { filters: Filter }) {
  const list = useInfiniteQuery(listQuery<Silence>('silences', { ...filters, over: 'true' }, 20));
  return (
    <Section title="Ended">
      <List list={list} what="ended silences" teach="What is over stays here.">
        {(silences) => <SilenceTable silences={silences} />}
      </List>
    </Section>
  );
}
