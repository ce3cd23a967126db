import type { Moment, Observation, Rule, SilenceWindow, State } from './types';

/** What silences do to a rule. Pure, as the engine it is part of. */

/** Two things that a silence may mute: triggers, and telling further while an alarm lasts. */
export type Muted = 'act' | 'tell';

/** Silence that mutes a rule at a moment. */
export interface Silencing {
  readonly silence: SilenceWindow;
  /**
   * `active`: it is not over. `grace`: it ended less than an interval ago. `waits`: it is over, and the breach it
   * covered waits for its own end.
   */
  readonly is: 'active' | 'grace' | 'waits';
}

/** Tells whether a silence mutes something of a rule. */
export function mutes({ mutes }: SilenceWindow, of: Muted, { scaling }: Pick<Rule, 'scaling'>): boolean {
  if (mutes === 'actions') return true;
  return mutes === 'notifications' ? of === 'tell' : of === 'act' && scaling?.direction === 'down';
}

/**
 * Returns the silence that mutes a rule: of those that are active the one that lasts longest. A breach that was seen
 * before the end of a silence acts an interval after it at the earliest, or never, as the silence says.
 */
export function silencingOf(
  rule: Rule,
  { breachFrom, waits }: Pick<State, 'breachFrom' | 'waits'>,
  silences: Observation['silences'],
  of: Muted,
  now: Moment,
): Silencing | undefined {
  let active: SilenceWindow | undefined;
  let ended: SilenceWindow | undefined;
  for (const silence of silences ?? NONE) {
    if (silence.from > now || !mutes(silence, of, rule)) continue;
    if (now < silence.until) {
      if (active === undefined || silence.until > active.until) active = silence;
    } else if (silence.onEnd === 'act' && now < silence.until + (rule.graceMs ?? 0)) {
      const isCovered = breachFrom !== undefined && breachFrom < silence.until;
      if (isCovered && (ended === undefined || silence.until > ended.until)) ended = silence;
    }
  }
  if (active !== undefined) return { silence: active, is: 'active' };
  if (waits?.[of] !== undefined) return { silence: waits[of], is: 'waits' };
  return ended && { silence: ended, is: 'grace' };
}

/**
 * Returns what a breach waits out after an evaluation: silences that have covered it and do not let it act at their
 * end. The same object where nothing changes.
 */
export function waitsAfter(
  rule: Rule,
  before: State['waits'],
  breachFrom: Moment,
  silences: Observation['silences'],
  now: Moment,
): State['waits'] {
  let after = before && stillWaited(rule, before, silences ?? NONE, now);
  for (const silence of silences ?? NONE) {
    const covers = silence.from <= now && breachFrom < silence.until;
    if (silence.onEnd !== 'wait' || !covers) continue;
    for (const muted of MUTED) {
      if (mutes(silence, muted, rule) && isNewer(silence, after?.[muted]))
        after = { ...after, [muted]: silence };
    }
  }
  return after;
}

/** Returns what is waited out once silences may have been changed: one that lets a breach act now is not. */
function stillWaited(
  rule: Rule,
  before: NonNullable<State['waits']>,
  silences: readonly SilenceWindow[],
  now: Moment,
): State['waits'] {
  let after: State['waits'] = before;
  for (const muted of MUTED) {
    const known = before[muted];
    if (known === undefined) continue;
    const told = silences.find(({ id }) => id === known.id);
    if (told !== undefined && (told.onEnd === 'act' || !mutes(told, muted, rule)))
      after = { ...after, [muted]: undefined };
    // It covers the service no more.
    else if (told === undefined && known.until > now) after = { ...after, [muted]: { ...known, until: now } };
  }
  return after.act === undefined && after.tell === undefined ? undefined : after;
}

/** Tells whether a silence takes the place of the one that is known: it lasts longer, or its own end was changed. */
function isNewer(silence: SilenceWindow, known: SilenceWindow | undefined): boolean {
  if (known === undefined) return true;
  return known.id === silence.id && known.from === silence.from
    ? known.until !== silence.until
    : known.until < silence.until;
}

const MUTED: readonly Muted[] = ['act', 'tell'];

/** Returns the moment at which what a silence mutes may act; undefined where that takes a fresh breach. */
export function actsAt({ graceMs = 0 }: Rule, { silence, is }: Silencing): Moment | undefined {
  return is === 'waits' || silence.onEnd === 'wait' ? undefined : silence.until + graceMs;
}

const NONE: readonly never[] = [];
