/** Texts of Server-Sent Events (WHATWG HTML, 9.2). */
import type { Scope } from '../common/caller';
import { dataFor, type Change } from './change';
import { textOf, type Position } from './position';

/** An event; data is one line, as JSON has no others. */
const frame = (event: string, id: string, data: object): string =>
  `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;

/** Returns the events of changes as who has these scopes may see them; empty where they may see none. */
export function framesFor(
  changes: readonly Change[],
  ids: readonly string[],
  scopes: readonly Scope[] | null,
): string {
  return changes
    .map((change, index) => {
      const data = dataFor(change, scopes);
      return data === undefined ? '' : frame(change.type, ids[index]!, data);
    })
    .join('');
}

/** An event that says: what was known may be old; read it again. */
export function resyncFrame(position: Position): string {
  const id = textOf(position);
  return frame('resync', id, { type: 'resync', id });
}

/**
 * A sign of life. The id without data is no event; it is what a client goes on from, however long nothing has happened
 * that it may see.
 */
export const lifeFrame = (position: Position): string => `: alive\nid: ${textOf(position)}\n\n`;
