/** Answers about alerts and sources. */
import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Shape } from './shapes';

export type Alert = Shape<'Alert'>;
/** A source; its token is told once, when it is made. */
export type Source = Shape<'Source'>;
/** What came to a source, and what became of it. */
export type Payload = Shape<'Receipt'>;
export type Refused = Shape<'RefusedSender'>;
export type Mib = Shape<'Mib'>;

export const recentQuery = (ref: string) =>
  queryOptions({
    queryKey: ['sources', ref, 'recent'],
    queryFn: () =>
      answer<{ items: Payload[] }>(client.GET('/api/v1/sources/{ref}/recent', { params: { path: { ref } } })),
  });

export const refusedQuery = (ref: string) =>
  queryOptions({
    queryKey: ['sources', ref, 'refused'],
    queryFn: () =>
      answer<{ items: Refused[] }>(
        client.GET('/api/v1/sources/{ref}/refused', { params: { path: { ref } } }),
      ),
  });

export const mibsQuery = queryOptions({
  queryKey: ['mibs'],
  queryFn: () => answer<{ items: Mib[] }>(client.GET('/api/v1/mibs')),
  refetchInterval: 60_000,
});
