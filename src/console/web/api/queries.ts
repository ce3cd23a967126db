/** What pages read. The first part of each key is its subject, by which `app/live.ts` keeps it up to date. */
import { queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type {
  Action,
  Contact,
  Decision,
  Dependencies,
  Execution,
  ExecutionStatus,
  Infrastructure,
  KillSwitch,
  Mappings,
  Page,
  Report,
  Samples,
  Service,
  ServiceState,
  Session,
  Versions,
  Why,
} from './shapes';

export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: () => answer<Session>(client.GET('/api/v1/session')),
  refetchInterval: 60_000,
  // Every button asks for it.
  staleTime: 60_000,
});

export const setupQuery = queryOptions({
  queryKey: ['setup'],
  queryFn: () => answer<{ needed: boolean }>(client.GET('/api/v1/setup')),
  refetchInterval: false,
});

/** Query that is the sign of life of the server, too: it is asked all the time. */
export const killSwitchQuery = queryOptions({
  queryKey: ['kill-switch'],
  queryFn: () => answer<KillSwitch>(client.GET('/api/v1/kill-switch')),
  refetchInterval: 2_000,
});

export const mappingsQuery = queryOptions({
  queryKey: ['mappings'],
  queryFn: () => answer<Mappings>(client.GET('/api/v1/mappings')),
  staleTime: Infinity,
  refetchInterval: false,
});

export const serviceQuery = (ref: string) =>
  queryOptions({
    queryKey: ['services', ref],
    queryFn: () => answer<Service>(client.GET('/api/v1/services/{ref}', { params: { path: { ref } } })),
  });

export const serviceStateQuery = (ref: string) =>
  queryOptions({
    queryKey: ['services', ref, 'state'],
    queryFn: () =>
      answer<ServiceState>(client.GET('/api/v1/services/{ref}/state', { params: { path: { ref } } })),
  });

export const whyQuery = (ref: string) =>
  queryOptions({
    queryKey: ['services', ref, 'why'],
    queryFn: () => answer<Why>(client.GET('/api/v1/services/{ref}/why', { params: { path: { ref } } })),
  });

export const dependenciesQuery = (ref: string) =>
  queryOptions({
    queryKey: ['services', ref, 'dependencies'],
    queryFn: () =>
      answer<Dependencies>(client.GET('/api/v1/services/{ref}/dependencies', { params: { path: { ref } } })),
  });

export const decisionsQuery = (ref: string, from: string) =>
  queryOptions({
    queryKey: ['services', ref, 'decisions', from],
    queryFn: () =>
      answer<Page<Decision>>(
        client.GET('/api/v1/services/{ref}/decisions', {
          params: { path: { ref }, query: { from, limit: 200 } },
        }),
      ),
  });

export const samplesQuery = (
  ref: string,
  query: { metric: string; from: string; to?: string; stepSeconds?: number },
) =>
  queryOptions({
    queryKey: ['services', ref, 'samples', query],
    queryFn: () =>
      answer<Samples>(client.GET('/api/v1/services/{ref}/samples', { params: { path: { ref }, query } })),
  });

export const reportQuery = (ref: string, days: number) =>
  queryOptions({
    queryKey: ['services', ref, 'report', days],
    queryFn: () =>
      answer<Report>(
        client.GET('/api/v1/services/{ref}/report', { params: { path: { ref }, query: { days } } }),
      ),
    refetchInterval: 60_000,
  });

export const versionsQuery = (ref: string) =>
  queryOptions({
    queryKey: ['services', ref, 'versions'],
    queryFn: () =>
      answer<Versions>(
        client.GET('/api/v1/services/{ref}/versions', {
          params: { path: { ref } },
        }),
      ),
    refetchInterval: 60_000,
  });

export interface ExecutionsFilter {
  service?: string;
  action?: string;
  status?: ExecutionStatus;
  from?: string;
  to?: string;
  limit?: number;
}

export const executionsQuery = (query: ExecutionsFilter) =>
  queryOptions({
    queryKey: ['executions', query],
    queryFn: () => answer<Page<Execution>>(client.GET('/api/v1/executions', { params: { query } })),
  });

export const actionsQuery = queryOptions({
  queryKey: ['actions', 'all'],
  queryFn: () => everything<Action>((query) => client.GET('/api/v1/actions', { params: { query } })),
  refetchInterval: 30_000,
});

export const infrastructuresQuery = queryOptions({
  queryKey: ['infrastructures', 'all'],
  queryFn: () =>
    everything<Infrastructure>((query) => client.GET('/api/v1/infrastructures', { params: { query } })),
  refetchInterval: 30_000,
});

export const contactsQuery = queryOptions({
  queryKey: ['contacts', 'all'],
  queryFn: () => everything<Contact>((query) => client.GET('/api/v1/contacts', { params: { query } })),
  refetchInterval: 30_000,
});

const PAGES_AT_MOST = 20;

/** Reads a list over all of its pages, up to 10,000 items: for what a person picks from. */
export async function everything<T>(
  read: (query: { limit: number; cursor?: string }) => Parameters<typeof answer>[0],
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES_AT_MOST; page++) {
    const { items: more, nextCursor } = await answer<Page<T>>(read({ limit: 500, cursor }));
    items.push(...more);
    if (nextCursor === undefined) break;
    cursor = nextCursor;
  }
  return items;
}
