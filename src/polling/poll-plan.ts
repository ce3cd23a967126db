import { messageOf } from '../common/errors';
import type { Metric } from '../metrics/metric';
import type { Polled } from './polled';

/** Plan of a service's polls: its questions, in groups that go out together. */
export interface PollPlan {
  readonly groups: readonly PlannedGroup[];
  /** Metrics that can't be read, and why. */
  readonly unreadable: readonly Unreadable[];
}

export interface PlannedGroup {
  /** Key that is the same for all that goes out together. */
  readonly key: string;
  readonly type: string;
  readonly timeoutMs: number;
  readonly strategy: Metric;
  readonly asksForNodes: boolean;
  /** Questions, none of them twice, by their keys; their params follow in the same order. */
  readonly questions: string[];
  readonly params: object[];
  /** Names of the metrics; the index of each one's question follows in the same order. */
  readonly metrics: string[];
  readonly asks: number[];
}

export interface Unreadable {
  readonly metric: string;
  readonly type: string;
  readonly error: string;
}

/**
 * Plans by the service's reads: made once per version of a service, as a poll of a hundred thousand metrics should do
 * little but send.
 */
const plans = new WeakMap<Polled['reads'], PollPlan>();

/**
 * Looks at the files that services name; comes before `planOf`. Returns undefined when there is nothing to wait for.
 */
export function look(services: readonly Polled[]): Promise<unknown> | undefined {
  const looks: Promise<void>[] = [];
  for (const { reads } of services) {
    if (plans.has(reads)) continue;
    for (const metric in reads) {
      const looking = reads[metric]!.look();
      if (looking !== undefined) looks.push(looking);
    }
  }
  return looks.length === 0 ? undefined : Promise.all(looks);
}

export function planOf({ reads, nodesOf }: Polled): PollPlan {
  const known = plans.get(reads);
  if (known !== undefined) return known;
  const plan = planned(reads, nodesOf);
  let isFixed = true;
  for (const metric in reads) isFixed &&= reads[metric]!.isFixed;
  if (isFixed) plans.set(reads, plan);
  return plan;
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
  return { groups: [...groups.values()], unreadable: unreadable.length === 0 ? NONE : unreadable };
}
