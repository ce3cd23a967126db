/** Types of the rule engine. Names of durations end in their unit. Nothing here knows a clock, a database or a framework. */

/** Moment in milliseconds since 1970. */
export type Moment = number;

export const PHASES = ['ok', 'pending', 'alarm', 'unknown'] as const;
export type Phase = (typeof PHASES)[number];

/** Reason a service is in its phase: the first thing that stopped a trigger, or that there was one. */
export const REASONS = [
  'condition_false',
  'holding',
  'wisdom',
  'infrastructure_wisdom',
  'flapping',
  'at_max_nodes',
  'at_min_nodes',
  'nodes_unknown',
  'policy_satisfied',
  'missing_data',
  'not_polled',
  'not_repeating',
  'disabled',
  'kill_switch',
  'silenced',
  'dependency',
  'triggered',
  'shadowed',
  'awaiting_approval',
] as const;
export type Reason = (typeof REASONS)[number];

export type Direction = 'up' | 'down';
export type Mode = 'auto' | 'shadow' | 'approve';
export type MissingData = 'hold' | 'reset' | 'breach' | 'ok';

/** A condition over the values at hand; `undefined` when a missing value leaves it open. */
export type Predicate = (values: Values) => boolean | undefined;
export type Values = Readonly<Record<string, number>>;

export interface Rule {
  /** Digest of condition, recovery and metrics: when it changes, the rule starts anew. */
  readonly key: string;
  readonly enabled: boolean;
  readonly condition: Predicate;
  /** Condition that ends an alarm; without it the alarm ends when the condition is false. */
  readonly recovery?: Predicate;
  readonly holdMs: number;
  readonly wisdomMs: number;
  readonly repeat: boolean;
  readonly missingData: MissingData;
  /** Interval between polls; undefined for a rule that alerts alone feed. */
  readonly intervalMs?: number;
  /** Time after the end of a silence in which a breach that lasts does not act yet; its interval, milliseconds. */
  readonly graceMs?: number;
  /** True where services that this one depends on may stop it. */
  readonly isDependent?: boolean;
  readonly mode: Mode;
  readonly scaling?: Scaling;
  /** Times from an alarm's first trigger to each escalation step, rising. */
  readonly escalationMs?: readonly number[];
  /** Condition that must become true after a trigger, and within which time. */
  readonly expect?: { readonly condition: Predicate; readonly withinMs: number };
}

/** Infrastructure a rule scales, and by how much. */
export interface Scaling {
  readonly infrastructure: string;
  readonly direction: Direction;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly wisdomMs: number;
  /**
   * Largest number of changes between up and down within an hour; one more freezes the scaling of the infrastructure
   * for an hour.
   */
  readonly maxDirectionChanges: number;
  /** Returns the number of nodes there should be, before limits; undefined when a value it depends on is missing. */
  readonly wish: (nodes: { effective: number; direction: Direction }, values: Values) => number | undefined;
}

/** What is remembered of an infrastructure, shared by all rules that scale it. */
export interface Scalings {
  /** Moment of the last trigger, by direction. */
  readonly lastAt: Readonly<Partial<Record<Direction, Moment>>>;
  readonly lastDirection?: Direction;
  /** Moments of the last hour at which a trigger went the other way than the one before it. */
  readonly directionChanges: readonly Moment[];
  readonly frozenUntil?: Moment;
}

/** What a silence mutes: everything that acts, scaling down, or telling alone. */
export type Mutes = 'actions' | 'scale_down' | 'notifications';

/** Silence, or one window of it, that covers a service. */
export interface SilenceWindow {
  readonly id: string;
  readonly owner: string;
  readonly reason: string;
  readonly mutes: Mutes;
  /** Whether a breach that lasts at its end acts then, or waits until there is a fresh one. */
  readonly onEnd: 'act' | 'wait';
  readonly from: Moment;
  /** Moment at which it is over. */
  readonly until: Moment;
}

/** Service in a phase in which those that depend on it do not act. */
export interface Parent {
  readonly name: string;
  readonly phase: Phase;
}

/** Acknowledgement of an alarm: somebody has seen it, and it is not told further for a while. */
export interface Acknowledged {
  readonly by: string;
  readonly note: string;
  readonly from: Moment;
  readonly until: Moment;
}

/** Facts a rule is evaluated on at one moment. */
export interface Observation {
  readonly values: Values;
  /** Metrics that could not be read: name -> why. */
  readonly errors: Readonly<Record<string, string>>;
  /** Moment of the previous observation; set only where a gap since then is to be judged. */
  readonly previousAt?: Moment;
  /** True where nobody has looked since the moment of this observation, which is then in the past. */
  readonly isStale?: boolean;
  /** True where not one metric could be read, so that no sample will show that the service was evaluated now. */
  readonly isBlind?: boolean;
  /** True where there is something new, such as an alert that fires; always true of polls. */
  readonly news?: boolean;
  readonly killSwitch: boolean;
  /** Silences of the service that have begun; those that ended long ago may be left out. */
  readonly silences?: readonly SilenceWindow[];
  /**
   * Service that stops this one, null where none does; left out until a decision asks for it, since it is read for
   * rules in alarm alone.
   */
  readonly parent?: Parent | null;
  /** Scaling history of the infrastructure the rule scales. */
  readonly scalings?: Scalings;
  /** Node count; left out until a decision asks for it, since counting costs a read. */
  readonly capacity?: Capacity;
}

export type Capacity =
  | {
      readonly known: true;
      /** Number of nodes counted. */
      readonly current: number;
      /** Number of nodes asked for and still to come; negative when more are leaving. */
      readonly inFlight: number;
      /**
       * Nodes asked for and not approved: they count for rules of the same direction, which would ask for them again.
       */
      readonly unapproved?: { readonly up: number; readonly down: number };
    }
  | { readonly known: false; readonly error: string };

/** What is remembered of a service between evaluations. */
export interface State {
  readonly ruleKey: string;
  readonly phase: Phase;
  readonly reason: Reason;
  /** Moment since which the service is in this phase. */
  readonly since: Moment;
  /** Moment since which the condition is true, for the hold: a trigger begins it anew. */
  readonly pendingSince?: Moment;
  /**
   * Moment since which the condition is true, whatever triggered meanwhile; under `missingData: hold`, gaps without
   * readings are left out.
   */
  readonly trueSince?: Moment;
  /** Moment at which this breach was seen first, whatever gap or trigger came after. */
  readonly breachFrom?: Moment;
  /** Silences that have covered this breach and whose end it waits out: what they mute stays muted until it is over. */
  readonly waits?: { readonly act?: SilenceWindow; readonly tell?: SilenceWindow };
  readonly acknowledged?: Acknowledged;
  /** True where the condition has held long enough and has not recovered. */
  readonly inAlarm: boolean;
  /** True where there was a trigger in this alarm. */
  readonly triggered: boolean;
  /** True where nothing new was observed since that trigger. */
  readonly answered: boolean;
  readonly lastTriggeredAt?: Moment;
  /** Moment of the first trigger of an alarm that escalates. */
  readonly firstTriggeredAt?: Moment;
  /** Number of escalation steps taken. */
  readonly escalated?: number;
  /** Moment of the trigger of which it is not known yet whether it helped. */
  readonly expectFrom?: Moment;
  /** Moment from which the wisdom time counts; undefined once a person has ended it. */
  readonly wisdomFrom?: Moment;
  /** Moment of the last evaluation that found a breach though no metric could be read. */
  readonly seenAt?: Moment;
  /** Moment since which nobody has evaluated the service. */
  readonly staleSince?: Moment;
  /** Moment of the last readings before the current gap of missing data. */
  readonly missingFrom?: Moment;
  readonly errors: Readonly<Record<string, string>>;
  /** Node numbers of the last decision that counted nodes. */
  readonly nodes?: Nodes;
  readonly nodesError?: string;
}

export interface Nodes {
  readonly current: number;
  /** Nodes still to come; negative when more are leaving. */
  readonly inFlight: number;
  /** Part of `inFlight` that nobody has approved: it comes, or leaves, only once somebody does. */
  readonly unapproved?: number;
  /** current + inFlight */
  readonly effective: number;
  readonly desired: number;
  /** desired - effective */
  readonly delta: number;
  /** True where the policy asks for a change and the limits allow none. */
  readonly isLimited?: boolean;
  /**
   * True where what the policy asks for lies on the other side of the counted number: nodes that are still leaving, or
   * that are on their way, cover it.
   */
  readonly isCovered?: boolean;
}

export interface Trigger {
  readonly nodes?: Nodes;
}

/** Follow-up of an earlier trigger. */
export interface FollowUp {
  /** Indexes of the escalation steps whose time has come. */
  readonly escalates?: readonly number[];
  /** Whether the trigger at the moment `of` helped; `helped` is undefined where that can't be told. */
  readonly effect?: { readonly of: Moment; readonly helped: boolean | undefined };
}

export type Outcome =
  /** The decision depends on the node count, or on other services: read it, and evaluate again with that. */
  | { readonly needs: 'capacity' | 'parent' }
  | {
      readonly needs?: undefined;
      readonly state: State;
      /** True where there is something to store: phase, reason or errors have changed, or there is a trigger. */
      readonly changed: boolean;
      /** True where a new interval of the ledger begins. */
      readonly opensInterval: boolean;
      readonly trigger?: Trigger;
      /**
       * True where an alarm in which there was a trigger has ended because its condition became false, not by a gap in
       * the observations.
       */
      readonly recovered?: boolean;
      readonly followUp?: FollowUp;
      /**
       * Moment until which nobody scales the infrastructure, set where the stopped trigger was one change of direction
       * too many.
       */
      readonly freezesUntil?: Moment;
    };
