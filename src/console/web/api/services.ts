/** Lists of services, searched, filtered and sorted. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import { everything } from './queries';
import type { Page, Service, Shape } from './shapes';

/** Filters by the API's names. */
export interface ServicesFilter {
  search?: string;
  label?: string | string[];
  phase?: string;
  reason?: string;
  mode?: string;
  enabled?: string;
  infrastructure?: string;
  action?: string | string[];
  sort?: string;
}

export type ServiceCounts = Shape<'ServiceCounts'>;

const PAGE = 50;

/** A label or an action that stands in the URL once is a text there. */
const queryOf = ({ label, action, ...filter }: ServicesFilter) => ({
  ...filter,
  ...(label === undefined ? {} : { label: [label].flat() }),
  ...(action === undefined ? {} : { action: [action].flat() }),
});

const list = (filter: ServicesFilter, limit: number, cursor?: string): Promise<Page<Service>> =>
  answer<Page<Service>>(
    client.GET('/api/v1/services', {
      params: { query: { sort: 'severity', ...queryOf(filter), include: 'state', limit, cursor } },
    }),
  );

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

/** What is wrong now. */
export const wrongServicesQuery = servicesQuery({ phase: 'alarm,unknown,pending' });

export const serviceCountsQuery = (filter: ServicesFilter) =>
  queryOptions({
    queryKey: ['services', 'counts', filter],
    queryFn: () =>
      answer<ServiceCounts>(client.GET('/api/v1/services/counts', { params: { query: queryOf(filter) } })),
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

/** Names of all services that filters match, up to 10,000. */
export const matchingNamesQuery = (filter: ServicesFilter) =>
  queryOptions({
    queryKey: ['services', 'names', filter],
    queryFn: async () => {
      const all = await everything<Service>((page) =>
        client.GET('/api/v1/services', { params: { query: { ...queryOf(filter), sort: 'name', ...page } } }),
      );
      return all.map(({ name }) => name);
    },
    refetchInterval: false,
    staleTime: 0,
    gcTime: 0,
  });

export type BulkResult = Shape<'BulkResult'>;

/** Which services: some, or all that filters match. */
export type BulkSelect = { ids: string[] } | { filter: object };

/** @param deed `{change}` or `{delete: true}` */
export const changeServices = (select: BulkSelect, deed: object, dryRun: boolean): Promise<BulkResult> =>
  answer<BulkResult>(client.POST('/api/v1/services/bulk', { body: { select, ...deed, dryRun } as never }));
