/** Answers about contacts: who is told, and what became of what they were to be told. */
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { answer, client } from './client';
import type { Filter } from './lists';
import type { Contact, Notice, Page, Shape } from './shapes';

/** Event -> word for many of it, and what happens. */
export const EVENTS: Record<Contact['events'][number], [words: string, happens: string]> = {
  approval: ['Approvals', 'An execution waits for approval'],
  failed: ['Failures', 'An execution failed'],
  unknown: ['Unknown ends', 'Nobody knows how an execution ended'],
  blind: ['Blind services', 'A service can’t be judged: nothing is read of it, or nobody polls it'],
  flapping: ['Flapping', 'A rule is frozen, as its infrastructure went up and down too often'],
  silent_source: ['Silent sources', 'A source is silent for longer than it may be'],
  refused_sender: ['Refused senders', 'A sender of alerts or SNMP notifications is refused'],
  silence_ending: ['Silences that end', 'A tenth of a silence’s time is left'],
};

export const NOTICE_STATUS: Record<Notice['status'], string> = {
  waiting: 'Waiting',
  told: 'Told',
  left_out: 'Left out',
};

const PAGE = 50;

/** What a contact was told, waits for and was not told, newest first, a page at a time. */
export const noticesQuery = (ref: string, filter: Filter) =>
  infiniteQueryOptions({
    queryKey: ['contacts', ref, 'notices', filter],
    queryFn: ({ pageParam: cursor }) =>
      answer<Page<Notice>>(
        client.GET('/api/v1/contacts/{ref}/notices', {
          params: { path: { ref }, query: { ...filter, limit: PAGE, cursor } },
        }),
      ),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    placeholderData: (before) => before,
    // No event tells of a notice that begins to wait.
    refetchInterval: 5_000,
  });

/** Next windows of a schedule, before a contact has it. */
export const contactWindowsQuery = (schedule: object) =>
  queryOptions({
    queryKey: ['contacts', 'preview', schedule],
    queryFn: () =>
      answer<Shape<'ContactPreview'>>(
        client.POST('/api/v1/contacts/preview', { body: { schedule } as never }),
      ),
    placeholderData: (before) => before,
    refetchInterval: 60_000,
    retry: false,
  });
