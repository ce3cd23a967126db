/** What is told of: rows that a transaction has written, and who may hear of each. */
import { isWithin, type Scope } from '../common/caller';
import type { Placed } from './position';

export const EVENTS = ['state', 'execution', 'alert', 'definition', 'silence', 'killSwitch'] as const;
export type EventType = (typeof EVENTS)[number];

/** Face of a changed thing: its labels, and what is told to those who see things with such labels. */
export interface Face {
  /** Null where only readers without a scope see it. */
  labels: Readonly<Record<string, string>> | null;
  /** Facts that only who sees this face may know. */
  facts?: Readonly<Record<string, unknown>>;
}

/** Change of something that people see. */
export interface Change extends Placed {
  type: EventType;
  id: string;
  facts: Readonly<Record<string, unknown>>;
  /** Faces that it has or had, the newest first; undefined for what every reader sees. */
  faces?: readonly Face[];
}

/**
 * Returns the data of the event of a change, as who has these scopes may see it; undefined where they may not.
 *
 * @param scopes of the reader; null for everything
 */
export function dataFor(
  { type, id, facts, faces }: Change,
  scopes: readonly Scope[] | null,
): object | undefined {
  if (faces === undefined) return { type, id, ...facts };
  if (scopes === null) return { type, id, ...facts, ...faces[0]?.facts };
  const seen = faces.findIndex(({ labels }) => labels !== null && isWithin(labels, scopes));
  if (seen === -1) return undefined;
  // Whoever sees only what it was has lost it.
  const isLost = type === 'definition' && seen > 0;
  return { type, id, ...facts, ...faces[seen]!.facts, ...(isLost ? { change: 'deleted' } : {}) };
}
