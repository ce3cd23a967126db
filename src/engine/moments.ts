import type { Moment, Scalings, State } from './types';

/** Fields of a state that never lie in the future. */
export const PAST = [
  'since',
  'pendingSince',
  'trueSince',
  'breachFrom',
  'lastTriggeredAt',
  'firstTriggeredAt',
  'expectFrom',
  'wisdomFrom',
  'seenAt',
  'staleSince',
  'missingFrom',
] as const satisfies readonly (keyof State)[];

/** Longest time a freeze lasts, milliseconds. */
const FREEZE_MS = 3_600_000;

/** Parts of a state, by their paths, whose beginnings never lie in the future either. */
export const BEGUN = ['waits,act', 'waits,tell', 'acknowledged'] as const;

/** Tells whether a moment in the state lies after `latest`. */
export function isAhead(state: State, latest: Moment): boolean {
  for (const name of PAST) if ((state[name] ?? 0) > latest) return true;
  const { waits, acknowledged } = state;
  if (waits === undefined && acknowledged === undefined) return false;
  return [waits?.act?.from, waits?.tell?.from, acknowledged?.from].some((at) => (at ?? 0) > latest);
}

/**
 * Returns the state with every moment after `to` set to `to`, so that no hold, wisdom time or acknowledgement lasts
 * longer than it would from then on. A silence that has not begun is waited out no longer.
 */
export function setBack(state: State, to: Moment): State {
  const changed: Partial<Record<(typeof PAST)[number], Moment>> = {};
  for (const name of PAST) if ((state[name] ?? 0) > to) changed[name] = to;
  return { ...state, ...changed, ...waitsBy(state, to), ...acknowledgedBy(state, to) };
}

function waitsBy({ waits }: State, to: Moment): Pick<State, 'waits'> | undefined {
  const begun = Object.entries(waits ?? {}).filter(([, silence]) => silence.from <= to);
  if (waits === undefined || begun.length === Object.keys(waits).length) return undefined;
  return { waits: begun.length === 0 ? undefined : Object.fromEntries(begun) };
}

function acknowledgedBy({ acknowledged }: State, to: Moment): Pick<State, 'acknowledged'> | undefined {
  if (acknowledged === undefined || acknowledged.from <= to) return undefined;
  const { from, until } = acknowledged;
  return { acknowledged: { ...acknowledged, from: to, until: to + (until - from) } };
}

/**
 * Does the same as `setBack` for what is remembered of an infrastructure; returns the same object when nothing lies
 * after `latest`.
 */
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
