import type { InfrastructureRow } from '../database/entities';
import { NEVER_SCALED, scaled } from '../engine/evaluate';
import type { Moment, Reason, SilenceWindow, State } from '../engine/types';
import {
  BatchCapacity,
  type Counts,
  type InfrastructureChanges,
  type InfrastructureMemory,
} from './batch-capacity';
import { evaluated, factsOf, momentAfter, scalingsInTime, stateInTime } from './evaluation';
import { askOf, entryOf, type LedgerEntry, type LockedState } from './ledger-entry';
import type { CompiledService } from './compiled-service';
import type { Parents } from './parents';
import type { ServiceObservation } from './service-observation';

/** Decision on a batch of observations by what was read under the locks. Pure. */

/** Facts that a batch is decided by. */
export interface BatchFacts {
  /** Services that there still are, by id. */
  locked: ReadonlyMap<string, LockedState>;
  counts: Counts;
  memory: InfrastructureMemory;
  /** True where the configuration has thrown the kill switch. */
  killSwitch: boolean;
  /** Returns the silences of a service at a moment, for a breach that is known since another. */
  silencesOf: (
    compiled: CompiledService,
    at: Moment,
    breachFrom: Moment | undefined,
  ) => readonly SilenceWindow[] | undefined;
  /** Services that stop those that depend on them. */
  parents: Parents;
  /** True where the batch is the job of the alerts that are new. */
  isOfAlerts: boolean;
  now: Moment;
  newId: () => string;
}

export type BatchDecision =
  | {
      is: 'decided';
      entries: LedgerEntry[];
      infrastructures: InfrastructureChanges;
      /** Services left to the job of an alert. */
      waiting: string[];
      /** Reason of each evaluation, whether it changed something or not. */
      reasons: Reason[];
    }
  /** Nothing is decided: these nodes must be counted first. */
  | { is: 'uncounted'; infrastructures: InfrastructureRow[] }
  /** Nothing is decided: the rule of a service that an alert concerns was changed, and must be read again. */
  | { is: 'outdated' }
  /** Nothing is decided: the batch must be decided without this one. */
  | { is: 'unevaluable'; observation: ServiceObservation; error: unknown };

/** Decides what follows from observations; each service is in the batch once. */
export function decideBatch(observations: readonly ServiceObservation[], facts: BatchFacts): BatchDecision {
  const capacity = new BatchCapacity(facts.counts, facts.memory);
  const entries: LedgerEntry[] = [];
  const uncounted: InfrastructureRow[] = [];
  const waiting: string[] = [];
  const reasons: Reason[] = [];
  for (const observation of shadowsFirst(observations)) {
    const { service, infrastructure } = observation.snapshot.compiled;
    const before = facts.locked.get(service.id);
    if (before === undefined) continue;
    // Whoever changed the rule has it evaluated, but may have looked before the alert was there to be seen.
    if (facts.isOfAlerts && before.version !== service.version) return { is: 'outdated' };
    if (isOutdated(observation, before)) continue;
    if (!facts.isOfAlerts && observation.stale === undefined && isLeftToAlert(observation)) {
      waiting.push(service.id);
      continue;
    }
    try {
      const decided = decideOne(observation, before, facts, capacity);
      if (decided === 'uncounted') uncounted.push(infrastructure!);
      else {
        reasons.push(decided.reason);
        if (decided.entry !== undefined) entries.push(decided.entry);
      }
    } catch (error) {
      return { is: 'unevaluable', observation, error };
    }
  }
  if (uncounted.length > 0) return { is: 'uncounted', infrastructures: uncounted };
  return { is: 'decided', entries, infrastructures: capacity.changes(), waiting, reasons };
}

interface DecidedOne {
  reason: Reason;
  /** Undefined where nothing changes. */
  entry?: LedgerEntry;
}

function decideOne(
  observation: ServiceObservation,
  before: LockedState,
  facts: BatchFacts,
  capacity: BatchCapacity,
): DecidedOne | 'uncounted' {
  const { at, snapshot } = observation;
  const { compiled } = snapshot;
  const { infrastructure, rule } = compiled;
  const infrastructureId = infrastructure?.id ?? '';
  const scalings = scalingsInTime(capacity.scalings(infrastructureId), at, facts.now);
  const around = {
    killSwitch: facts.killSwitch || before.killSwitch,
    silences: facts.silencesOf(compiled, at.getTime(), before.state?.breachFrom),
    parent: facts.parents.get(compiled.service.id) ?? null,
    scalings,
    capacity: capacity.of(infrastructure, at),
  };
  const told = factsOf(observation, around);
  const outcome = evaluated(observation, before.state, told);
  if (outcome.needs) return 'uncounted';
  const { reason } = outcome.state;
  if (outcome.freezesUntil !== undefined && rule.mode !== 'shadow') {
    around.scalings = { ...(scalings ?? NEVER_SCALED), frozenUntil: outcome.freezesUntil };
    capacity.remember(infrastructureId, around.scalings);
  }
  const toldAfter = around.scalings === scalings ? told : { ...told, scalings: around.scalings };
  const moment = momentAfter(observation, outcome.state, toldAfter);
  const isSteady = !outcome.changed && before.state !== undefined && moment === before.nextMoment;
  if (isSteady && before.wasAhead !== true) return { reason };
  // A shadow's trigger is nobody's: it takes no place and begins no wisdom time but its own.
  if (outcome.trigger?.nodes && rule.mode !== 'shadow') {
    const { direction } = rule.scaling!;
    capacity.remember(infrastructureId, scaled(scalings ?? NEVER_SCALED, direction, at.getTime()));
  }
  const entry = entryOf(observation, before, outcome, moment, around, facts.newId);
  const ask = askOf(entry);
  // For the services after it in this batch.
  if (ask !== undefined) capacity.ask(infrastructureId, ask);
  return { reason, entry };
}

/** Sets moments of locked states right that a clock that was ahead has written. */
export function setRight(
  locked: Map<string, LockedState>,
  observations: readonly ServiceObservation[],
  now: Moment,
): void {
  for (const { snapshot, at } of observations) {
    const before = locked.get(snapshot.compiled.service.id);
    if (before?.state === undefined) continue;
    const state = stateInTime(before.state, at, now);
    if (state !== before.state)
      locked.set(snapshot.compiled.service.id, { ...before, state, wasAhead: true });
  }
}

/**
 * Tells whether the service is left to the job of an alert: without wisdom time, an alert that counts here and again in
 * its own job would count twice.
 */
export const isLeftToAlert = ({ awaitsAlert, snapshot }: ServiceObservation): boolean =>
  awaitsAlert === true && !snapshot.compiled.service.polled;

/**
 * Tells whether an observation says nothing any more: its rule was changed, so that what was seen belongs to another
 * rule; or somebody has looked since it was found that nobody had; or a newer evaluation has decided.
 */
function isOutdated(observation: ServiceObservation, { version, state, decisionId }: LockedState): boolean {
  if (version !== observation.snapshot.compiled.service.version) return true;
  if (isOvertaken(observation, state)) return true;
  return observation.stale !== undefined && decisionId !== observation.stale.decision;
}

/**
 * Tells whether a newer evaluation has already decided: the observation is from before the last trigger, or the same
 * reading.
 */
function isOvertaken({ at, snapshot }: ServiceObservation, state: State | undefined): boolean {
  const last = state?.lastTriggeredAt ?? -Infinity;
  return last > at.getTime() || (last === at.getTime() && snapshot.compiled.service.polled);
}

/**
 * Sorts services in shadow mode first, so that they decide on what the others see and not on what these have just done.
 */
const shadowsFirst = (observations: readonly ServiceObservation[]): ServiceObservation[] =>
  [...observations].sort((a, b) => rankOf(a) - rankOf(b));
const rankOf = ({ snapshot }: ServiceObservation): number =>
  snapshot.compiled.rule.mode === 'shadow' ? 0 : 1;
