import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Execution, Shape } from './shapes';

/** One execution with all of its attempts. */
export const executionQuery = (id: string) =>
  queryOptions({
    queryKey: ['executions', 'one', id],
    queryFn: () => answer<Execution>(client.GET('/api/v1/executions/{id}', { params: { path: { id } } })),
  });

/** What an execution that waits for approval would send now, secrets masked; or why it can't be made. */
export type AwaitingRequest = Shape<'AwaitingRequest'>;

export const awaitingRequestQuery = (id: string) =>
  queryOptions({
    queryKey: ['executions', 'request', id],
    queryFn: () =>
      answer<AwaitingRequest>(
        client.GET('/api/v1/executions/{id}/request', {
          params: { path: { id } },
        }),
      ),
    staleTime: 10_000,
  });
