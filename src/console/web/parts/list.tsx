/** A list of the API on a page: its rows so far, what stands in for none, and the way to more. */
import { Button, Group } from '@mantine/core';
import type { InfiniteData } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import type { Page } from '../api/shapes';
import { useFilters } from '../app/filters';
import { Empty, Failure, Waiting } from './page';

interface Listed<T> {
  data: InfiniteData<Page<T>, unknown> | undefined;
  error: unknown;
  isPending: boolean;
  hasNextPage: boolean;
  isFetchingNextPage: boolean;
  fetchNextPage: () => Promise<unknown>;
}

interface ListProps<T> {
  list: Listed<T>;
  /** Word for many of it: "actions". */
  what: string;
  /** What an empty list teaches. */
  teach: ReactNode;
  children: (items: T[]) => ReactNode;
}

export function List<T>({ list, what, teach, children }: ListProps<T>) {
  const [filters] = useFilters();
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const isFiltered = Object.keys(filters).length > 0;
  return (
    <>
      <Failure error={list.error} />
      {list.isPending ? <Waiting /> : null}
      {list.data !== undefined && items.length === 0 ? (
        isFiltered ? (
          <Empty title={`No ${what} fit`}>Other filters may show some.</Empty>
        ) : (
          <Empty title={`No ${what} yet`}>{teach}</Empty>
        )
      ) : null}
      {items.length > 0 ? children(items) : null}
      {items.length > 0 ? (
        <Group justify="space-between">
          <span role="status">{countWords(items.length, what, list)}</span>
          <More list={list} />
        </Group>
      ) : null}
    </>
  );
}

function countWords<T>(shown: number, what: string, { data, hasNextPage }: Listed<T>): string {
  const { total, totalAtLeast } = data?.pages[0] ?? {};
  if (total !== undefined && total >= shown) return `${shown} of ${total} ${what}`;
  if (totalAtLeast !== undefined) return `${shown} of more than ${totalAtLeast} ${what}`;
  return hasNextPage ? `the first ${shown} ${what}` : `${shown} ${what}`;
}

interface MoreProps {
  list: Pick<Listed<never>, 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'>;
}

/** Button that reads the next page of a list, where there is one. */
export const More = ({ list }: MoreProps) =>
  list.hasNextPage ? (
    <Button variant="default" onClick={() => void list.fetchNextPage()} aria-busy={list.isFetchingNextPage}>
      Show more
    </Button>
  ) : null;
