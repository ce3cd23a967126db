/**
 * What keeps pages up to date. What a change concerns is read again when the API tells of it (`GET /api/v1/events`); while it
 * does not, everything on the page is, every few seconds. Queries need do nothing for it but name their subject first in
 * their key: `['services', …]`.
 */
import type { QueryClient } from '@tanstack/react-query';
import { isEdited } from '../api/edited';
import { Problem } from '../api/problem';
import { below } from './base';
import { noteLife } from './life';

const POLL_MS = 3_000;
/** Time after a change in which others that come with it are waited for, milliseconds. */
const SOON_MS = 300;
/** Time from one reading to the next while changes keep coming, milliseconds. */
const GATHER_MS = 1_000;
/** Time from the first page to its stream, milliseconds: all is read again when it opens, and the page comes first. */
const FIRST_MS = 1_000;
/** Interval at which a stream that was refused is tried again. */
const AGAIN_MS = 5_000;

/** Event -> subjects of the queries that it makes old. */
const CONCERNS: Record<string, string[]> = {
  state: ['services', 'infrastructures'],
  execution: ['executions', 'services', 'contacts'],
  alert: ['alerts', 'sources'],
  definition: ['services', 'actions', 'infrastructures', 'sources', 'contacts'],
  silence: ['silences', 'services'],
  killSwitch: ['kill-switch', 'services'],
};

let isTold = false;

/** Interval at which a query is read again, milliseconds; false where changes are told. */
export const refetchInterval = ({ state }: { state: { error: unknown } }): number | false =>
  isTold && !isPassing(state.error) ? false : POLL_MS;

/** Tells whether an error is one of the moment. Nothing else would have it read again: what was told of is told of once. */
const isPassing = (error: unknown): boolean =>
  error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);

/**
 * Listens while the page is seen and somebody is signed in. A browser has few connections to one server, so tabs in the
 * background hold none; a connection that breaks off it makes again by itself, with the last id that it saw.
 */
export function listen(queries: QueryClient): void {
  let source: EventSource | undefined;
  let isDue = false;
  let isWaiting = false;
  const begin = () => {
    const isSignedIn = queries.getQueryState(['session'])?.status === 'success';
    if (source !== undefined || !isSignedIn || document.hidden) return;
    if (isDue) source = streamFor(queries, close);
    else if (!isWaiting) {
      isWaiting = true;
      window.setTimeout(() => {
        isDue = true;
        begin();
      }, FIRST_MS);
    }
  };
  const close = () => {
    source?.close();
    source = undefined;
    isTold = false;
  };
  document.addEventListener('visibilitychange', () => (document.hidden ? close() : begin()));
  window.setInterval(begin, AGAIN_MS);
  queries.getQueryCache().subscribe(({ query }) => {
    const [subject] = query.queryKey as unknown[];
    if (subject === 'session') begin();
  });
}

/** Opens a stream. @param refused called when the server does not let it in */
function streamFor(queries: QueryClient, refused: () => void): EventSource {
  const readAgain = gathering(queries);
  const source = new EventSource(below('/api/v1/events'));
  source.onopen = () => {
    isTold = true;
    noteLife();
    // Whatever happened meanwhile.
    void readAll(queries);
  };
  source.onerror = () => {
    isTold = false;
    if (source.readyState === EventSource.CLOSED) refused();
    // What is read again is polled from then on.
    void readAll(queries);
  };
  for (const [event, subjects] of Object.entries(CONCERNS))
    source.addEventListener(event, () => {
      noteLife();
      readAgain(subjects);
    });
  source.addEventListener('resync', () => void queries.invalidateQueries());
  return source;
}

/** Has everything read again but what is in a form. */
const readAll = (queries: QueryClient): Promise<void> =>
  queries.invalidateQueries({ predicate: (query) => !isEdited(query) });

/**
 * Returns a function that has subjects read again, those of one moment together. While one reading is under way, none
 * begins: it would end the other, and where answers are slow none would ever come.
 */
function gathering(queries: QueryClient): (subjects: readonly string[]) => void {
  const old = new Set<string>();
  let isReading = false;
  const readAgain = async () => {
    isReading = true;
    try {
      for (let waitMs = SOON_MS; old.size > 0; waitMs = GATHER_MS) {
        await new Promise((resolve) => setTimeout(resolve, waitMs));
        const subjects = [...old];
        old.clear();
        await Promise.all(subjects.map((subject) => queries.invalidateQueries({ queryKey: [subject] })));
      }
    } finally {
      isReading = false;
    }
  };
  return (subjects) => {
    for (const subject of subjects) old.add(subject);
    if (!isReading) void readAgain();
  };
}
