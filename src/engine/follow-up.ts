import { actsAt, silencingOf } from './silencing';
import type { FollowUp, Moment, Observation, Rule, State } from './types';

/**
 * Works out what follows from a trigger while its alarm lasts: the steps of the escalation whose time has come, and
 * whether the action helped. Pure, as the engine it is part of.
 *
 * @param decided the state after this moment's decision
 * @param hasTriggered there is a trigger at this moment
 */
export function followUp(
  rule: Rule,
  decided: State,
  observation: Observation,
  hasTriggered: boolean,
  now: Moment,
): { state: State; followUp: FollowUp } | { needs: 'parent' } | undefined {
  if (rule.escalationMs === undefined && rule.expect === undefined) return undefined;
  const before = hasTriggered ? withTrigger(rule, decided, now) : decided;
  const escalates = dueSteps(rule, before, observation, now);
  // A trigger has asked already.
  if (escalates.length > 0 && rule.isDependent && !hasTriggered) {
    if (observation.parent === undefined) return { needs: 'parent' };
    if (observation.parent !== null) escalates.length = 0;
  }
  const effect = effectOf(rule, decided, observation, hasTriggered, now);
  let state = escalates.length > 0 ? withSteps(before, escalates) : before;
  if (effect !== undefined && !hasTriggered) state = { ...state, expectFrom: undefined };
  if (state === decided) return undefined;
  return { state, followUp: { ...(escalates.length > 0 ? { escalates } : {}), effect } };
}

function withTrigger(rule: Rule, state: State, now: Moment): State {
  const isExpecting = rule.expect !== undefined && rule.mode !== 'shadow';
  return {
    ...state,
    firstTriggeredAt: state.firstTriggeredAt ?? now,
    expectFrom: isExpecting ? now : state.expectFrom,
  };
}

const withSteps = (state: State, taken: readonly number[]): State => ({
  ...state,
  escalated: Math.max(state.escalated ?? 0, taken.at(-1)! + 1),
  acknowledged: undefined,
});

/**
 * Returns the indexes of escalation steps whose time has come; none unless the phase is `alarm`, so none without
 * readings, and none while the alarm is acknowledged or telling is muted. Where an acknowledgement has run out, the
 * last step is taken again if no other is due: nobody forgets an alarm by having seen it.
 */
function dueSteps(rule: Rule, state: State, observation: Observation, now: Moment): number[] {
  const { phase, firstTriggeredAt, escalated = 0, acknowledged } = state;
  if (firstTriggeredAt === undefined || observation.killSwitch) return [];
  if (phase !== 'alarm' || rule.escalationMs === undefined) return [];
  if (acknowledged !== undefined && now < acknowledged.until) return [];
  const due: number[] = [];
  rule.escalationMs.forEach((afterMs, step) => {
    if (step >= escalated && firstTriggeredAt + afterMs <= now) due.push(step);
  });
  if (due.length === 0 && acknowledged !== undefined && escalated > 0) due.push(escalated - 1);
  if (due.length === 0 || silencingOf(rule, state, observation.silences, 'tell', now) !== undefined)
    return [];
  return due;
}

/** Time after its deadline at which an expectation can still be judged, for a rule without polls, milliseconds. */
const LATE_MS = 30_000;
const LATE_INTERVALS = 3;

function effectOf(
  { expect, intervalMs }: Rule,
  { expectFrom }: State,
  observation: Observation,
  hasTriggered: boolean,
  now: Moment,
): FollowUp['effect'] {
  if (expect === undefined || expectFrom === undefined) return undefined;
  const lateMs = intervalMs === undefined ? LATE_MS : LATE_INTERVALS * intervalMs;
  // Nobody looked when it was to be: what is so now may have come to be long after.
  const isLate = now > expectFrom + expect.withinMs + lateMs;
  const truth = isLate ? undefined : expect.condition(observation.values);
  if (truth === true) return { of: expectFrom, helped: true };
  // Another trigger, and it has not come to be: the one before did not help.
  if (now < expectFrom + expect.withinMs && !hasTriggered) return undefined;
  return { of: expectFrom, helped: truth };
}

/** Returns the moment of the next escalation step or of the expectation's deadline, whichever is first. */
export function nextAftermathAt(
  rule: Rule,
  state: State,
  silences: Observation['silences'],
  now: Moment,
): Moment | undefined {
  const { expectFrom } = state;
  const step = nextStepAt(rule, state, silences, now);
  const moments = [
    ...(step === undefined ? [] : [step]),
    ...(expectFrom === undefined || rule.expect === undefined ? [] : [expectFrom + rule.expect.withinMs]),
  ];
  return moments.length === 0 ? undefined : Math.min(...moments);
}

function nextStepAt(
  rule: Rule,
  state: State,
  silences: Observation['silences'],
  now: Moment,
): Moment | undefined {
  const { firstTriggeredAt, escalated = 0, acknowledged } = state;
  if (firstTriggeredAt === undefined || rule.escalationMs === undefined) return undefined;
  const step = rule.escalationMs[escalated];
  const again = acknowledged !== undefined && escalated > 0 ? acknowledged.until : undefined;
  const due = step === undefined ? again : Math.max(firstTriggeredAt + step, acknowledged?.until ?? 0);
  const at = due === undefined || again === undefined ? due : Math.min(due, again);
  const silencing = at === undefined ? undefined : silencingOf(rule, state, silences, 'tell', now);
  if (silencing === undefined) return at;
  const over = actsAt(rule, silencing);
  return over === undefined ? undefined : Math.max(at!, over);
}
