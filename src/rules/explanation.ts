import { explain, number, seconds, why, type Circumstances, type Why } from '../engine/explain';
import type { Parent, Scalings, SilenceWindow, State } from '../engine/types';
import type { CompiledService } from './compiled-service';
import type { ServiceObservation } from './service-observation';
import { own } from '../common/records';

type ObservedReadings = Pick<ServiceObservation, 'values' | 'errors' | 'notes' | 'at' | 'told' | 'toldTotal'>;

/** Facts about a service's surroundings that an explanation needs. */
export interface Surroundings {
  scalings?: Scalings;
  killSwitch?: boolean;
  silences?: readonly SilenceWindow[];
  parent?: Parent | null;
}

/** Returns a service's state as a sentence, at the moment of an observation. */
export function explanationOf(
  compiled: CompiledService,
  state: State,
  observation: ObservedReadings,
  around: Surroundings,
): string {
  return explain(
    compiled.rule,
    state,
    circumstances(compiled, state, observation, around),
    observation.at.getTime(),
  );
}

/** Returns a service's state as a sentence and in parts. */
export function toldOf(
  compiled: CompiledService,
  state: State,
  observation: ObservedReadings,
  around: Surroundings,
): { explanation: string; why: Why } {
  const told = circumstances(compiled, state, observation, around);
  const now = observation.at.getTime();
  return { explanation: explain(compiled.rule, state, told, now), why: why(compiled.rule, state, told, now) };
}

function circumstances(
  compiled: CompiledService,
  state: State,
  { values, errors, notes, told, toldTotal }: ObservedReadings,
  { scalings, killSwitch, silences, parent }: Surroundings,
): Circumstances {
  const { service } = compiled;
  const readings: Record<string, Circumstances['values'][string]> = {};
  for (const metric in service.metrics) {
    const value = own(values, metric);
    readings[metric] =
      value === undefined
        ? { error: own(errors, metric) ?? 'not read' }
        : { value, note: own(notes, metric) };
  }
  return {
    condition: service.condition,
    recovery: service.recovery ?? undefined,
    values: readings,
    wisdomUntil: wisdomUntil(compiled, state),
    killSwitch,
    scalings,
    silences,
    parent,
    missingData: service.missingData,
    alerts: told,
    alertsTotal: toldTotal,
  };
}

/** Returns the end of the wisdom time after the last trigger, past or not; undefined when there is none. */
export function wisdomUntil({ rule }: CompiledService, { wisdomFrom }: State): number | undefined {
  return wisdomFrom === undefined ? undefined : wisdomFrom + rule.wisdomMs;
}

/** Returns the justification of an escalation step. */
export const escalationOf = ({ firstTriggeredAt }: State, at: Date, explanation: string): string =>
  `still in alarm ${seconds(at.getTime() - firstTriggeredAt!)} after its first trigger; ${explanation}`;

/** Describes whether what was expected of a trigger is true at a moment. */
export function effectText(
  condition: string,
  helped: boolean | undefined,
  afterMs: number,
  observation: ObservedReadings,
): string {
  const is = helped === undefined ? 'can not be told' : helped ? 'is true' : 'is not true';
  const read = Object.entries(observation.values).map(([metric, value]) => `${metric} is ${number(value)}`);
  const unread = Object.entries(observation.errors).map(([metric, why]) => `${metric} can't be read: ${why}`);
  return [`${condition} ${is} ${seconds(afterMs)} after the trigger`, ...read, ...unread].join('; ');
}
