import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import type { Search } from './search';

/** Filters of the page, which stand in its URL. What is set to undefined leaves it. */
export function useFilters(): [filters: Search, change: (filters: Search) => void] {
  const filters: Search = useSearch({ strict: false });
  const navigate = useNavigate();
  // Typing is no way through pages that "back" should take.
  const change = (changed: Search) =>
    void navigate({ to: '.', search: { ...filters, ...changed }, replace: true });
  return [filters, change];
}

/** Returns a filter that has one value. */
export const one = (value: string | string[] | undefined): string | undefined =>
  Array.isArray(value) ? value[0] : value;

/** Name of the thing that the page's path leads to. */
export function useName(): string {
  const { name }: { name?: string } = useParams({ strict: false });
  if (name === undefined) throw new Error('the path of this page has no name');
  return name;
}
