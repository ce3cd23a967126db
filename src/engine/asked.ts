import type { Capacity, Moment } from './types';

/**
 * A change of the number of nodes that a trigger asked for and that no count has shown in full yet.
 *
 * Asks add up to one desired number, the `desired` of the newest of them; a count that comes nearer to it shows that
 * much of them as done.
 */
export interface Ask {
  readonly trigger: string;
  /** Number of nodes added; negative where nodes are removed. */
  readonly delta: number;
  /** Number of nodes there are to be, with this ask and all asked for before it. */
  readonly desired: number;
  /** Part of `delta` that no count has shown yet. */
  readonly left: number;
  readonly state: AskState;
}

export type AskState =
  /** Waiting for a person's approval: nothing has been requested of the infrastructure yet. */
  | { readonly is: 'unapproved' }
  | { readonly is: 'under_way' }
  /** Done at that moment, as far as can be told. */
  | { readonly is: 'done'; readonly at: Moment }
  /** Certainly not done: it failed, or was cancelled. */
  | { readonly is: 'void' };

/** A count of nodes; it may not include what was done after `at`. */
export interface Count {
  readonly nodes: number;
  readonly at: Moment;
}

/** Capacity of an infrastructure, worked out from a count and from what was asked for. */
export interface Standing {
  readonly capacity: Capacity & { readonly known: true };
  /** Asks that remain after this count; those shown in full are left out. */
  readonly asks: readonly Ask[];
}

/**
 * Works out from a count which of the asks are still to come. An ask is in flight until the counter shows it or its
 * warm-up is over. Nodes in flight are never more than what is left of the asks, and none are added to a count that
 * includes them already: the effective number lies between the count and the desired number.
 *
 * @param asks in the order in which they were asked
 * @param warmupMs longest time a counter takes to show what was done
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

/** Returns the asks without the void ones, whose delta is taken off the `desired` of the asks that came after them. */
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
 * Takes off the asks, oldest first, what the count has shown, so that a node that came and went again by itself is not
 * waited for anew. Leaves them unchanged where some go up and others down: a count can't tell which of them it shows.
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

/** Sums the nodes still to come (`up`) and those still to leave (`down`, negative). */
function totals(asks: readonly Ask[]): { up: number; down: number } {
  let [up, down] = [0, 0];
  for (const { left } of asks) {
    if (left > 0) up += left;
    else down += left;
  }
  return { up, down };
}
