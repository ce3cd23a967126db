import type { Ask } from '../engine/asked';
import type { Decided } from '../engine/evaluate';
import type { Why } from '../engine/explain';
import type { ToldAlert } from '../engine/told-alert';
import type { Moment, Nodes, State } from '../engine/types';
import type { Around } from './evaluation';
import { effectText, escalationOf, toldOf } from './explanation';
import type { CompiledService } from './compiled-service';
import { valuesOf, type ServiceObservation, type ShownValues } from './service-observation';

/** Changes of one evaluation, made of its outcome. Pure. */
export interface LedgerEntry {
  compiled: CompiledService;
  at: Date;
  state: State;
  /** True where the service has no stored state yet. */
  isFirst: boolean;
  /** Id of the open interval that ends here. */
  closes?: string;
  decisionId: string;
  opensInterval: boolean;
  nextMoment?: number;
  explanation: string;
  why: Why;
  values: ShownValues;
  trigger?: EntryTrigger;
  /** True where the stored state had moments in the future, which were set right. */
  wasAhead?: boolean;
  /** `traceparent` of the decision, where that is traced. */
  trace?: string;
  /** Whether an earlier trigger helped. */
  effect?: { of: Date; outcome: EffectOutcome; explanation: string };
}

export interface EntryTrigger {
  id: string;
  kind: 'breach' | 'recovery' | 'escalation';
  /** Sentence that says why. */
  justification: string;
  nodes?: Nodes;
  /** Ids of the alerts the trigger comes from. */
  alerts: readonly string[];
  /** Alerts that feed the service, newest first, as templates get them. */
  told: readonly ToldAlert[];
  toldTotal: number;
  /** Why its executions are held for a person; undefined where they are not. */
  held?: string;
  executions: { id: string; action: string }[];
  /** Executions that tell people of those that wait for approval. */
  requests: { id: string; action: string; execution: string }[];
}

/** Outcome of a trigger by its service's expectation; `not_executed` where none of its executions succeeded. */
export type EffectOutcome = 'helped' | 'not_helped' | 'unknown';

/** What is stored of a service, read under its lock. */
export interface LockedState {
  version: number;
  /** State of the kill switch as set by the API. */
  killSwitch: boolean;
  state?: State;
  decisionId?: string;
  nextMoment?: number;
  /** True where a moment of the state lay in the future and was set right. */
  wasAhead?: boolean;
}

/** Returns what an outcome changes. */
export function entryOf(
  observation: ServiceObservation,
  before: LockedState,
  outcome: Decided,
  nextMoment: Moment | undefined,
  around: Around,
  newId: () => string,
): LedgerEntry {
  const { compiled } = observation.snapshot;
  const { state } = outcome;
  const opensInterval = outcome.opensInterval || before.state === undefined;
  const { explanation, why } = toldOf(compiled, state, observation, around);
  return {
    compiled,
    at: observation.at,
    state,
    isFirst: before.state === undefined,
    closes: opensInterval ? before.decisionId : undefined,
    decisionId: opensInterval || before.decisionId === undefined ? newId() : before.decisionId,
    opensInterval,
    nextMoment,
    explanation,
    why,
    values: valuesOf(compiled, observation),
    trigger: triggerOf(observation, outcome, explanation, newId),
    effect: effectOf(observation, outcome),
    wasAhead: before.wasAhead,
  };
}

/** Returns the trigger, escalation or recovery that an outcome asks for, with new ids for its executions. */
function triggerOf(
  { snapshot, at, alerts, told = [], toldTotal = 0 }: ServiceObservation,
  { state, trigger, recovered, followUp }: Decided,
  explanation: string,
  newId: () => string,
): EntryTrigger | undefined {
  const { actionIds, recoveryActionIds, escalations, approvalActionIds } = snapshot.compiled.service;
  const telling = snapshot.compiled.rule.mode === 'approve' ? approvalActionIds : [];
  const steps = (followUp?.escalates ?? []).flatMap((step) => escalations[step]!.actionIds);
  const of = (ids: readonly string[]) => {
    const executions = [...new Set(ids)].map((action) => ({ id: newId(), action }));
    const requests = executions.flatMap(({ id: execution }) =>
      telling.map((action) => ({ id: newId(), action, execution })),
    );
    return { id: newId(), executions, requests };
  };
  const feeding = { told, toldTotal };
  if (trigger !== undefined) {
    // A step whose time comes with another trigger goes along with it.
    const ids = [...actionIds, ...steps];
    const { nodes } = trigger;
    return { kind: 'breach', justification: explanation, nodes, alerts, ...feeding, ...of(ids) };
  }
  if (steps.length > 0) {
    const justification = escalationOf(state, at, explanation);
    return { kind: 'escalation', justification, alerts: [], ...feeding, ...of(steps) };
  }
  if (!recovered || recoveryActionIds.length === 0) return undefined;
  return { kind: 'recovery', justification: explanation, alerts: [], ...feeding, ...of(recoveryActionIds) };
}

function effectOf(observation: ServiceObservation, { followUp }: Decided): LedgerEntry['effect'] {
  const { expect } = observation.snapshot.compiled.service;
  if (followUp?.effect === undefined || expect === null) return undefined;
  const { of, helped } = followUp.effect;
  const explanation = effectText(expect.condition, helped, observation.at.getTime() - of, observation);
  return {
    of: new Date(of),
    outcome: helped === undefined ? 'unknown' : helped ? 'helped' : 'not_helped',
    explanation,
  };
}

/** Returns what an entry asks of its infrastructure; nothing in shadow mode or without actions. */
export function askOf({ trigger, compiled }: LedgerEntry): Ask | undefined {
  const { mode } = compiled.rule;
  if (trigger?.nodes === undefined || trigger.executions.length === 0 || mode === 'shadow') return undefined;
  const { delta, desired } = trigger.nodes;
  const state = { is: mode === 'approve' ? 'unapproved' : 'under_way' } as const;
  return { trigger: trigger.id, delta, desired, left: delta, state };
}
