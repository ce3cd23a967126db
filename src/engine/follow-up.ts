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
): { state: State; followUp: FollowUp } | undefined {
  if (rule.escalationMs === undefined && rule.expect === undefined) return undefined;
  const before = hasTriggered ? withTrigger(rule, decided, now) : decided;
  const escalates = dueSteps(rule, before, observation, now);
  const effect = effectOf(rule, decided, observation, hasTriggered, now);
  const escalated = (before.escalated ?? 0) + escalates.length;
  let state = escalates.length > 0 ? { ...before, escalated } : before;
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

/**
 * Returns the indexes of escalation steps whose time has come; none unless the phase is `alarm`, so none without
 * readings.
 */
function dueSteps(rule: Rule, state: State, observation: Observation, now: Moment): number[] {
  const { phase, firstTriggeredAt, escalated = 0 } = state;
  if (firstTriggeredAt === undefined || observation.killSwitch) return [];
  if (phase !== 'alarm') return [];
  const steps = (rule.escalationMs ?? []).map((_, index) => index);
  return steps.filter((step) => step >= escalated && firstTriggeredAt + rule.escalationMs![step]! <= now);
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
export function nextAftermathAt(rule: Rule, state: State): Moment | undefined {
  const { firstTriggeredAt, escalated = 0, expectFrom } = state;
  const step = rule.escalationMs?.[escalated];
  const moments = [
    ...(firstTriggeredAt === undefined || step === undefined ? [] : [firstTriggeredAt + step]),
    ...(expectFrom === undefined || rule.expect === undefined ? [] : [expectFrom + rule.expect.withinMs]),
  ];
  return moments.length === 0 ? undefined : Math.min(...moments);
}
