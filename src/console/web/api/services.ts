/** Lists of services, searched, filtered and sorted. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { HAS_COUNTS, LISTS_SEARCH } from './capabilities';
import { answer, client } from './client';
import { countedHere, listedHere } from './services-here';
import type { Page, Phase, Service } from './shapes';

/** Filters by the API's names. */
export interface ServicesFilter {
  search?: string;
  label?: string | string[];
  phase?: string;
  reason?: string;
  mode?: string;
  enabled?: string;
  infrastructure?: string;
  action?: string;
  sort?: string;
}

export interface ServiceCounts {
  total: number;
  phases: Record<Phase, number>;
  reasons: Record<string, number>;
  modes: Record<string, number>;
}

const PAGE = 50;

async function list(filter: ServicesFilter, limit: number, cursor?: string): Promise<Page<Service>> {
  if (!LISTS_SEARCH) return listedHere(filter, limit, cursor);
  const query = { sort: 'severity', ...filter, include: 'state', limit, cursor };
  return answer<Page<Service>>(client.GET('/api/v1/services', { params: { query: query } }));
}

/** Services with their states, worst first, a page at a time. */
export const servicesQuery = (filter: ServicesFilter) =>
  infiniteQueryOptions({
    queryKey: ['services', 'list', filter],
    queryFn: ({ pageParam }) => list(filter, PAGE, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    // What was seen stays until the next answer is there: nothing flickers.
    placeholderData: (before) => before,
  });

export const serviceCountsQuery = (filter: ServicesFilter) =>
  queryOptions({
    queryKey: ['services', 'counts', filter],
    queryFn: () =>
      HAS_COUNTS
        ? answer<ServiceCounts>(
            client.GET('/api/v1/services/counts' as '/api/v1/services', {
              params: { query: filter },
            }),
          )
        : countedHere(filter),
    placeholderData: (before) => before,
  });

/** A few services by a part of their name. */
export const foundServicesQuery = (search: string) =>
  queryOptions({
    queryKey: ['services', 'found', search],
    queryFn: async () => (await list({ search, sort: 'name' }, 20)).items,
    refetchInterval: false,
    placeholderData: (before) => before,
  });
