import { AHEAD_AT_MOST_MS } from '../common/moments-ahead';
import { own } from '../common/records';
import { evaluate, initialState, nextMoment } from '../engine/evaluate';
import { isAhead, scalingsBy, setBack } from '../engine/moments';
import type {
  Capacity,
  Moment,
  Observation,
  Outcome,
  Parent,
  Scalings,
  SilenceWindow,
  State,
} from '../engine/types';
import type { ServiceObservation } from './service-observation';

/**
 * Evaluation of one service: what the engine is told of an observation, and when the service is to be evaluated again.
 * Pure.
 */

/** Surroundings of a service; what is left out is not known yet and takes no part. */
export interface Around {
  killSwitch: boolean;
  silences?: readonly SilenceWindow[];
  /** Service that stops it; null where none does. */
  parent?: Parent | null;
  scalings?: Scalings;
  capacity?: Capacity;
}

/** Returns what the engine is told. */
export function factsOf(observation: ServiceObservation, around: Around): Observation {
  const { values, errors, previousAt, news } = observation;
  return {
    values,
    errors,
    previousAt,
    isStale: observation.stale !== undefined,
    isBlind: isBlind(observation),
    news,
    killSwitch: around.killSwitch,
    silences: around.silences,
    parent: around.parent,
    scalings: around.scalings,
    capacity: around.capacity,
  };
}

export function evaluated(
  { snapshot, at }: ServiceObservation,
  state: State | undefined,
  facts: Observation,
): Outcome {
  const { rule } = snapshot.compiled;
  const now = at.getTime();
  return evaluate(rule, state ?? initialState(rule, now), facts, now);
}

/** Returns the moment at which the service is to be evaluated again though nothing new arrives. */
export function momentAfter(
  observation: ServiceObservation,
  state: State,
  facts: Observation,
): Moment | undefined {
  const { rule, service } = observation.snapshot.compiled;
  const now = observation.at.getTime();
  // Where alerts alone feed it, whoever sweeps goes on asking for the look that nobody has taken.
  if (observation.stale !== undefined)
    return service.polled ? undefined : (observation.snapshot.nextMoment ?? now);
  const moment = nextMoment(rule, state, facts, observation.lifeEndsAt, now);
  return rule.enabled ? earlierOf(moment, windowMovesAt(observation, state)) : moment;
}

/**
 * Returns the state without moments in the future, which a clock that was ahead has written; the same object when
 * there are none.
 */
export function stateInTime(state: State, at: Date, now: Moment): State {
  return isAhead(state, now + AHEAD_AT_MOST_MS) ? setBack(state, Math.min(now, at.getTime()) - 1) : state;
}

/** Does the same as `stateInTime` for what is remembered of an infrastructure. */
export function scalingsInTime(scalings: Scalings | undefined, at: Date, now: Moment): Scalings | undefined {
  return scalings && scalingsBy(scalings, now + AHEAD_AT_MOST_MS, Math.min(now, at.getTime()) - 1);
}

/** Tells whether a polled service had not one reading. */
function isBlind({ snapshot: { compiled }, values }: ServiceObservation): boolean {
  if (!compiled.service.polled) return false;
  for (const metric in compiled.reads) if (Object.hasOwn(values, metric)) return false;
  return true;
}

/**
 * Returns the moment at which samples may have left a window though nothing new arrives; undefined where nothing can
 * change.
 */
function windowMovesAt(
  { snapshot, at, values, alerts }: ServiceObservation,
  { phase }: State,
): Moment | undefined {
  const { service, hasAlertWindows, windows } = snapshot.compiled;
  if (service.polled || !hasAlertWindows) return undefined;
  const isAtRest =
    phase === 'ok' && alerts.length === 0 && windows.every(({ metric }) => own(values, metric) === 0);
  return isAtRest ? undefined : at.getTime() + service.intervalSeconds * 1000;
}

const earlierOf = (one: Moment | undefined, other: Moment | undefined): Moment | undefined =>
  one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
