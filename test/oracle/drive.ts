/** Plays a story to the rule engine, as the program does: what is remembered, read and counted is handed in. */
import { compileCondition } from '../../src/engine/condition';
import {
  asksForGap,
  evaluate,
  initialState,
  NEVER_SCALED,
  rememberedUntil,
  scaled,
} from '../../src/engine/evaluate';
import type { Capacity, Observation, Rule, Scalings, SilenceWindow, State } from '../../src/engine/types';
import type { Verdict } from './oracle';
import {
  rulesOf,
  written,
  type Expression,
  type MomentOfStory,
  type RuleOfStory,
  type SilenceOfStory,
  type Story,
} from './story';

const METRICS = ['a', 'b'];

export function driven(story: Story): Verdict[] {
  const rules = rulesOf(story);
  let state: State | undefined;
  let scalings: Scalings = NEVER_SCALED;
  let nodes = story.nodes;
  let lastReadAt = -Infinity;
  return story.moments.map((moment, index) => {
    const rule = ruleOf(rules[index]!);
    const now = moment.at * 1000;
    if (moment.nodesSetTo !== undefined) nodes = moment.nodesSetTo;
    for (const { direction, at } of moment.others) scalings = scaled(scalings, direction, at * 1000);

    // In a gap somebody has told that nobody looks: that changes nothing of what follows.
    if (state !== undefined && isUnseen(rule, state, lastReadAt, now)) {
      const told = evaluate(
        rule,
        state,
        { values: {}, errors: {}, killSwitch: false, isStale: true },
        lastReadAt,
      );
      if (!told.needs) state = JSON.parse(JSON.stringify(told.state)) as State;
    }
    if (state?.inAlarm && moment.acknowledgedFor) {
      const until = now + moment.acknowledgedFor * 1000;
      state = { ...state, acknowledged: { by: 'anna', note: 'seen', from: now, until } };
    }
    const before = state ?? initialState(rule, now);
    let seen: Observation = {
      ...readingsOf(moment),
      previousAt:
        rule.intervalMs !== undefined && asksForGap(before)
          ? Math.max(rememberedUntil(before), lastReadAt)
          : undefined,
      isBlind: rule.intervalMs !== undefined && !isRead(moment),
      news: moment.news,
      killSwitch: moment.killSwitch,
      silences: story.silences.map((silence, id) => silenceOf(silence, String(id))),
      scalings: rule.scaling && scalings,
    };
    let outcome = evaluate(rule, before, seen, now);
    if (outcome.needs === 'parent') {
      seen = { ...seen, parent: moment.parentInAlarm ? { name: 'switch', phase: 'alarm' } : null };
      outcome = evaluate(rule, before, seen, now);
    }
    if (outcome.needs) {
      const capacity: Capacity = moment.nodesReadable
        ? { known: true, current: nodes, inFlight: story.inFlight }
        : { known: false, error: 'no answer' };
      outcome = evaluate(rule, before, { ...seen, capacity }, now);
    }
    if (outcome.needs) throw new Error(`second ${moment.at}: the nodes are asked for again`);

    // Only what changed is written, and comes back as JSON.
    if (outcome.changed || state === undefined) state = JSON.parse(JSON.stringify(outcome.state)) as State;
    if (isRead(moment)) lastReadAt = now;
    const { trigger, freezesUntil } = outcome;
    if (freezesUntil !== undefined && rule.mode !== 'shadow')
      scalings = { ...scalings, frozenUntil: freezesUntil };
    if (trigger?.nodes && rule.mode !== 'shadow') scalings = scaled(scalings, rule.scaling!.direction, now);
    if (trigger?.nodes && rule.mode === 'auto') nodes += trigger.nodes.delta;
    return {
      phase: outcome.state.phase,
      reason: outcome.state.reason,
      triggered: trigger !== undefined,
      steps: [...(outcome.followUp?.escalates ?? [])],
      ...(trigger?.nodes ? { desired: trigger.nodes.desired } : {}),
    };
  });
}

/** Nothing was read for more than three intervals, nor was the state written in that time. */
const isUnseen = (
  { intervalMs, enabled }: Rule,
  { since }: State,
  lastReadAt: number,
  now: number,
): boolean => enabled && intervalMs !== undefined && since <= lastReadAt && now - lastReadAt > 3 * intervalMs;

const isRead = ({ values }: MomentOfStory): boolean => Object.values(values).some((value) => value !== null);

function ruleOf(rule: RuleOfStory): Rule {
  return {
    key: JSON.stringify([written(rule.condition), rule.recovery && written(rule.recovery)]),
    enabled: rule.enabled,
    condition: predicateOf(rule.condition),
    recovery: rule.recovery && predicateOf(rule.recovery),
    holdMs: rule.holdSeconds * 1000,
    wisdomMs: rule.wisdomSeconds * 1000,
    repeat: rule.repeat,
    missingData: rule.missingData,
    intervalMs: rule.isPolled ? rule.intervalSeconds * 1000 : undefined,
    mode: rule.mode,
    graceMs: rule.intervalSeconds * 1000,
    isDependent: rule.isDependent,
    escalationMs: rule.then?.map((seconds) => seconds * 1000),
    scaling: rule.scaling && {
      infrastructure: 'web',
      direction: rule.scaling.direction,
      minNodes: rule.scaling.minNodes,
      maxNodes: rule.scaling.maxNodes,
      wisdomMs: rule.scaling.wisdomSeconds * 1000,
      maxDirectionChanges: rule.scaling.maxDirectionChangesPerHour,
      wish: ({ effective, direction }) =>
        direction === 'up' ? effective + rule.scaling!.nodes : effective - rule.scaling!.nodes,
    },
  };
}

const silenceOf = ({ from, until, mutes, onEnd }: SilenceOfStory, id: string): SilenceWindow => ({
  id,
  owner: 'anna',
  reason: 'patching',
  mutes,
  onEnd,
  from: from * 1000,
  until: until * 1000,
});

function predicateOf(expression: Expression): Rule['condition'] {
  const condition = compileCondition(written(expression), METRICS);
  return (values) => condition(values).truth;
}

function readingsOf({ values }: MomentOfStory): Pick<Observation, 'values' | 'errors'> {
  const readings = Object.entries(values);
  return {
    values: Object.fromEntries(readings.filter((one): one is [string, number] => one[1] !== null)),
    errors: Object.fromEntries(
      readings.flatMap(([metric, value]) => (value === null ? [[metric, 'no answer']] : [])),
    ),
  };
}
