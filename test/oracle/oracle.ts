/**
 * What a rule has to say at every moment of a story, worked out from the words of its contract alone. It shares no
 * code with the rule engine and keeps nothing but the list of what was: every question is answered by looking back.
 * Slow, and meant to be read.
 */
import {
  rulesOf,
  written,
  type Direction,
  type Expression,
  type Metric,
  type MomentOfStory,
  type RuleOfStory,
  type Story,
} from './story';

export interface Verdict {
  phase: string;
  reason: string;
  triggered: boolean;
  /** Further steps that are taken, by their places. */
  steps: number[];
  /** Of a trigger that scales. */
  desired?: number;
}

/** One evaluation that has been. */
interface Past {
  at: number;
  rule: RuleOfStory;
  /** At least one metric could be read. */
  isRead: boolean;
  truth: Truth | 'disabled';
  /** Could the condition be decided by what was read? */
  isDecided: boolean;
  /** The condition had been true for the whole hold. */
  isHeld: boolean;
  triggered: boolean;
  steps: number[];
  /** Until when the alarm that there was is acknowledged. */
  acknowledgedUntil?: number;
}

/** What the condition counts as. */
type Truth = 'true' | 'false' | 'missing';

/** What all rules have done to the infrastructure. */
interface World {
  nodes: number;
  triggers: { direction: Direction; at: number }[];
  freezes: number[];
}

const HOUR = 3600;

export function foretold(story: Story): Verdict[] {
  const rules = rulesOf(story);
  const world: World = { nodes: story.nodes, triggers: [], freezes: [] };
  const past: Past[] = [];
  return story.moments.map((moment, index) => {
    const rule = rules[index]!;
    if (moment.nodesSetTo !== undefined) world.nodes = moment.nodesSetTo;
    world.triggers.push(...moment.others);

    const now: Past = {
      at: moment.at,
      rule,
      isRead: Object.values(moment.values).some((value) => value !== null),
      truth: 'disabled',
      isDecided: false,
      isHeld: false,
      triggered: false,
      steps: [],
    };
    const memory = remembered(past, now);
    if (moment.acknowledgedFor && memory.some(({ isHeld }) => isHeld))
      now.acknowledgedUntil = now.at + moment.acknowledgedFor;
    const verdict = judged(story, moment, past, now, world);
    now.triggered = verdict.triggered;
    if (verdict.phase === 'alarm')
      now.steps = verdict.steps = steps(story, moment, remembered(past, now), now);
    past.push(now);
    return verdict;
  });
}

/** Fills in what `now` is, and says what the rule has to say. */
function judged(story: Story, moment: MomentOfStory, past: Past[], now: Past, world: World): Verdict {
  const { rule } = now;
  if (!rule.enabled) return still('unknown', 'disabled');

  const memory = remembered(past, now);
  const isInAlarm = memory.some(({ isHeld }) => isHeld);
  const isTrue =
    isInAlarm && rule.recovery !== undefined
      ? negated(decide(rule.recovery, moment.values))
      : decide(rule.condition, moment.values);
  now.isDecided = isTrue !== undefined;
  now.truth = countedAs(isTrue, rule.missingData);

  if (now.truth === 'missing') return still('unknown', 'missing_data');
  if (now.truth === 'false') return still('ok', 'condition_false');

  now.isHeld = heldFor(past, memory, now) >= rule.holdSeconds;
  if (!rule.repeat && memory.some(({ triggered }) => triggered)) return still('alarm', 'not_repeating');
  if (!now.isHeld) return still(isInAlarm ? 'alarm' : 'pending', 'holding');
  if (moment.killSwitch) return still('alarm', 'kill_switch');
  if (isMuted(story, memory, now, 'acting')) return still('alarm', 'silenced');
  if (rule.isDependent && moment.parentInAlarm) return still('alarm', 'dependency');
  const lastTrigger = past.findLast(({ triggered }) => triggered);
  if (lastTrigger !== undefined && now.at < lastTrigger.at + rule.wisdomSeconds)
    return still('alarm', 'wisdom');
  return scaled(story, moment, now, world);
}

/** Somebody mutes it now, or did so lately or for good while this breach was already there. */
function isMuted(
  { silences }: Story,
  memory: Past[],
  { at, rule }: Past,
  what: 'acting' | 'telling',
): boolean {
  const breach = memory.find(({ truth }) => truth === 'true')?.at ?? at;
  return silences.some(({ from, until, mutes, onEnd }) => {
    const isAbout = {
      actions: true,
      notifications: what === 'telling',
      scale_down: what === 'acting' && rule.scaling?.direction === 'down',
    }[mutes];
    if (!isAbout || at < from) return false;
    if (at < until) return true;
    const wasThere = breach < until;
    return wasThere && (onEnd === 'wait' || at < until + rule.intervalSeconds);
  });
}

/** The further steps that are taken now, in alarm. */
function steps(story: Story, moment: MomentOfStory, memory: Past[], now: Past): number[] {
  const { then } = now.rule;
  const all = [...memory, now];
  const first = all.find(({ triggered }) => triggered);
  if (then === undefined || first === undefined) return [];
  if (moment.killSwitch || isMuted(story, memory, now, 'telling')) return [];
  if (now.rule.isDependent && moment.parentInAlarm) return [];
  const acknowledged = all.findLast(({ acknowledgedUntil }) => acknowledgedUntil !== undefined);
  if (acknowledged !== undefined && now.at < acknowledged.acknowledgedUntil!) return [];
  const taken = all.flatMap((one) => one.steps);
  const next = taken.length === 0 ? 0 : Math.max(...taken) + 1;
  const due = then.flatMap((seconds, step) => (step >= next && first.at + seconds <= now.at ? [step] : []));
  if (due.length > 0) return due;
  // Acknowledged, and forgotten: it is told again.
  const isForgotten =
    acknowledged !== undefined && !all.slice(all.indexOf(acknowledged)).some((one) => one.steps.length > 0);
  return isForgotten && next > 0 ? [next - 1] : [];
}

/** The guards of the infrastructure, then the trigger. */
function scaled({ inFlight }: Story, moment: MomentOfStory, { at, rule }: Past, world: World): Verdict {
  const triggered = { auto: 'triggered', shadow: 'shadowed', approve: 'awaiting_approval' }[rule.mode];
  const { scaling } = rule;
  if (scaling === undefined) return { phase: 'alarm', reason: triggered, triggered: true, steps: [] };

  const { direction, minNodes, maxNodes, nodes, wisdomSeconds, maxDirectionChangesPerHour } = scaling;
  const lastSameWay = world.triggers.findLast((trigger) => trigger.direction === direction);
  if (lastSameWay !== undefined && at < lastSameWay.at + wisdomSeconds)
    return still('alarm', 'infrastructure_wisdom');
  if (world.freezes.some((from) => at < from + HOUR)) return still('alarm', 'flapping');
  if (!moment.nodesReadable) return still('alarm', 'nodes_unknown');

  const effective = world.nodes + inFlight;
  const wish = direction === 'up' ? effective + nodes : effective - nodes;
  const desired = wish > maxNodes ? maxNodes : wish < minNodes ? minNodes : wish;
  if (direction === 'up' && desired <= effective) return still('alarm', 'at_max_nodes');
  if (direction === 'down' && desired >= effective) return still('alarm', 'at_min_nodes');
  // Up never asks for fewer nodes than there are, down never for more.
  if (direction === 'up' ? desired < world.nodes : desired > world.nodes)
    return still('alarm', 'policy_satisfied');

  const last = world.triggers.at(-1);
  if (last !== undefined && last.direction !== direction) {
    const changes = world.triggers.filter(
      (trigger, index) => index > 0 && trigger.direction !== world.triggers[index - 1]!.direction,
    );
    if (changes.filter((change) => change.at > at - HOUR).length >= maxDirectionChangesPerHour) {
      // A shadow leaves the infrastructure alone.
      if (rule.mode !== 'shadow') world.freezes.push(at);
      return still('alarm', 'flapping');
    }
  }
  if (rule.mode !== 'shadow') world.triggers.push({ direction, at });
  if (rule.mode === 'auto') world.nodes += desired - effective;
  return { phase: 'alarm', reason: triggered, triggered: true, steps: [], desired };
}

const still = (phase: string, reason: string): Verdict => ({
  phase,
  reason,
  triggered: false,
  steps: [],
});

/** The evaluations that the hold and the alarm of now may go by: those since everything was last forgotten. */
function remembered(past: Past[], now: Past): Past[] {
  const all = [...past, now];
  let from = 0;
  all.forEach((one, index) => {
    if (index === 0) return;
    const before = all[index - 1]!;
    const isOver =
      before.truth === 'false' ||
      before.truth === 'disabled' ||
      (before.truth === 'missing' && before.rule.missingData === 'reset');
    if (isOver || isOfAnotherRule(before, one)) from = index;
    if (isAfterGap(all, index) && forgetsInGaps(one.rule)) from = index;
  });
  return past.slice(from);
}

const isOfAnotherRule = (before: Past, { rule }: Past): boolean =>
  written(before.rule.condition) !== written(rule.condition) ||
  (before.rule.recovery && written(before.rule.recovery)) !== (rule.recovery && written(rule.recovery));

const forgetsInGaps = ({ missingData }: RuleOfStory): boolean =>
  missingData === 'reset' || missingData === 'ok';

/** Nothing was read for more than three intervals before this one. */
function isAfterGap(all: Past[], index: number): boolean {
  const lastRead = all.slice(0, index).findLast(({ isRead }) => isRead);
  const { at, rule } = all[index]!;
  return rule.isPolled && lastRead !== undefined && at - lastRead.at > 3 * rule.intervalSeconds;
}

/** For how many seconds the condition has been seen to be true, up to now. */
function heldFor(past: Past[], memory: Past[], now: Past): number {
  const since = trueSince(memory, now);
  const unseen = now.rule.missingData === 'hold' ? unseenTimes([...past, now]) : [];
  let seconds = 0;
  // Every moment of a story lies on a grid of half intervals.
  const step = now.rule.intervalSeconds / 2;
  for (let second = since + step; second <= now.at; second += step) {
    if (!unseen.some(({ from, to }) => from < second && second <= to)) seconds += step;
  }
  return seconds;
}

/** Where the hold begins: at the first true evaluation, after a trigger at the first one after it. */
function trueSince(memory: Past[], now: Past): number {
  const lastTrigger = memory.findLast(({ triggered }) => triggered);
  if (lastTrigger !== undefined && !now.rule.isPolled) return lastTrigger.at;
  return [...sinceTrigger(memory), now].find(({ truth }) => truth === 'true')!.at;
}

const sinceTrigger = (memory: Past[]): Past[] =>
  memory.slice(memory.findLastIndex(({ triggered }) => triggered) + 1);

/** From the last time the condition could be decided to the next; and what lies between readings too far apart. */
function unseenTimes(all: Past[]): { from: number; to: number }[] {
  return all.flatMap((one, index) => {
    const before = all.slice(0, index);
    const times: { from: number; to: number }[] = [];
    const lastDecided = before.findLast(({ isDecided }) => isDecided);
    if (lastDecided !== undefined && before.at(-1) !== lastDecided && one.isDecided)
      times.push({ from: lastDecided.at, to: one.at });
    if (isAfterGap(all, index)) times.push({ from: before.findLast(({ isRead }) => isRead)!.at, to: one.at });
    return times;
  });
}

function countedAs(isTrue: boolean | undefined, missingData: RuleOfStory['missingData']): Truth {
  if (isTrue !== undefined) return isTrue ? 'true' : 'false';
  if (missingData === 'breach') return 'true';
  return missingData === 'ok' ? 'false' : 'missing';
}

/** Undefined: what is missing leaves it open. */
export function decide(expression: Expression, values: Record<Metric, number | null>): boolean | undefined {
  switch (expression.is) {
    case 'compare': {
      const value = values[expression.metric];
      if (value === null) return undefined;
      const { than } = expression;
      return {
        '>': value > than,
        '>=': value >= than,
        '<': value < than,
        '<=': value <= than,
        '==': value === than,
        '!=': value !== than,
      }[expression.operator];
    }
    case 'not':
      return negated(decide(expression.of, values));
    case 'and':
    case 'or': {
      const sides = [decide(expression.left, values), decide(expression.right, values)];
      const deciding = expression.is === 'or';
      if (sides.includes(deciding)) return deciding;
      return sides.includes(undefined) ? undefined : !deciding;
    }
  }
}

const negated = (truth: boolean | undefined): boolean | undefined =>
  truth === undefined ? undefined : !truth;
