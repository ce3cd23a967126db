import { explain, number, seconds, why, type Circumstances, type Why } from '../engine/explain';
import type { Scalings, State } from '../engine/types';
import type { Prepared } from './rule-book';
import type { Seen } from './seen';
import { own } from '../common/records';

type Glimpse = Pick<Seen, 'values' | 'errors' | 'notes' | 'at' | 'told' | 'toldTotal'>;

/** What stands around a service when its state is told. */
export interface Surroundings {
  scalings?: Scalings;
  killSwitch?: boolean;
}

/** The state of a service as a sentence, at the moment something was seen of it. */
export function explanationOf(prepared: Prepared, state: State, seen: Glimpse, around: Surroundings): string {
  return explain(prepared.rule, state, circumstances(prepared, state, seen, around), seen.at.getTime());
}

/** The same, and taken apart. */
export function toldOf(
  prepared: Prepared,
  state: State,
  seen: Glimpse,
  around: Surroundings,
): { explanation: string; why: Why } {
  const told = circumstances(prepared, state, seen, around);
  const now = seen.at.getTime();
  return { explanation: explain(prepared.rule, state, told, now), why: why(prepared.rule, state, told, now) };
}

function circumstances(
  prepared: Prepared,
  state: State,
  { values, errors, notes, told, toldTotal }: Glimpse,
  { scalings, killSwitch }: Surroundings,
): Circumstances {
  const { service } = prepared;
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
    wisdomUntil: wisdomUntil(prepared, state),
    killSwitch,
    scalings,
    missingData: service.missingData,
    alerts: told,
    alertsTotal: toldTotal,
  };
}

/** When the wisdom time after the last trigger ends or ended; undefined when there is none. */
export function wisdomUntil({ rule }: Prepared, { wisdomFrom }: State): number | undefined {
  return wisdomFrom === undefined ? undefined : wisdomFrom + rule.wisdomMs;
}

/** Why a further step is taken. */
export const escalationOf = ({ firstTriggeredAt }: State, at: Date, explanation: string): string =>
  `still in alarm ${seconds(at.getTime() - firstTriggeredAt!)} after its first trigger; ${explanation}`;

/** Whether what a trigger is to bring about has come to be, at a moment. */
export function effectText(
  condition: string,
  helped: boolean | undefined,
  afterMs: number,
  seen: Glimpse,
): string {
  const is = helped === undefined ? 'can not be told' : helped ? 'is true' : 'is not true';
  const read = Object.entries(seen.values).map(([metric, value]) => `${metric} is ${number(value)}`);
  const unread = Object.entries(seen.errors).map(([metric, why]) => `${metric} can't be read: ${why}`);
  return [`${condition} ${is} ${seconds(afterMs)} after the trigger`, ...read, ...unread].join('; ');
}
