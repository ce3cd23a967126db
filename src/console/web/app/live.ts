/**
 * What keeps pages up to date. Where the API tells of changes (`GET /api/v1/events`), what a change concerns is read
 * again when it happens; else everything on the page is, every few seconds. Queries need do nothing for it but name
 * their subject first in their key: `['services', …]`.
 */
import type { QueryClient } from '@tanstack/react-query';
import { HAS_EVENTS } from '../api/capabilities';
import { below } from './base';
import { noteLife } from './life';

const POLL_MS = 3_000;
/** Many changes come at once: they are read together, this often. */
const GATHER_MS = 500;

/** Event -> subjects of the queries that it makes old. */
const CONCERNS: Record<string, string[]> = {
  state: ['services', 'infrastructures'],
  execution: ['executions', 'services'],
  alert: ['alerts', 'sources'],
  definition: ['services', 'actions', 'infrastructures', 'sources'],
  silence: ['silences', 'services'],
  killSwitch: ['kill-switch', 'services'],
};

let isTold = false;

/** Interval at which a query is read again, milliseconds; false where changes are told. */
export const refetchInterval = (): number | false => (isTold ? false : POLL_MS);

/** Listens for as long as the page is open; browsers connect again by themselves, with the last id they saw. */
export function listen(queries: QueryClient): void {
  if (!HAS_EVENTS) return;
  const old = new Set<string>();
  let timer: number | undefined;
  const readAgain = (subjects: readonly string[]) => {
    for (const subject of subjects) old.add(subject);
    timer ??= window.setTimeout(() => {
      timer = undefined;
      for (const subject of old) void queries.invalidateQueries({ queryKey: [subject] });
      old.clear();
    }, GATHER_MS);
  };
  const source = new EventSource(below('/api/v1/events'));
  source.onopen = () => {
    isTold = true;
    noteLife();
    // Whatever happened meanwhile.
    void queries.invalidateQueries();
  };
  source.onerror = () => {
    isTold = false;
  };
  for (const [event, subjects] of Object.entries(CONCERNS))
    source.addEventListener(event, () => {
      noteLife();
      readAgain(subjects);
    });
  source.addEventListener('resync', () => void queries.invalidateQueries());
}
