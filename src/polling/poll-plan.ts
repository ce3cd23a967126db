import { messageOf } from '../common/errors';
import type { JoinedGroups, PlannedGroup, PollPlan, Unreadable } from './planned';
import type { Polled } from './polled';

/**
 * Looks at the files that services name; comes before `planOf`. Returns undefined when there is nothing to wait for.
 */
export function look(services: readonly Polled[]): Promise<unknown> | undefined {
  const looks: Promise<void>[] = [];
  for (const polled of services) {
    if (keptPlan(polled) !== undefined) continue;
    const { reads } = polled;
    for (const metric in reads) {
      const looking = reads[metric]!.look();
      if (looking !== undefined) looks.push(looking);
    }
  }
  return looks.length === 0 ? undefined : Promise.all(looks);
}

/**
 * Returns the plan of a service. It is made once per version of a service, as a poll of a hundred thousand metrics
 * should do little but send.
 */
export function planOf(polled: Polled): PollPlan {
  const kept = keptPlan(polled);
  if (kept !== undefined) return kept;
  const { reads, nodesOf } = polled;
  const plan = planned(reads, nodesOf);
  let isFixed = true;
  for (const metric in reads) isFixed &&= reads[metric]!.isFixed;
  if (isFixed) polled.plan = plan;
  return plan;
}

/** A plan of other reads may have come with a copy of the service. */
const keptPlan = ({ plan, reads }: Polled): PollPlan | undefined =>
  plan?.reads === reads ? plan : undefined;

/**
 * Joins groups that go out together, two or more. What was made of the same groups at the last poll is taken again, so
 * that whoever asks can keep what it makes of the questions.
 */
export function joined(groups: readonly PlannedGroup[]): JoinedGroups {
  const first = groups[0]!;
  const known = first.joined;
  if (known?.groups.length === groups.length && known.groups.every((group, index) => group === groups[index]))
    return known;
  const numbers = new Map<string, number>();
  const params: object[] = [];
  const places: number[] = [];
  for (const group of groups) {
    const own = group.questions.map((question, index) => {
      let number = numbers.get(question);
      if (number === undefined) {
        number = params.push(group.params[index]!) - 1;
        numbers.set(question, number);
      }
      return number;
    });
    for (const ask of group.asks) places.push(own[ask]!);
  }
  first.joined = { groups, params, places };
  return first.joined;
}

const NONE: never[] = [];

function planned(reads: Polled['reads'], nodesOf: string | undefined): PollPlan {
  const groups = new Map<string, PlannedGroup>();
  const unreadable: Unreadable[] = [];
  for (const metric in reads) {
    const { type, timeoutMs } = reads[metric]!;
    try {
      const { group, question, params, strategy, asksForNodes } = reads[metric]!.open();
      const key = asksForNodes ? `${group}|${nodesOf}` : group;
      const planned = groups.get(key);
      if (planned === undefined) {
        // Lists of one: a list that grew from none would hold room for many.
        const [questions, all, metrics, asks] = [[question], [params], [metric], [0]];
        groups.set(key, {
          key,
          type,
          timeoutMs,
          strategy,
          asksForNodes,
          questions,
          params: all,
          metrics,
          asks,
        });
        continue;
      }
      let number = planned.questions.indexOf(question);
      if (number < 0) {
        number = planned.questions.push(question) - 1;
        planned.params.push(params);
      }
      planned.metrics.push(metric);
      planned.asks.push(number);
    } catch (error) {
      unreadable.push({ metric, type, error: messageOf(error) });
    }
  }
  let metrics = unreadable.length;
  for (const group of groups.values()) metrics += group.metrics.length;
  return {
    reads,
    groups: [...groups.values()],
    unreadable: unreadable.length === 0 ? NONE : unreadable,
    metrics,
  };
}
