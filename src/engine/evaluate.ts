import { followUp, nextAftermathAt } from './follow-up';
import { actsAt, silencingOf, waitsAfter } from './silencing';
import type {
  Capacity,
  Direction,
  Moment,
  Nodes,
  Observation,
  Outcome,
  Phase,
  Reason,
  Rule,
  Scaling,
  Scalings,
  State,
  Values,
} from './types';
import { own } from './own';

export type Decided = Extract<Outcome, { changed: boolean }>;

/** Returns the state of a service that was never evaluated. */
export function initialState(rule: Rule, now: Moment): State {
  return stateOf({
    ruleKey: rule.key,
    phase: 'unknown',
    reason: 'missing_data',
    since: now,
    inAlarm: false,
    triggered: false,
    answered: false,
    errors: {},
  });
}

/**
 * Copies a stored state with every field set, undefined ones too, so that all states have one shape: V8 makes a new
 * hidden class for each copy that adds a field, and is slow with many of them.
 */
export const stateOf = (kept: State): State => ({
  ruleKey: kept.ruleKey,
  phase: kept.phase,
  reason: kept.reason,
  since: kept.since,
  pendingSince: kept.pendingSince,
  trueSince: kept.trueSince,
  breachFrom: kept.breachFrom,
  waits: kept.waits,
  acknowledged: kept.acknowledged,
  inAlarm: kept.inAlarm,
  triggered: kept.triggered,
  answered: kept.answered,
  lastTriggeredAt: kept.lastTriggeredAt,
  firstTriggeredAt: kept.firstTriggeredAt,
  escalated: kept.escalated,
  expectFrom: kept.expectFrom,
  wisdomFrom: kept.wisdomFrom,
  seenAt: kept.seenAt,
  staleSince: kept.staleSince,
  missingFrom: kept.missingFrom,
  errors: kept.errors,
  nodes: kept.nodes,
  nodesError: kept.nodesError,
});

/**
 * Decides what follows from one observation: if the condition has been true long enough and nothing stands against it,
 * trigger. Pure: the same rule, state, observation and moment give the same outcome, in polls, alerts, simulations and
 * tests.
 */
export function evaluate(rule: Rule, before: State, observation: Observation, now: Moment): Outcome {
  if (observation.isStale && rule.enabled) return stale(rule, before, now);
  const decided = decide(rule, before, observation, now);
  if (decided.needs) return decided;
  const after = followUp(rule, decided.state, observation, decided.trigger !== undefined, now);
  if (after === undefined) return decided;
  if ('needs' in after) return after;
  const opensInterval = decided.opensInterval || after.followUp.escalates !== undefined;
  return {
    followUp: after.followUp,
    ...decided,
    state: after.state,
    opensInterval: opensInterval,
    changed: true,
  };
}

function decide(rule: Rule, before: State, observation: Observation, now: Moment): Outcome {
  if (!rule.enabled)
    return outcome(before, { ...forgetAlarm(before), ruleKey: rule.key }, 'unknown', 'disabled', now);

  const known =
    before.ruleKey === rule.key
      ? before
      : { ...forgetAlarm(before), ruleKey: rule.key, expectFrom: undefined };
  // Before the condition is judged: what ends an alarm is asked only of one that is not forgotten.
  const state =
    forgetsUnseen(rule) && unseenSince(rule, observation, now) !== undefined ? forgetAlarm(known) : known;
  const truth = isTrue(rule, state, observation);
  if (truth === undefined) return missing(rule, before, state, observation, now);

  const bridged = withErrors(acrossGap(rule, state, observation, now), observation.errors);
  if (!truth) {
    const over = outcome(before, forgetAlarm(bridged), 'ok', 'condition_false', now);
    return bridged.triggered ? { recovered: true, ...over } : over;
  }
  return breached(rule, before, bridged, observation, now);
}

/**
 * Decides for a service that nothing has evaluated since the moment `since`. A polled rule keeps its hold and alarm
 * where `missingData` is `hold` or `breach`, and forgets them otherwise. A rule that alerts alone feed keeps its state:
 * an alert is there though nobody looks.
 */
export function stale(rule: Rule, before: State, since: Moment): Decided {
  if (rule.intervalMs === undefined) return outcome(before, { ...before }, 'unknown', 'not_polled', since);
  const kept = forgetsUnseen(rule) ? forgetAlarm(before) : before;
  const missingFrom = before.missingFrom ?? since;
  return outcome(before, { ...kept, missingFrom, errors: {} }, 'unknown', 'not_polled', since);
}

/**
 * Tells whether the condition is true; in alarm with a recovery condition, it counts as true until the recovery is
 * true.
 */
export function truthOf(rule: Rule, inAlarm: boolean, values: Values): boolean | undefined {
  return inAlarm && rule.recovery ? negated(rule.recovery(values)) : rule.condition(values);
}

function isTrue(rule: Rule, state: State, observation: Observation): boolean | undefined {
  const truth = truthOf(rule, state.inAlarm, observation.values);
  if (truth !== undefined) return truth;
  if (rule.missingData === 'breach') return true;
  if (rule.missingData === 'ok') return false;
  return undefined;
}

const negated = (truth: boolean | undefined): boolean | undefined =>
  truth === undefined ? undefined : !truth;

/**
 * Decides where missing data leaves the condition undecided: never triggers. `hold` freezes the hold time; `reset`
 * forgets hold and alarm.
 */
function missing(rule: Rule, before: State, state: State, observation: Observation, now: Moment): Outcome {
  const kept = rule.missingData === 'hold' ? state : forgetAlarm(state);
  const missingFrom = state.missingFrom ?? observation.previousAt ?? now;
  return outcome(
    before,
    { ...kept, missingFrom, errors: observation.errors },
    'unknown',
    'missing_data',
    now,
  );
}

/** Number of intervals between two evaluations beyond which the time between them counts as unobserved. */
const GAP_INTERVALS = 3;

/** Adjusts the hold to a gap without readings that has just ended, as `missingData` says. */
function acrossGap(rule: Rule, state: State, observation: Observation, now: Moment): State {
  const gapFrom = state.missingFrom ?? unseenSince(rule, observation, now);
  if (gapFrom === undefined) return state;
  const seenAgain: State = { ...state, missingFrom: undefined };
  const later = (moment: Moment | undefined) => (moment === undefined ? undefined : moment + (now - gapFrom));
  switch (rule.missingData) {
    case 'hold':
      // A hold must be seen: it goes on by as much as it was seen before the gap.
      return {
        ...seenAgain,
        pendingSince: later(state.pendingSince),
        trueSince: later(state.trueSince),
      };
    case 'breach':
      return seenAgain;
    case 'reset':
    case 'ok':
      return forgetAlarm(seenAgain);
  }
}

const forgetsUnseen = ({ missingData }: Rule): boolean => missingData === 'reset' || missingData === 'ok';

function unseenSince(rule: Rule, { previousAt }: Observation, now: Moment): Moment | undefined {
  if (rule.intervalMs === undefined || previousAt === undefined) return undefined;
  return now - previousAt > GAP_INTERVALS * rule.intervalMs ? previousAt : undefined;
}

function breached(rule: Rule, before: State, state: State, observation: Observation, now: Moment): Outcome {
  const pendingSince = state.pendingSince ?? now;
  const trueSince = state.trueSince ?? pendingSince;
  const breachFrom = state.breachFrom ?? trueSince;
  const waits = waitsAfter(rule, state.waits, breachFrom, observation.silences, now);
  const answered = state.answered && observation.news !== true;
  // A rule that goes on holding, or stays in its alarm, makes nothing new.
  const seenAt = observation.isBlind ? now : state.seenAt;
  const isSame =
    state.pendingSince === pendingSince &&
    state.trueSince === trueSince &&
    state.breachFrom === breachFrom &&
    state.waits === waits &&
    state.answered === answered &&
    state.seenAt === seenAt;
  const holding = isSame ? state : { ...state, pendingSince, trueSince, breachFrom, waits, answered, seenAt };
  if (isFedOnce(rule) && holding.answered) {
    return outcome(before, holding, 'alarm', before.phase === 'alarm' ? before.reason : 'not_repeating', now);
  }
  if (state.triggered && !rule.repeat) return outcome(before, holding, 'alarm', 'not_repeating', now);
  // An alarm lasts until its condition ends it, also while the hold runs anew after a trigger.
  if (now - pendingSince < rule.holdMs)
    return outcome(before, holding, holding.inAlarm ? 'alarm' : 'pending', 'holding', now);

  const alarm = holding.inAlarm ? holding : { ...holding, inAlarm: true };
  const stop = (reason: Reason, facts?: Partial<State>): Decided =>
    outcome(before, facts === undefined ? alarm : { ...alarm, ...facts }, 'alarm', reason, now);
  if (observation.killSwitch) return stop('kill_switch');
  if (silencingOf(rule, alarm, observation.silences, 'act', now) !== undefined) return stop('silenced');
  if (rule.isDependent) {
    if (observation.parent === undefined) return { needs: 'parent' };
    if (observation.parent !== null) return stop('dependency');
  }
  if (state.wisdomFrom !== undefined && now < state.wisdomFrom + rule.wisdomMs) return stop('wisdom');
  if (rule.scaling === undefined) return trigger(rule, before, alarm, undefined, now);

  const { scaling } = rule;
  const { lastAt, frozenUntil } = observation.scalings ?? NEVER_SCALED;
  const scaledAt = lastAt[scaling.direction];
  if (scaledAt !== undefined && now < scaledAt + scaling.wisdomMs) return stop('infrastructure_wisdom');
  if (frozenUntil !== undefined && now < frozenUntil) return stop('flapping');
  if (observation.capacity === undefined) return { needs: 'capacity' };
  if (!observation.capacity.known) return stop('nodes_unknown', { nodesError: observation.capacity.error });
  const nodes = plan(scaling, observation.capacity, observation.values);
  if (nodes === undefined) return stop('missing_data');
  if (nodes.delta === 0)
    return stop(nodes.isLimited ? AT_LIMIT[scaling.direction] : 'policy_satisfied', { nodes });
  if (wouldFlap(scaling, observation.scalings, now)) {
    return { freezesUntil: now + FLAP_MS, ...stop('flapping', { nodes }) };
  }
  return trigger(rule, before, alarm, nodes, now);
}

const AT_LIMIT = { up: 'at_max_nodes', down: 'at_min_nodes' } as const;

/**
 * Tells whether a rule triggers once per alert, as it does without polls and wisdom time: that another alert ends is no
 * reason to act again.
 */
const isFedOnce = ({ intervalMs, wisdomMs }: Rule): boolean => intervalMs === undefined && wisdomMs === 0;

/**
 * Works out how many nodes a trigger asks for: what the policy asks for, within the limits; undefined when the policy
 * can't tell. A rule moves the number of nodes in its own direction alone: never across the counted number, whatever is
 * still leaving or to come.
 */
export function plan(
  scaling: Pick<Scaling, 'direction' | 'minNodes' | 'maxNodes' | 'wish'>,
  { current, inFlight: asked, unapproved }: Capacity & { known: true },
  values: Values,
): Nodes | undefined {
  const { direction, minNodes, maxNodes } = scaling;
  const waiting = unapproved?.[direction] ?? 0;
  const inFlight = asked + waiting;
  const effective = current + inFlight;
  const wish = scaling.wish({ effective, direction }, values);
  if (wish === undefined) return undefined;
  const sign = direction === 'up' ? 1 : -1;
  const isFurther = (one: number, other: number) => sign * (one - other) > 0;
  const limited = Math.min(maxNodes, Math.max(minNodes, wish));
  const isLimited = isFurther(wish, effective) && !isFurther(limited, effective);
  const isCovered = isFurther(limited, effective) && isFurther(current, limited);
  const isChange = isFurther(wish, effective) && isFurther(limited, effective) && !isCovered;
  const desired = isChange ? limited : effective;
  return {
    current,
    inFlight,
    effective,
    desired,
    delta: desired - effective,
    ...(waiting === 0 ? {} : { unapproved: waiting }),
    ...(isLimited ? { isLimited } : {}),
    ...(isCovered ? { isCovered } : {}),
  };
}

export const NEVER_SCALED: Scalings = { lastAt: {}, directionChanges: [] };

/** Time over which changes of direction are counted, and for which too many of them freeze scaling, milliseconds. */
const FLAP_MS = 3_600_000;

function wouldFlap(scaling: Scaling, scalings: Scalings = NEVER_SCALED, now: Moment): boolean {
  const { lastDirection, directionChanges } = scalings;
  if (lastDirection === undefined || lastDirection === scaling.direction) return false;
  const lately = directionChanges.filter((at) => at > now - FLAP_MS);
  return lately.length >= scaling.maxDirectionChanges;
}

/** Returns what is remembered of an infrastructure after a trigger. */
export function scaled(before: Scalings, direction: Direction, now: Moment): Scalings {
  const isChange = before.lastDirection !== undefined && before.lastDirection !== direction;
  const changes = before.directionChanges.filter((at) => at > now - FLAP_MS);
  return {
    ...before,
    lastAt: { ...before.lastAt, [direction]: now },
    lastDirection: direction,
    directionChanges: isChange ? [...changes, now] : changes,
  };
}

const TRIGGER_REASON = { auto: 'triggered', shadow: 'shadowed', approve: 'awaiting_approval' } as const;

/**
 * Applies a trigger to the state. The hold starts again at the next true evaluation; without polls there is none before
 * the wisdom time ends, so the hold starts at once.
 */
function trigger(rule: Rule, before: State, alarm: State, nodes: Nodes | undefined, now: Moment): Outcome {
  const state: State = {
    ...alarm,
    pendingSince: rule.intervalMs === undefined ? now : undefined,
    triggered: true,
    answered: true,
    lastTriggeredAt: now,
    wisdomFrom: now,
    nodes,
    nodesError: undefined,
  };
  const { state: after } = outcome(before, state, 'alarm', TRIGGER_REASON[rule.mode], now);
  return { state: after, opensInterval: true, changed: true, trigger: { nodes } };
}

/** Forgets hold and alarm and keeps the wisdom time; returns the same object when there is nothing to forget. */
function forgetAlarm(state: State): State {
  const { pendingSince, breachFrom, missingFrom, inAlarm, triggered, nodes, nodesError } = state;
  const isForgotten =
    !inAlarm &&
    !triggered &&
    (pendingSince ?? breachFrom ?? missingFrom ?? nodes ?? nodesError) === undefined;
  if (isForgotten) return state;
  return {
    ...state,
    pendingSince: undefined,
    trueSince: undefined,
    breachFrom: undefined,
    waits: undefined,
    acknowledged: undefined,
    seenAt: undefined,
    missingFrom: undefined,
    inAlarm: false,
    triggered: false,
    answered: false,
    firstTriggeredAt: undefined,
    escalated: undefined,
    nodes: undefined,
    nodesError: undefined,
  };
}

const withErrors = (state: State, errors: State['errors']): State =>
  sameTexts(state.errors, errors) ? state : { ...state, errors };

function outcome(before: State, after: State, phase: Phase, reason: Reason, now: Moment): Decided {
  if (after === before && before.phase === phase && before.reason === reason)
    return { state: before, opensInterval: false, changed: false };
  const since = before.phase === phase ? before.since : now;
  const opensInterval = before.phase !== phase || before.reason !== reason;
  const staleSince = reason === 'not_polled' ? now : undefined;
  const state: State = { ...after, phase, reason, since, staleSince };
  return { state, opensInterval: opensInterval, changed: opensInterval || differs(before, state) };
}

/**
 * Returns the last moment at which the service was evaluated, as far as its state shows; samples may show a later one.
 */
export function rememberedUntil({ pendingSince, lastTriggeredAt, seenAt }: State): Moment {
  return Math.max(pendingSince ?? lastTriggeredAt ?? 0, seenAt ?? 0);
}

/** Tells whether the moment of the previous observation matters: only in an alarm or while a hold runs. */
export const asksForGap = ({ pendingSince, inAlarm }: State): boolean =>
  inAlarm || pendingSince !== undefined;

/** Tells whether the state has changes that must be stored, phase and reason aside. */
function differs(before: State, after: State): boolean {
  return (
    before.ruleKey !== after.ruleKey ||
    before.pendingSince !== after.pendingSince ||
    before.trueSince !== after.trueSince ||
    before.breachFrom !== after.breachFrom ||
    before.waits !== after.waits ||
    before.missingFrom !== after.missingFrom ||
    before.inAlarm !== after.inAlarm ||
    before.answered !== after.answered ||
    before.seenAt !== after.seenAt ||
    !sameTexts(before.errors, after.errors)
  );
}

function sameTexts(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  if (a === b) return true;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === own(b, key));
}

/**
 * Returns the moment at which a rule without polls must be evaluated again though nothing new arrives: the end of its
 * hold, of its wisdom times, or of an alert's life. With a wisdom time of 0 a trigger is not repeated.
 *
 * @param lifeEndsAt end of the life of the alerts that feed the rule
 */
export function nextMoment(
  rule: Rule,
  state: State,
  observation: Observation,
  lifeEndsAt: Moment | undefined,
  now: Moment,
): Moment | undefined {
  if (rule.intervalMs !== undefined || !rule.enabled) return undefined;
  const follows = nextAftermathAt(rule, state, observation.silences, now);
  // What the kill switch holds back is looked at again.
  const followsAt = follows !== undefined && follows <= now ? now + RECOUNT_MS : follows;
  const moments = [lifeEndsAt, nextTriggerAt(rule, state, observation, now), followsAt].filter(
    (at) => at !== undefined && at > now,
  );
  return moments.length === 0 ? undefined : Math.min(...(moments as Moment[]));
}

/** Time after which nodes are counted again where a count stopped a trigger, for a rule without polls, milliseconds. */
const RECOUNT_MS = 30_000;

function nextTriggerAt(rule: Rule, state: State, observation: Observation, now: Moment): Moment | undefined {
  if (state.pendingSince === undefined) return undefined;
  const holdUntil = state.pendingSince + rule.holdMs;
  const wisdomUntil = (state.wisdomFrom ?? 0) + rule.wisdomMs;
  switch (state.reason) {
    case 'holding':
      return holdUntil;
    case 'wisdom':
      return wisdomUntil;
    case 'triggered':
    case 'shadowed':
    case 'awaiting_approval':
      return rule.repeat && rule.wisdomMs > 0 ? Math.max(holdUntil, wisdomUntil) : undefined;
    case 'infrastructure_wisdom': {
      const { wisdomMs, direction } = rule.scaling!;
      return (observation.scalings?.lastAt[direction] ?? 0) + wisdomMs;
    }
    case 'flapping':
      return observation.scalings?.frozenUntil ?? now + RECOUNT_MS;
    case 'silenced': {
      const silencing = silencingOf(rule, state, observation.silences, 'act', now);
      return silencing && actsAt(rule, silencing);
    }
    case 'nodes_unknown':
    case 'policy_satisfied':
    case 'at_max_nodes':
    case 'at_min_nodes':
    case 'kill_switch':
    case 'dependency':
      return now + RECOUNT_MS;
    default:
      return undefined;
  }
}
