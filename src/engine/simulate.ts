import { own } from './own';
import {
  asksForGap,
  evaluate,
  initialState,
  NEVER_SCALED,
  nextMoment,
  rememberedUntil,
  scaled,
  type Decided,
} from './evaluate';
import type {
  Moment,
  Nodes,
  Observation,
  Parent,
  Phase,
  Reason,
  Rule,
  Scalings,
  SilenceWindow,
  State,
  Values,
} from './types';
import { MAX_WINDOW_READINGS, windowed, type Window } from './window';

/** Readings of one moment: for each metric a number, or why there is none. */
export type Readings = Readonly<Record<string, number | { readonly error: string }>>;

export interface SimulationOptions {
  windows: readonly SimulatedWindow[];
  /** Number of nodes at the start. */
  nodes: number;
  /** Metrics whose value is the simulated number of nodes; they have no readings. */
  countingMetrics?: readonly string[];
  /** Metrics that alerts feed: what they carry is a reading when it is new. */
  pushedMetrics?: readonly string[];
  /** Silences of the service. */
  silences?: readonly SilenceWindow[];
  /** Phases of other services in which this one does not act. */
  parents?: readonly (Parent & { readonly from: Moment; readonly until: Moment })[];
  /** Time for which one reading stands, milliseconds; by default the rule's interval. */
  intervalMs?: number;
}

export interface SimulatedWindow {
  readonly metric: string;
  readonly window: Window;
  /** Moments at which a Counter32 began anew, as far as known; absent for other metrics. */
  readonly begins?: readonly Moment[];
}

/** One evaluation in simulated time. */
export interface Step {
  readonly at: Moment;
  readonly state: State;
  readonly opensInterval: boolean;
  readonly values: Values;
  readonly trigger?: { readonly nodes?: Nodes };
  /** Number of escalation steps taken at this moment. */
  readonly escalates: number;
}

/**
 * Runs a rule over simulated time with the real engine, and keeps in memory what the program around it stores: the
 * state, the readings in windows, the number of nodes and when they were scaled. A trigger counts as executed at once.
 */
export class Simulation {
  private state?: State;
  private scalings: Scalings = NEVER_SCALED;
  private nodes: number;
  private lastReadAt?: Moment;
  private readonly windows: WindowBuffer[];

  constructor(
    private readonly rule: Rule,
    private readonly options: SimulationOptions,
  ) {
    this.nodes = options.nodes;
    const intervalMs = options.intervalMs ?? rule.intervalMs ?? 0;
    this.windows = options.windows.map((one) => new WindowBuffer(one, intervalMs));
  }

  /** Adds readings from before the first evaluation to the windows. */
  warmUp(at: Moment, readings: Readings): void {
    for (const buffer of this.windows) buffer.add(at, readings[buffer.metric]);
  }

  /**
   * Evaluates the rule at one moment.
   *
   * @param news an alert that fires is new or changed
   */
  step(
    at: Moment,
    readings: Readings,
    { killSwitch = false, news }: { killSwitch?: boolean; news?: boolean } = {},
  ): Step {
    const before = this.state ?? initialState(this.rule, at);
    const { values, errors, isRead } = this.look(at, readings, news === true);
    const observation: Observation = {
      values,
      errors,
      previousAt: asksForGap(before) ? Math.max(rememberedUntil(before), this.lastReadAt ?? 0) : undefined,
      isBlind: this.rule.intervalMs !== undefined && !isRead,
      news: news ?? this.rule.intervalMs !== undefined,
      killSwitch,
      silences: this.options.silences,
      parent: this.options.parents?.find(({ from, until }) => from <= at && at < until) ?? null,
      scalings: this.scalings,
      capacity: { known: true, current: this.nodes, inFlight: 0 },
    };
    const outcome = evaluate(this.rule, before, observation, at) as Decided;
    if (isRead) this.lastReadAt = at;
    this.remember(outcome, at);
    const opensInterval = outcome.opensInterval || this.state === undefined;
    this.state = outcome.state;
    const escalates = outcome.followUp?.escalates?.length ?? 0;
    return {
      at,
      state: outcome.state,
      opensInterval: opensInterval,
      values,
      trigger: outcome.trigger,
      escalates,
    };
  }

  /** Returns the moment at which a rule without polls is evaluated again though nothing new arrives. */
  nextMoment(at: Moment): Moment | undefined {
    if (this.state === undefined) return undefined;
    const { silences } = this.options;
    const observation = { values: {}, errors: {}, killSwitch: false, silences, scalings: this.scalings };
    return nextMoment(this.rule, this.state, observation, undefined, at);
  }

  private look(at: Moment, readings: Readings, isNews: boolean) {
    const values: Record<string, number> = {};
    const errors: Record<string, string> = {};
    let isRead = false;
    for (const metric in readings) {
      const reading = readings[metric]!;
      if (typeof reading === 'number') {
        values[metric] = reading;
        isRead = true;
      } else errors[metric] = reading.error;
    }
    for (const metric of this.options.countingMetrics ?? []) values[metric] = this.nodes;
    for (const buffer of this.windows) {
      const isPushed = this.options.pushedMetrics?.includes(buffer.metric) === true;
      if (!isPushed || isNews) buffer.add(at, own(values, buffer.metric));
      if (!Object.hasOwn(values, buffer.metric)) continue;
      const result = buffer.result(at);
      // What is sent stands as it is until there is something to make a window of.
      if (isPushed && 'error' in result) continue;
      if ('value' in result) values[buffer.metric] = result.value;
      else {
        delete values[buffer.metric];
        errors[buffer.metric] = result.error;
      }
    }
    return { values, errors, isRead };
  }

  private remember({ trigger, freezesUntil }: Decided, at: Moment): void {
    if (freezesUntil !== undefined) this.scalings = { ...this.scalings, frozenUntil: freezesUntil };
    if (trigger?.nodes === undefined) return;
    this.nodes = trigger.nodes.desired;
    this.scalings = scaled(this.scalings, this.rule.scaling!.direction, at);
  }
}

/** Readings of one window, added as they come. */
class WindowBuffer {
  private readonly moments: Moment[] = [];
  private readonly values: number[] = [];

  constructor(
    private readonly of: SimulatedWindow,
    private readonly intervalMs: number,
  ) {}

  get metric(): string {
    return this.of.metric;
  }

  add(at: Moment, reading: Readings[string] | undefined): void {
    if (typeof reading !== 'number') return;
    this.moments.push(at);
    this.values.push(reading);
    if (this.moments.length > MAX_WINDOW_READINGS) this.forgetOldest();
  }

  private forgetOldest(): void {
    this.moments.shift();
    this.values.shift();
  }

  result(now: Moment) {
    const { window, begins } = this.of;
    const from = now - window.seconds * 1000;
    while (this.moments.length > 0 && this.moments[0]! <= from) this.forgetOldest();
    const [firstAt, lastAt] = [this.moments[0], this.moments.at(-1)];
    if (firstAt === undefined || lastAt === undefined)
      return windowed(window, undefined, now, this.intervalMs);
    const counter32 = begins && { moments: this.moments, begins };
    return windowed(window, { values: this.values, firstAt, lastAt, counter32 }, now, this.intervalMs);
  }
}

export interface TimelineInterval {
  from: Moment;
  to: Moment;
  phase: Phase;
  reason: Reason;
}

export interface SimulatedTrigger {
  at: Moment;
  values: Values;
  nodes?: Nodes;
}

export interface Summary {
  triggers: number;
  /** Number of further escalation steps taken while alarms lasted. */
  escalations: number;
  secondsInAlarm: number;
  secondsAtLimit: number;
  secondsMissing: number;
  /** Number of changes of phase. */
  transitions: number;
}

/** Largest number of intervals, and of triggers, that are listed; more are only counted. */
export const MAX_LISTED = 20_000;

/** Result of a simulation: its intervals, triggers and sums, bounded whatever the length. */
export class Timeline {
  readonly intervals: TimelineInterval[] = [];
  readonly triggers: SimulatedTrigger[] = [];
  private open?: TimelineInterval;
  private readonly sums: Summary = {
    triggers: 0,
    escalations: 0,
    secondsInAlarm: 0,
    secondsAtLimit: 0,
    secondsMissing: 0,
    transitions: 0,
  };

  add({
    at,
    state: { phase, reason },
    opensInterval: opensInterval,
    values,
    trigger,
    escalates,
  }: Step): void {
    this.sums.escalations += escalates;
    if (opensInterval || this.open === undefined) {
      if (this.open !== undefined && this.open.phase !== phase) this.sums.transitions++;
      this.close(at);
      this.open = { from: at, to: at, phase, reason };
      if (this.intervals.length < MAX_LISTED) this.intervals.push(this.open);
    }
    if (trigger === undefined) return;
    this.sums.triggers++;
    if (this.triggers.length < MAX_LISTED) this.triggers.push({ at, values, nodes: trigger.nodes });
  }

  /**
   * Closes the last interval and returns the sums.
   *
   * @param at when the simulated time ends
   */
  end(at: Moment): Summary {
    this.close(at);
    return { ...this.sums };
  }

  private close(at: Moment): void {
    if (this.open === undefined) return;
    this.open.to = at;
    const { from, phase, reason } = this.open;
    const seconds = (at - from) / 1000;
    if (phase === 'alarm') this.sums.secondsInAlarm += seconds;
    if (reason === 'at_max_nodes' || reason === 'at_min_nodes') this.sums.secondsAtLimit += seconds;
    if (phase === 'unknown') this.sums.secondsMissing += seconds;
  }
}
