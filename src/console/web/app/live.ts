/**
 * What keeps pages up to date. What a change concerns is read again when the API tells of it (`GET /api/v1/events`); while it
 * does not, everything on the page is, every few seconds. Queries need do nothing for it but name their subject first in
 * their key: `['services', …]`.
 */
import type { QueryClient } from '@tanstack/react-query';
import { below } from './base';
import { noteLife } from './life';

const POLL_MS = 3_000;
/** Many changes come at once: they are read together, this often. */
const GATHER_MS = 500;
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
export const refetchInterval = (): number | false => (isTold ? false : POLL_MS);

/**
 * Listens while the page is seen and somebody is signed in. A browser has few connections to one server, so tabs in the
 * background hold none; a connection that breaks off it makes again by itself, with the last id that it saw.
 */
export function listen(queries: QueryClient): void {
  let source: EventSource | undefined;
  const begin = () => {
    const isSignedIn = queries.getQueryState(['session'])?.status === 'success';
    if (source === undefined && isSignedIn && !document.hidden) source = streamFor(queries, close);
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
    void queries.invalidateQueries();
  };
  source.onerror = () => {
    isTold = false;
    if (source.readyState === EventSource.CLOSED) refused();
    // What is read again is polled from then on.
    void queries.invalidateQueries();
  };
  for (const [event, subjects] of Object.entries(CONCERNS))
    source.addEventListener(event, () => {
      noteLife();
      readAgain(subjects);
    });
  source.addEventListener('resync', () => void queries.invalidateQueries());
  return source;
}

/** Returns a function that has subjects read again, those of half a second together. */
function gathering(queries: QueryClient): (subjects: readonly string[]) => void {
  const old = new Set<string>();
  let timer: number | undefined;
  return (subjects) => {
    for (const subject of subjects) old.add(subject);
    timer ??= window.setTimeout(() => {
      timer = undefined;
      for (const subject of old) void queries.invalidateQueries({ queryKey: [subject] });
      old.clear();
    }, GATHER_MS);
  };
}
