import { Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { executionsQuery } from '../../api/queries';
import { now } from '../../app/clock';
import { ExecutionTable } from '../../parts/executions';
import { Failure } from '../../parts/page';

const DAY_MS = 86_400_000;

export function ActedLately() {
  // One moment for as long as the page is open: a moving one would be another query each time.
  const [from] = useState(() => new Date(now() - DAY_MS).toISOString());
  const { data, error } = useQuery(executionsQuery({ from, limit: 10 }));
  return (
    <section aria-labelledby="acted-lately">
      <Title order={2} id="acted-lately" mb="xs">
        Acted in the last day
      </Title>
      <Failure error={error} />
      {data?.items.length === 0 ? <p className="panel">No rule has acted in the last day.</p> : null}
      {data !== undefined && data.items.length > 0 ? <ExecutionTable executions={data.items} /> : null}
    </section>
  );
}
