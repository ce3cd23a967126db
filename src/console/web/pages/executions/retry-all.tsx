import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { answer, client } from '../../api/client';
import { countQuery } from '../../api/lists';
import { one } from '../../app/filters';
import type { Search } from '../../app/search';
import { Ask } from '../../parts/ask';
import { Failure } from '../../parts/page';
import { STATUS_WORDS } from '../../parts/executions';

interface Retried {
  retried: number;
  changed?: number;
}

/** Retries whatever of the list ended badly; how many that are is told before and after. */
export function RetryAll({ filters, onClose }: { filters: Search; onClose: () => void }) {
  const { service, action, from, to } = filters;
  // Tests and messages are not retried: they have no trigger.
  const filter = { service, action, from, to, status: one(filters.status) ?? 'failed', kind: 'trigger' };
  const { data, error } = useQuery({ ...countQuery('executions', filter), refetchInterval: false });
  const [done, setDone] = useState<Retried>();
  const queries = useQueryClient();
  const retry = async () => {
    const { kind: _, ...body } = filter;
    setDone(await answer<Retried>(client.POST('/api/v1/executions/retry', { body: body as never })));
    await queries.invalidateQueries({ queryKey: ['executions'] });
  };
  if (done !== undefined) return <Done done={done} onClose={onClose} />;
  const count = data === undefined ? '…' : `${data.isMore ? 'more than ' : ''}${data.count}`;
  const word = STATUS_WORDS[filter.status as keyof typeof STATUS_WORDS]?.toLowerCase();
  return (
    <Ask isOpen onClose={onClose} title={`Retry all ${count}`} verb="Retry all" staysOpen act={retry}>
      <Failure error={error} />
      <p style={{ margin: 0 }}>
        <b>{count}</b> {word} executions match the filters. Each goes on with its own key: what its target has
        done already is not done twice, if the target minds the key.
      </p>
      <p style={{ margin: 0 }}>Those that would scale otherwise now than they say are left to you.</p>
    </Ask>
  );
}

const Done = ({ done: { retried, changed = 0 }, onClose }: { done: Retried; onClose: () => void }) => (
  <Ask isOpen onClose={onClose} title={`${retried} retried`} verb="Close" act={async () => undefined}>
    {changed === 0
      ? 'They are queued again.'
      : `${retried} are queued again; ${changed} would scale otherwise now, and are left as they are.`}
  </Ask>
);
