/** Lists by the filters of their pages, a page at a time; and definitions, which all have the same routes. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answer, client, versioned } from './client';
import { editedKey } from './edited';
import { everything } from './queries';
import type { Page } from './shapes';

export type Filter = Record<string, string | string[] | undefined>;

/** Kinds of definitions: lists with `GET`, `POST`, and `GET`, `PUT`, `DELETE` of one. */
export type Kind =
  'services' | 'actions' | 'infrastructures' | 'sources' | 'users' | 'grants' | 'silences' | 'contacts';

/** The routes of all kinds are alike; the description of the API tells of each of them. */
export const listPath = (list: string) => `/api/v1/${list}` as '/api/v1/actions';
const onePath = (kind: Kind) => `/api/v1/${kind}/{ref}` as '/api/v1/actions/{ref}';

const PAGE = 50;

/** A list that the server filters. @param list last part of its path, and its subject */
export const listQuery = <T>(list: string, filter: Filter = {}, limit = PAGE) =>
  infiniteQueryOptions({
    queryKey: [list, 'list', filter, limit],
    queryFn: ({ pageParam }) =>
      answer<Page<T>>(
        client.GET(listPath(list), { params: { query: { ...filter, limit, cursor: pageParam } } }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    // What was seen stays until the next answer is there: nothing flickers.
    placeholderData: (before) => before,
  });

/** Definitions of a kind, searched by the server. */
export const definitionsQuery = <T>(kind: Kind, filter: Filter) => listQuery<T>(kind, filter);

/** How many there are: `isMore` where there are more than can be counted. */
export const countQuery = (list: string, filter: Filter) =>
  queryOptions({
    queryKey: [list, 'count', filter],
    queryFn: async (): Promise<{ count: number; isMore: boolean }> => {
      const read = (page: object) =>
        client.GET(listPath(list), { params: { query: { ...filter, ...page } } });
      const first = await answer<Page<unknown>>(read({ limit: 500 }));
      const { total, totalAtLeast, nextCursor } = first;
      if (total !== undefined) return { count: total, isMore: false };
      if (totalAtLeast !== undefined) return { count: totalAtLeast, isMore: true };
      if (nextCursor === undefined) return { count: first.items.length, isMore: false };
      const count = (await everything<unknown>(read)).length;
      return { count, isMore: count >= COUNTED_AT_MOST };
    },
    // It is told before something is done to all of them: as it is now.
    staleTime: 0,
    gcTime: 0,
  });

const COUNTED_AT_MOST = 10_000;

/** One definition, as it is shown. */
export const definitionQuery = <T>(kind: Kind, ref: string) =>
  queryOptions({
    queryKey: [kind, 'one', ref],
    queryFn: () => answer<T>(client.GET(onePath(kind), { params: { path: { ref } } })),
  });

/** One definition with its version, for a form: not read again while it is edited. */
export const editedQuery = <T>(kind: Kind, ref: string) =>
  queryOptions({
    queryKey: [editedKey(kind), ref],
    queryFn: () => versioned<T>(client.GET(onePath(kind), { params: { path: { ref } } })),
    refetchInterval: false,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
    staleTime: 0,
    gcTime: 0,
  });

/** What of a stored definition a form needs to replace it. */
export interface StoredVersion {
  id: string;
  etag: string | null;
}

/** Creates a definition, or replaces the version that was read. */
export function saveDefinition<T>(kind: Kind, given: object, stored: StoredVersion | undefined): Promise<T> {
  const body = given as never;
  if (stored === undefined) return answer<T>(client.POST(listPath(kind), { body }));
  const header = stored.etag === null ? {} : { 'If-Match': stored.etag };
  return answer<T>(client.PUT(onePath(kind), { params: { path: { ref: stored.id }, header }, body }));
}

export const deleteDefinition = (kind: Kind, id: string): Promise<void> =>
  answer<void>(client.DELETE(onePath(kind), { params: { path: { ref: id } } }));
