import type { Moment, Scalings, State } from './types';

/** Moments that lie in the past, or are now, whatever the state. */
export const PAST = [
  'since',
  'pendingSince',
  'trueSince',
  'lastTriggeredAt',
  'firstTriggeredAt',
  'expectFrom',
  'wisdomFrom',
  'seenAt',
  'staleSince',
  'missingFrom',
] as const satisfies readonly (keyof State)[];

/** The longest that a freeze lasts. */
const FREEZE_MS = 3_600_000;

/** Does something in a state lie after a moment that nothing may lie after? */
export function isAhead(state: State, latest: Moment): boolean {
  for (const name of PAST) if ((state[name] ?? 0) > latest) return true;
  return false;
}

/** The state with nothing of it after `to`: what is to last for a time from a moment on lasts no longer than that from then. */
export function setBack(state: State, to: Moment): State {
  const changed: Partial<Record<(typeof PAST)[number], Moment>> = {};
  for (const name of PAST) if ((state[name] ?? 0) > to) changed[name] = to;
  return { ...state, ...changed };
}

/** The same of what is remembered of an infrastructure; the very same when nothing lies after `latest`. */
export function scalingsBy(scalings: Scalings, latest: Moment, to: Moment): Scalings {
  const { lastAt, directionChanges, frozenUntil } = scalings;
  const isFrozenTooLong = (frozenUntil ?? 0) > latest + FREEZE_MS;
  const moments = [lastAt.up ?? 0, lastAt.down ?? 0, ...directionChanges];
  if (!isFrozenTooLong && moments.every((at) => at <= latest)) return scalings;
  const past = (at: Moment | undefined) => (at === undefined ? undefined : Math.min(at, to));
  return {
    ...scalings,
    lastAt: { up: past(lastAt.up), down: past(lastAt.down) },
    directionChanges: directionChanges.map((at) => Math.min(at, to)),
    frozenUntil: isFrozenTooLong ? to + FREEZE_MS : frozenUntil,
  };
}
