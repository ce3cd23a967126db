import type { Capacity, Moment } from './types';

/**
 * A change of the number of nodes that a trigger asked for and no count has shown in full yet. What was asked for
 * together is one wished number, the `desired` of the last of them: a count that comes nearer to it has shown as much.
 */
export interface Ask {
  readonly trigger: string;
  /** Nodes more, or fewer where negative. */
  readonly delta: number;
  /** How many nodes there are to be, with this and all that was asked for before it. */
  readonly desired: number;
  /** What of `delta` no count has shown. */
  readonly left: number;
  readonly state: AskState;
}

export type AskState =
  /** A person has not approved it: nobody was asked yet. */
  | { readonly is: 'unapproved' }
  | { readonly is: 'under_way' }
  /** Done at that moment, as far as anybody can tell. */
  | { readonly is: 'done'; readonly at: Moment }
  /** Surely not done: it failed, or was cancelled. */
  | { readonly is: 'void' };

/** A count of nodes: whatever was done after `at` may not be in it. */
export interface Count {
  readonly nodes: number;
  readonly at: Moment;
}

/** What there is of an infrastructure, by a count and by what was asked for. */
export interface Standing {
  readonly capacity: Capacity & { readonly known: true };
  /** The asks as they are after this count; those of which nothing is left are over. */
  readonly asks: readonly Ask[];
}

/**
 * What of the asks is still to come, by a count. An ask counts until the counter shows it or its warm-up is over. Nodes
 * in flight are never more than what is left of the asks, and never beside a count that holds them already: the number
 * in effect lies between the count and the wished number.
 *
 * @param asks in the order in which they were asked
 * @param warmupMs how long a counter may take to show what was done
 */
export function standingOf(asks: readonly Ask[], count: Count, warmupMs: Moment, now: Moment): Standing {
  const valid = withoutVoid(asks);
  const isOver = ({ state }: Ask) =>
    state.is === 'done' && state.at <= count.at && state.at <= now - warmupMs;
  const unapproved = valid.filter(({ state }) => state.is === 'unapproved');
  const coming = valid.filter((ask) => ask.state.is !== 'unapproved' && ask.left !== 0 && !isOver(ask));
  const wished = coming.at(-1)?.desired ?? count.nodes;
  const { up, down } = totals(coming);
  const inFlight = Math.min(up, Math.max(down, wished - count.nodes));
  return {
    capacity: { known: true, current: count.nodes, inFlight, unapproved: totals(unapproved) },
    asks: [...shown(coming, inFlight, up, down), ...unapproved],
  };
}

/** Those that were asked while a void one still counted had it in their wished number. */
function withoutVoid(asks: readonly Ask[]): Ask[] {
  let lost = 0;
  return asks.flatMap((ask) => {
    if (ask.state.is === 'void') {
      lost += ask.delta;
      return [];
    }
    return lost === 0 || ask.state.is === 'unapproved' ? [ask] : [{ ...ask, desired: ask.desired - lost }];
  });
}

/**
 * What the count has shown is left out, of the oldest first, so that a node that came and went again by itself is not
 * waited for anew. Where some go up and others down, the count can't tell which of them it shows.
 */
function shown(coming: readonly Ask[], inFlight: number, up: number, down: number): Ask[] {
  if (up !== 0 && down !== 0) return [...coming];
  let toShow = Math.abs(up + down - inFlight);
  return coming.flatMap((ask) => {
    const shows = Math.min(toShow, Math.abs(ask.left));
    toShow -= shows;
    const left = ask.left - Math.sign(ask.left) * shows;
    return left === 0 ? [] : [left === ask.left ? ask : { ...ask, left }];
  });
}

/** Nodes still to come and, negative, still to leave. */
function totals(asks: readonly Ask[]): { up: number; down: number } {
  let [up, down] = [0, 0];
  for (const { left } of asks) {
    if (left > 0) up += left;
    else down += left;
  }
  return { up, down };
}
