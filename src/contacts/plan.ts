/**
 * Decision on what a contact is told now, what waits, and what is left out. Pure: facts and the time are handed in.
 */

const HOUR_MS = 3_600_000;
/** Time by which a moment may be ahead of now before it counts as left by a clock that was wrong. */
const AHEAD_AT_MOST_MS = 1_000;

/** Why a notice waits. `group` and `limit` are of the contact's own pace; the others keep it from being told at all. */
export const HOLDS = [
  'group',
  'limit',
  'schedule',
  'silence',
  'acknowledged',
  'kill_switch',
  'action',
] as const;
export type HoldWord = (typeof HOLDS)[number];

/** What keeps a notice from being told, with a sentence for whoever asks. */
export interface Hold {
  readonly by: HoldWord;
  readonly why: string;
}

/** Notice of which something is due: that it is so, or that it is over. */
export interface DueNotice {
  readonly id: string;
  /** True where the contact was told that it is so. */
  readonly isTold: boolean;
  readonly isOver: boolean;
  /** True where the contact asks for such things no more. */
  readonly isUnasked: boolean;
  /** What it waited for until now. */
  readonly waitsFor: HoldWord | null;
  /** What keeps it now; undefined where nothing does. */
  readonly hold?: Hold;
}

/** How fast a contact is told, and when it was. */
export interface Pace {
  readonly groupMs: number;
  readonly maxPerHour: number;
  /** Moments of its last messages, rising; those of the last hour matter. */
  readonly sentAt: readonly number[];
}

export interface Plan<N extends DueNotice> {
  /** What the message tells that is so, in the order given; empty with `over` where there is none. */
  readonly tells: readonly N[];
  /** What the message tells that is over. */
  readonly over: readonly N[];
  /** Notices that are told no more, with the reason; `counts` where the next message counts it. */
  readonly leaves: readonly { readonly notice: N; readonly why: string; readonly counts: boolean }[];
  /** Notices that wait, with what for. */
  readonly waits: readonly { readonly notice: N; readonly hold: Hold }[];
}

/**
 * Plans what a contact is told: the first thing at once, what follows after the group's time, and never more messages
 * in an hour than it wants. What is over before it was told is left out; what is over and was told is told, too.
 */
export function planFor<N extends DueNotice>(due: readonly N[], pace: Pace, now: number): Plan<N> {
  const leaves = due.flatMap((notice) => {
    const why = whyLeft(notice);
    return why === undefined ? [] : [{ notice, why, counts: isOfPace(notice.waitsFor) }];
  });
  const left = due.filter((notice) => whyLeft(notice) === undefined);
  const held = left.flatMap((notice) => (notice.hold === undefined ? [] : [{ notice, hold: notice.hold }]));
  const free = left.filter(({ hold }) => hold === undefined);
  const stop = free.length === 0 ? undefined : holdOf(pace, now);
  if (stop !== undefined)
    return {
      tells: [],
      over: [],
      leaves,
      waits: [...held, ...free.map((notice) => ({ notice, hold: stop }))],
    };
  return {
    tells: free.filter(({ isTold }) => !isTold),
    over: free.filter(({ isTold }) => isTold),
    leaves,
    waits: held,
  };
}

/** Returns why nothing is told of a notice any more; undefined where something is. */
function whyLeft({ isTold, isOver, isUnasked, waitsFor }: DueNotice): string | undefined {
  if (isUnasked) return 'the contact does not ask for it any more';
  if (isTold || !isOver) return undefined;
  return waitsFor === null
    ? 'it was over before it could be told'
    : `it was over before it could be told: ${WAITED[waitsFor]}`;
}

const WAITED: Record<HoldWord, string> = {
  group: 'it waited for the next message of its group',
  limit: 'as many messages as the contact wants in an hour were sent',
  schedule: 'it was out of the schedule of the contact',
  silence: 'a silence muted it',
  acknowledged: 'its alarm was acknowledged',
  kill_switch: 'the kill switch was on',
  action: 'the action of the contact could not tell',
};

const isOfPace = (word: HoldWord | null): boolean => word === 'group' || word === 'limit';

/** Returns what keeps a contact from another message now. */
function holdOf({ groupMs, maxPerHour, sentAt }: Pace, now: number): Hold | undefined {
  const lastHour = sentAt.filter((at) => at > now - HOUR_MS);
  const last = lastHour.at(-1);
  if (lastHour.length >= maxPerHour) {
    const until = lastHour[lastHour.length - maxPerHour]! + HOUR_MS;
    const why = `${maxPerHour} of ${maxPerHour} messages were sent in the last hour; the next may be at ${clock(until)}`;
    return { by: 'limit', why };
  }
  // Where a group takes longer than an hour, what was sent before the last one matters as well.
  const newest = last ?? sentAt.at(-1);
  if (newest !== undefined && now < newest + groupMs)
    return { by: 'group', why: `it is told with others at ${clock(newest + groupMs)}` };
  return undefined;
}

const clock = (at: number): string => `${new Date(at).toISOString().slice(11, 19)}Z`;

/** Returns the moments to keep, with one that is added; those that a wrong clock left ahead are taken for now. */
export function sentAfter(sentAt: readonly number[], now: number, isSent: boolean): number[] {
  const kept = sentAt.map((at) => (at > now + AHEAD_AT_MOST_MS ? now : at)).sort((one, other) => one - other);
  const all = isSent ? [...kept, now] : kept;
  const lastHour = all.filter((at) => at > now - HOUR_MS);
  // The newest is kept however old: the group goes by it.
  return lastHour.length > 0 ? lastHour : all.slice(-1);
}
