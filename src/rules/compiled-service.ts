import type { AlertMetric } from '../alerts/alert-values';
import type { InfrastructureRow, ServiceRow } from '../database/entities';
import type { Rule, State } from '../engine/types';
import type { Window } from '../engine/window';
import type { Polled } from '../polling/polled';

/** A service ready to be polled and evaluated: parsed, compiled and checked when its definition changes. */
export interface CompiledService extends Polled {
  readonly service: ServiceRow;
  readonly infrastructure?: InfrastructureRow;
  readonly rule: Rule;
  readonly alertMetrics: readonly AlertMetric[];
  readonly windows: readonly WindowedMetric[];
  /** True where a window belongs to a metric that alerts feed. */
  readonly hasAlertWindows: boolean;
  /** Returns why the condition is undecided with these values. */
  openBecause(values: Record<string, number>): string | undefined;
}

/** A metric whose value is made of the readings in a window. */
export interface WindowedMetric {
  metric: string;
  series: number;
  window: Window;
  /** True where the metric is known to be a Counter32 before it is read. */
  goesRound?: boolean;
}

/** A compiled service with its stored state. */
export interface ServiceSnapshot {
  readonly compiled: CompiledService;
  readonly state?: State;
  readonly nextMoment?: number;
  /** State of the kill switch as set by the API when this was read. */
  readonly killSwitch: boolean;
  /** `traceparent` of the decision by which a hold began that is not over, where that is traced. */
  readonly trace?: string;
}
