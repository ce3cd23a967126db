/** Filters of lists, which stand in the URL. */
import { Button, Group, NativeSelect, TextInput } from '@mantine/core';
import { useEffect, useState, type ReactNode } from 'react';
import { one, useFilters } from '../app/filters';
import { useSettled } from '../app/settled';
import { useStore } from '../app/store';
import { zone, type Zone } from '../app/preferences';

/** What is typed is in the box at once, and in the URL when typing rests. */
function useTyped(name: string): [text: string, type: (text: string) => void] {
  const [filters, change] = useFilters();
  const inUrl = one(filters[name]) ?? '';
  const [text, setText] = useState(inUrl);
  const settled = useSettled(text, 250);
  useEffect(() => {
    if (settled === text && settled !== inUrl) change({ [name]: settled || undefined });
    // The URL changes by this alone while one types.
  }, [settled]);
  // Changed from outside: "back", a link, "Clear the filters".
  useEffect(() => setText((typed) => (typed.trim() === inUrl.trim() ? typed : inUrl)), [inUrl]);
  return [text, setText];
}

interface TextFilterProps {
  /** Name of the filter in the URL. */
  name: string;
  label: string;
  description?: string;
  placeholder?: string;
  isSearch?: boolean;
}

export function TextFilter({ name, isSearch = false, ...props }: TextFilterProps) {
  const [text, type] = useTyped(name);
  return (
    <TextInput
      {...props}
      {...(isSearch ? { type: 'search', 'data-search': '', style: { flex: '1 1 220px' } } : {})}
      value={text}
      onChange={(event) => type(event.currentTarget.value)}
    />
  );
}

export const SearchBox = ({ description }: { description: string }) => (
  <TextFilter name="search" label="Search" description={description} isSearch />
);

interface ChoiceFilterProps {
  name: string;
  label: string;
  /** Value -> word; what is not chosen is "Any". */
  words: Record<string, string>;
}

export function ChoiceFilter({ name, label, words }: ChoiceFilterProps) {
  const [filters, change] = useFilters();
  return (
    <NativeSelect
      label={label}
      data={[
        { value: '', label: 'Any' },
        ...Object.entries(words).map(([value, word]) => ({ value, label: word })),
      ]}
      value={one(filters[name]) ?? ''}
      onChange={(event) => change({ [name]: event.currentTarget.value || undefined })}
    />
  );
}

/** A stretch of time: `from` and `to` in the URL, in UTC; typed in the zone one has chosen. */
export function RangeFilter() {
  return (
    <>
      <MomentFilter name="from" label="From" />
      <MomentFilter name="to" label="To" />
    </>
  );
}

function MomentFilter({ name, label }: { name: string; label: string }) {
  const [filters, change] = useFilters();
  const chosen = useStore(zone);
  return (
    <TextInput
      type="datetime-local"
      label={`${label} (${chosen === 'utc' ? 'UTC' : 'local'})`}
      value={shown(one(filters[name]), chosen)}
      onChange={(event) => change({ [name]: moment(event.currentTarget.value, chosen) })}
    />
  );
}

/** Writes a moment as `datetime-local` has it. */
export function shown(at: string | undefined, chosen: Zone): string {
  const time = Date.parse(at ?? '');
  if (Number.isNaN(time)) return '';
  const offsetMs = chosen === 'utc' ? 0 : new Date(time).getTimezoneOffset() * 60_000;
  return new Date(time - offsetMs).toISOString().slice(0, 16);
}

/** Reads what `datetime-local` holds. */
export function moment(text: string, chosen: Zone): string | undefined {
  const time = Date.parse(text + (chosen === 'utc' ? 'Z' : ''));
  return Number.isNaN(time) ? undefined : new Date(time).toISOString();
}

/** The filters of a list, side by side, and the way back to all of it. */
export function Filters({ children }: { children: ReactNode }) {
  const [filters, change] = useFilters();
  const names = Object.keys(filters);
  return (
    <Group gap="sm" align="flex-end" role="group" aria-label="Filters">
      {children}
      {names.length === 0 ? null : (
        <Button
          variant="subtle"
          px="xs"
          onClick={() => change(Object.fromEntries(names.map((name) => [name, undefined])))}
        >
          Clear the filters
        </Button>
      )}
    </Group>
  );
}
