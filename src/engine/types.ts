/**
 * The words of the rule engine. Moments are milliseconds since the epoch; durations end in their unit. Nothing here
 * knows a clock, a database or a framework.
 */
export type Moment = number;

export type Phase = 'ok' | 'pending' | 'alarm' | 'unknown';

/** Why a service is in its phase: the first thing that stopped a trigger, or that there was one. */
export type Reason =
  | 'condition_false'
  | 'holding'
  | 'wisdom'
  | 'infrastructure_wisdom'
  | 'flapping'
  | 'at_max_nodes'
  | 'at_min_nodes'
  | 'nodes_unknown'
  | 'policy_satisfied'
  | 'missing_data'
  | 'not_polled'
  | 'not_repeating'
  | 'disabled'
  | 'kill_switch'
  | 'triggered'
  | 'shadowed'
  | 'awaiting_approval';

export type Direction = 'up' | 'down';
export type Mode = 'auto' | 'shadow' | 'approve';
export type MissingData = 'hold' | 'reset' | 'breach' | 'ok';

/** A condition over the values at hand; `undefined` when a missing value leaves it open. */
export type Predicate = (values: Values) => boolean | undefined;
export type Values = Readonly<Record<string, number>>;

export interface Rule {
  /** Of condition, recovery and metrics: when it changes, the rule starts anew. */
  readonly key: string;
  readonly enabled: boolean;
  readonly condition: Predicate;
  /** Ends the alarm; without it, the condition being false does. */
  readonly recovery?: Predicate;
  readonly holdMs: number;
  readonly wisdomMs: number;
  readonly repeat: boolean;
  readonly missingData: MissingData;
  /** How often it is polled; undefined when it is fed by alerts alone. */
  readonly intervalMs?: number;
  readonly mode: Mode;
  readonly scaling?: Scaling;
  /** After the first trigger of an alarm, while it lasts: when each further step is taken, rising. */
  readonly escalationMs?: readonly number[];
  /** What is to become true after a trigger, and by when. */
  readonly expect?: { readonly condition: Predicate; readonly withinMs: number };
}

/** The piece of infrastructure a rule scales, and by how much. */
export interface Scaling {
  readonly infrastructure: string;
  readonly direction: Direction;
  readonly minNodes: number;
  readonly maxNodes: number;
  readonly wisdomMs: number;
  /** More changes between up and down within an hour freeze the scaling of the infrastructure for an hour. */
  readonly maxDirectionChanges: number;
  /** How many nodes there should be, before limits; undefined when a value it goes by is missing. */
  readonly wish: (nodes: { effective: number; direction: Direction }, values: Values) => number | undefined;
}

/** What is remembered of an infrastructure by all the rules that scale it. */
export interface Scalings {
  /** The last trigger, by direction. */
  readonly lastAt: Readonly<Partial<Record<Direction, Moment>>>;
  readonly lastDirection?: Direction;
  /** When a trigger went the other way than the one before it; those of the last hour. */
  readonly directionChanges: readonly Moment[];
  readonly frozenUntil?: Moment;
}

/** What is seen at one moment. */
export interface Observation {
  readonly values: Values;
  /** Metrics that could not be read: name -> why. */
  readonly errors: Readonly<Record<string, string>>;
  /** When it was last seen before this moment, if a gap since then is to be judged. */
  readonly previousAt?: Moment;
  /** Nobody has looked since this moment, which is past when it is told. */
  readonly isStale?: boolean;
  /** Not one metric could be read: no sample tells later that it was seen now. */
  readonly isBlind?: boolean;
  /** Something new is seen: an alert that fires. Polls always see something new. */
  readonly news?: boolean;
  readonly killSwitch: boolean;
  /** Of the infrastructure the rule scales. */
  readonly scalings?: Scalings;
  /** Left out until it is asked for: counting nodes costs a read. */
  readonly capacity?: Capacity;
}

export type Capacity =
  | {
      readonly known: true;
      /** As counted. */
      readonly current: number;
      /** Asked for and still to come; negative when more are leaving. */
      readonly inFlight: number;
      /** Asked for and not approved: it counts for rules of the same direction, which would ask for it again. */
      readonly unapproved?: { readonly up: number; readonly down: number };
    }
  | { readonly known: false; readonly error: string };

/** What is remembered between evaluations. */
export interface State {
  readonly ruleKey: string;
  readonly phase: Phase;
  readonly reason: Reason;
  /** Since when it is in this phase. */
  readonly since: Moment;
  /** Since when the condition is true, as far as the hold goes: a trigger begins it anew. */
  readonly pendingSince?: Moment;
  /** Since when the condition is true, whatever triggered meanwhile; time in which nobody could see it is left out. */
  readonly trueSince?: Moment;
  /** The condition has held and has not recovered. */
  readonly inAlarm: boolean;
  /** There was a trigger in this alarm. */
  readonly triggered: boolean;
  /** There was no news since that trigger. */
  readonly answered: boolean;
  readonly lastTriggeredAt?: Moment;
  /** In an alarm that escalates: its first trigger. */
  readonly firstTriggeredAt?: Moment;
  /** How many steps of its escalation were taken. */
  readonly escalated?: number;
  /** The trigger of which it is not known yet whether it helped. */
  readonly expectFrom?: Moment;
  /** Where the wisdom time counts from; gone when a person ended it. */
  readonly wisdomFrom?: Moment;
  /** The last evaluation that was decided though nothing could be read, and that found it in breach. */
  readonly seenAt?: Moment;
  /** Nobody has looked at it since. */
  readonly staleSince?: Moment;
  /** In a gap of missing data: when readings were last seen. */
  readonly missingFrom?: Moment;
  readonly errors: Readonly<Record<string, string>>;
  /** Of the last decision that counted nodes. */
  readonly nodes?: Nodes;
  readonly nodesError?: string;
}

export interface Nodes {
  readonly current: number;
  /** Still to come; negative when more are leaving. */
  readonly inFlight: number;
  /** What of `inFlight` nobody has approved: it comes, or leaves, only if somebody does. */
  readonly unapproved?: number;
  /** current + inFlight */
  readonly effective: number;
  readonly desired: number;
  /** desired - effective */
  readonly delta: number;
  /** The policy wished for more than the limits allow. */
  readonly isLimited?: boolean;
  /** What the policy wishes for is there and has not left yet, or is on its way: it lies on the other side of the count. */
  readonly isCovered?: boolean;
}

export interface Trigger {
  readonly nodes?: Nodes;
}

/** What follows from an earlier trigger. */
export interface FollowUp {
  /** Steps of the escalation, by their place, whose time has come. */
  readonly escalates?: readonly number[];
  /** Of the trigger at that moment; `helped` is undefined where nobody can tell. */
  readonly effect?: { readonly of: Moment; readonly helped: boolean | undefined };
}

export type Outcome =
  /** The decision depends on the node count: read it, and evaluate again with `capacity`. */
  | { readonly needs: 'capacity' }
  | {
      readonly needs?: undefined;
      readonly state: State;
      /** Phase, reason or errors are not what they were, or there is a trigger: there is something to write. */
      readonly changed: boolean;
      /** Another interval of the ledger begins. */
      readonly opensInterval: boolean;
      readonly trigger?: Trigger;
      /** An alarm in which there was a trigger has ended: it was seen to be over, not lost from sight. */
      readonly recovered?: boolean;
      readonly followUp?: FollowUp;
      /** The trigger that was stopped was a change of direction too many: nobody scales the infrastructure until then. */
      readonly freezesUntil?: Moment;
    };
