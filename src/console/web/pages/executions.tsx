/** Executions: what was done, is being done, and has failed. */
import { Button } from '@mantine/core';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { listQuery } from '../api/lists';
import type { Execution } from '../api/shapes';
import { one, useFilters } from '../app/filters';
import { useMay } from '../app/rights';
import { ExecutionTable, STATUS_WORDS } from '../parts/executions';
import { ChoiceFilter, Filters, RangeFilter, TextFilter } from '../parts/filters';
import { List } from '../parts/list';
import { Page } from '../parts/page';
import { isRetryable } from './executions/deeds';
import { RetryAll } from './executions/retry-all';

const KINDS = {
  trigger: 'Of a trigger',
  test: 'Test by a person',
  approval: 'Asks for an approval',
  notice: 'Message to a contact',
};

export function Executions() {
  const [filters] = useFilters();
  const list = useInfiniteQuery(listQuery<Execution>('executions', filters));
  const mayRetry = useMay('operator');
  const [isAsking, ask] = useState(false);
  const status = one(filters.status) ?? 'failed';
  return (
    <Page
      title="Executions"
      actions={
        mayRetry && isRetryable(status) ? (
          <Button variant="default" onClick={() => ask(true)}>
            Retry all
          </Button>
        ) : null
      }
    >
      <Filters>
        <ChoiceFilter name="status" label="Status" words={STATUS_WORDS} />
        <TextFilter name="service" label="Service" placeholder="its name" />
        <TextFilter name="action" label="Action" placeholder="its name" />
        <ChoiceFilter name="kind" label="Kind" words={KINDS} />
        <RangeFilter />
      </Filters>
      <List
        list={list}
        what="executions"
        teach="When a service triggers, each of its actions is executed once. What was sent, what came back and what is still to come stands here."
      >
        {(executions) => <ExecutionTable executions={executions} />}
      </List>
      {isAsking ? <RetryAll filters={filters} onClose={() => ask(false)} /> : null}
    </Page>
  );
}
