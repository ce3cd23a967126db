import { actsAt, silencingOf, type Silencing } from './silencing';
import type { MissingData, Moment, Nodes, Observation, Parent, Reason, Rule, Scalings, State } from './types';
import { alertText, type ToldAlert } from './told-alert';
import { span } from './window';
import { own } from './own';

/** Facts an explanation is made of, beyond rule and state. */
export interface Circumstances {
  condition: string;
  recovery?: string;
  /** Value of each metric; `note` says what it is made of, for example "avg 5 min". */
  values: Readonly<Record<string, { value: number; note?: string } | { error: string }>>;
  wisdomUntil?: Moment;
  /** True while the kill switch is on: nothing triggers. */
  killSwitch?: boolean;
  scalings?: Scalings;
  silences?: Observation['silences'];
  /** Service that stops this one, where one does. */
  parent?: Parent | null;
  missingData: MissingData;
  /** Alerts that feed the rule, newest first, possibly only some of them; `alertsTotal` is their full number. */
  alerts?: readonly ToldAlert[];
  alertsTotal?: number;
}

/** A condition with its values filled in; `truth` is null where a missing value leaves it open. */
export interface Filled {
  text: string;
  filled: string;
  truth: boolean | null;
}

/** Explanation of a service's state, in parts. */
export interface Why {
  condition: Filled;
  /** Condition that ends the alarm; present in alarm only. */
  recovery?: Filled;
  /** What prevented a trigger though the condition is true. */
  guard?: { reason: Reason; detail: string };
  /** Changes that would let the service trigger. */
  toChange: string[];
  /** Alerts that feed the rule, newest first; `alertsTotal` is their full number. */
  alerts?: readonly ToldAlert[];
  alertsTotal?: number;
}

/** Returns the state as a sentence an operator understands, with numbers. */
export function explain(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string {
  switch (state.reason) {
    case 'disabled':
      return 'the service is disabled: it is not evaluated and never triggers';
    case 'condition_false':
      return sentence(values(circumstances), `"${circumstances.condition}" is false`);
    case 'not_polled':
      return unseen(rule, state);
    case 'missing_data':
      if (state.phase !== 'alarm') return missing(state, circumstances);
      break;
    default:
    // All others stand against a trigger, which is said below.
  }
  const observation = breach(rule, state, circumstances, now);
  if (state.reason === 'holding' && !state.inAlarm) {
    const held = breach(rule, state, { ...circumstances, alerts: undefined }, now);
    return sentence(
      `${held} of ${seconds(rule.holdMs)}`,
      fed(circumstances),
      promise(rule, state, circumstances),
    );
  }
  return `${observation}; ${guard(rule, state, circumstances, now)}${lateParent(state, circumstances)}`;
}

/**
 * Returns "<what>, so it is not scaled: <why>"; drops `what` from the start of `why`, as the counter may have said it.
 */
const uncounted = (what: string, why: string): string =>
  `${what}, so it is not scaled: ${why.startsWith(`${what}: `) ? why.slice(what.length + 2) : why}`;

/** Describes what prevents a trigger, or that there was one. */
function guard(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string {
  const { scaling } = rule;
  const web = scaling?.infrastructure;
  switch (state.reason) {
    case 'holding':
      return `${holdOf(rule, state)}; ${promise(rule, state, circumstances)}`;
    case 'kill_switch':
      return 'the kill switch is on, so nothing triggers';
    case 'silenced':
      return silenced(rule, state, circumstances, now);
    case 'dependency':
      return `${dependency(circumstances)}${meanwhile(state)}`;
    case 'wisdom':
      return `it triggered at ${clock(state.lastTriggeredAt!)} and may not again before ${clock(circumstances.wisdomUntil ?? now)} (wisdom time)`;
    case 'infrastructure_wisdom':
      return `${web} was scaled ${scaling!.direction} lately and may not be again before ${clock(infrastructureWisdomUntil(rule, circumstances) ?? now)}`;
    case 'flapping':
      return `${web} was to go up and down more than ${scaling!.maxDirectionChanges} times within an hour, so nobody scales it before ${clock(circumstances.scalings?.frozenUntil ?? now)}`;
    case 'nodes_unknown':
      return uncounted(`the nodes of ${web} can't be counted`, state.nodesError ?? 'no count yet');
    case 'missing_data':
      return `its policy can't say how many nodes there should be: ${unreadable(state).join('; ')}`;
    case 'at_max_nodes':
      return `${web} has ${counted(state)}, its maximum is ${scaling?.maxNodes}`;
    case 'at_min_nodes':
      return `${web} has ${counted(state)}, its minimum is ${scaling?.minNodes}`;
    case 'policy_satisfied':
      return `${web} has ${counted(state)}, and ${satisfied(rule, state)}`;
    case 'not_repeating':
      return `it triggered at ${clock(state.lastTriggeredAt!)} and does not again until it has recovered`;
    case 'triggered':
      return `triggered at ${clock(state.lastTriggeredAt!)}${change(state)}`;
    case 'shadowed':
      return `would have triggered at ${clock(state.lastTriggeredAt!)}${change(state)}, but is in shadow mode`;
    case 'awaiting_approval':
      return `triggered at ${clock(state.lastTriggeredAt!)}${change(state)}, and waits for a person's approval`;
    case 'not_polled':
      return unseen(rule, state);
    case 'condition_false':
    case 'disabled':
      return '';
  }
}

function unseen({ intervalMs }: Rule, { staleSince, since }: State): string {
  const nobody = `nobody has looked since ${clock(staleSince ?? since)}`;
  return intervalMs === undefined
    ? `${nobody}, though there is something to look at: what was seen then says nothing about now`
    : `${nobody}, and it is to be read every ${seconds(intervalMs)}: what was seen then says nothing about now`;
}

function silenced(rule: Rule, state: State, { silences }: Circumstances, now: Moment): string {
  const silencing = silencingOf(rule, state, silences, 'act', now);
  if (silencing === undefined) return 'it was silenced when it was evaluated last';
  const { silence, is } = silencing;
  const named = `${silence.owner} silenced it ("${silence.reason}")`;
  switch (is) {
    case 'active':
      return `${named} until ${dated(silence.until)}`;
    case 'grace':
      return `${named} until ${dated(silence.until)}, and it acts at ${clock(actsAt(rule, silencing)!)} at the earliest, an interval later`;
    case 'waits':
      return `${named} until ${dated(silence.until)}, and it waits for a fresh breach`;
  }
}

const dependency = ({ parent }: Circumstances): string =>
  parent
    ? `${parent.name}, on which it depends, is in phase ${parent.phase}`
    : 'a service on which it depends was in the way when it was evaluated last';

/** Says that what a service did is to be seen in another light: that on which it depends came into alarm later. */
function lateParent(state: State, circumstances: Circumstances): string {
  const isTold = !circumstances.parent || state.reason === 'dependency' || !state.triggered;
  return isTold ? '' : `; meanwhile ${dependency(circumstances)}`;
}

/** Says what a service did before that on which it depends came to light. */
const meanwhile = ({ triggered, lastTriggeredAt }: State): string =>
  triggered && lastTriggeredAt !== undefined
    ? `; it had triggered at ${clock(lastTriggeredAt)}, before that was known`
    : '';

/** Describes the hold that is not over: the first one, or the one that a trigger started anew. */
function holdOf(rule: Rule, { inAlarm, lastTriggeredAt }: State): string {
  const hold = `its hold time of ${seconds(rule.holdMs)}`;
  if (!inAlarm) return `${hold} is not over`;
  return lastTriggeredAt === undefined
    ? `${hold} is not over yet`
    : `it triggered at ${clock(lastTriggeredAt)}, and ${hold} runs anew`;
}

/** Says when the service triggers if its hold lasts to the end. */
function promise(rule: Rule, state: State, { killSwitch, wisdomUntil }: Circumstances): string {
  if (killSwitch) return 'the kill switch is on, so nothing triggers at its end';
  const at = Math.max(state.pendingSince! + rule.holdMs, wisdomUntil ?? 0);
  return `triggers${state.triggered ? ' again' : ''} at ${clock(at)} unless it ends`;
}

const NO_GUARD: readonly Reason[] = ['condition_false', 'disabled', 'triggered'];

/** Explains the state in parts: the condition with its values, the guard, and what would have to change. */
export function why(rule: Rule, state: State, circumstances: Circumstances, now: Moment): Why {
  const { condition, recovery } = circumstances;
  const isBlind = state.reason === 'missing_data' && state.phase !== 'alarm';
  return {
    condition: filledIn(condition, rule.condition, circumstances),
    ...(state.inAlarm && recovery !== undefined && rule.recovery !== undefined
      ? { recovery: filledIn(recovery, rule.recovery, circumstances) }
      : {}),
    ...(NO_GUARD.includes(state.reason)
      ? {}
      : {
          guard: {
            reason: state.reason,
            detail: isBlind ? missing(state, circumstances) : guard(rule, state, circumstances, now),
          },
        }),
    toChange: toChange(rule, state, circumstances, now),
    ...(circumstances.alerts === undefined
      ? {}
      : { alerts: circumstances.alerts, alertsTotal: circumstances.alertsTotal }),
  };
}

/** Fills values into a condition: `cpu > 80 || isMissing(load)` -> `93 > 80 || false` */
export function filledIn(
  text: string,
  condition: Rule['condition'],
  { values }: Pick<Circumstances, 'values'>,
): Filled {
  const filled = text.replace(NAMES, (name, asked?: string) => {
    if (asked !== undefined) return String(!('value' in (own(values, asked) ?? {})));
    const reading = own(values, name);
    if (reading === undefined) return name;
    return 'value' in reading ? number(reading.value) : 'missing';
  });
  return { text, filled, truth: condition(numbersOf(values)) ?? null };
}

/** Returns the values of the metrics that have one. */
export function numbersOf(
  values: Readonly<Record<string, { value: number } | object>>,
): Record<string, number> {
  const numbers: Record<string, number> = {};
  for (const metric in values) {
    const reading = values[metric]!;
    if ('value' in reading) numbers[metric] = reading.value;
  }
  return numbers;
}

const NAMES = /isMissing\(\s*(\w+)\s*\)|\b[A-Za-z]\w*/g;

function toChange(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string[] {
  const { scaling } = rule;
  const web = scaling?.infrastructure;
  const until = (moment: Moment | undefined) => clock(moment ?? now);
  switch (state.reason) {
    case 'disabled':
      return ['the service must be enabled'];
    case 'condition_false': {
      const hold = rule.holdMs === 0 ? '' : ` and stay true for ${span(rule.holdMs)}`;
      return [`${wanted(circumstances)} must become true${hold}`];
    }
    case 'missing_data':
      return Object.keys(state.errors).map((metric) => `${metric} must be readable again`);
    case 'not_polled':
      return ['a worker must look again: is one running, and does it reach PostgreSQL and Redis?'];
    case 'holding':
      return [
        `the condition must stay true until ${until(state.pendingSince! + rule.holdMs)}`,
        ...(circumstances.killSwitch ? ['the kill switch must be turned off'] : []),
      ];
    case 'kill_switch':
      return ['the kill switch must be turned off'];
    case 'silenced':
      return [silenceEnds(silencingOf(rule, state, circumstances.silences, 'act', now), circumstances)];
    case 'dependency':
      return [`${circumstances.parent?.name ?? 'what it depends on'} must leave that phase`];
    case 'wisdom':
      return [
        `the wisdom time must end, at ${until(circumstances.wisdomUntil)} or earlier by a person, with the condition still true`,
      ];
    case 'infrastructure_wisdom':
      return [
        `the wisdom time of ${web} must end, at ${until(infrastructureWisdomUntil(rule, circumstances))}`,
      ];
    case 'flapping':
      return [
        `the freeze of ${web} must end, at ${until(circumstances.scalings?.frozenUntil)} or earlier by a person`,
      ];
    case 'nodes_unknown':
      return [`the nodes of ${web} must be countable again`];
    case 'at_max_nodes':
      return [`${web} must have fewer than ${scaling?.maxNodes} nodes, or a higher maxNodes`];
    case 'at_min_nodes':
      return [`${web} must have more than ${scaling?.minNodes} nodes, or a lower minNodes`];
    case 'policy_satisfied':
      if (state.nodes?.isCovered) return [`what was asked of ${web} before must be done first`];
      return [
        `the policy must ask for ${scaling?.direction === 'up' ? 'more' : 'fewer'} nodes than ${web} has`,
      ];
    case 'not_repeating':
      return [`the alarm must end first: ${ending(circumstances)}`];
    case 'shadowed':
      return ['the mode must be auto or approve for it to act'];
    case 'awaiting_approval':
      return ['a person must approve its executions'];
    case 'triggered': {
      if (!rule.repeat) return [`to trigger again, the alarm must end first: ${ending(circumstances)}`];
      const again = Math.max(circumstances.wisdomUntil ?? now, now + rule.holdMs);
      return [`it triggers again at ${clock(again)} at the earliest, if the condition stays true`];
    }
  }
}

const silenceEnds = (silencing: Silencing | undefined, circumstances: Circumstances): string =>
  silencing?.is === 'waits' || silencing?.silence.onEnd === 'wait'
    ? `the alarm must end, and begin anew after the silence: ${ending(circumstances)}`
    : `the silence must end, at ${silencing === undefined ? 'its time' : dated(silencing.silence.until)} or earlier by a person`;

const wanted = ({ condition, values }: Circumstances): string => {
  const simple = SIMPLE.exec(condition);
  const reading = simple ? own(values, simple[1]!) : undefined;
  const now = reading && 'value' in reading ? ` (${simple![1]} is ${number(reading.value)})` : '';
  return `"${condition}"${now}`;
};

const ending = ({ condition, recovery }: Circumstances): string =>
  recovery === undefined ? `"${condition}" must become false` : `"${recovery}" must become true`;

function infrastructureWisdomUntil({ scaling }: Rule, { scalings }: Circumstances): Moment | undefined {
  const at = scaling && scalings?.lastAt[scaling.direction];
  return at === undefined ? undefined : at + scaling!.wisdomMs;
}

/** Describes a breach: "cpu is 93, over 80 for 42 s" for a simple comparison, else the values and the condition. */
function breach(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string {
  const lastingSeconds = Math.floor((now - (state.trueSince ?? state.pendingSince ?? now)) / 1000);
  const lasting = lastingSeconds > 0 || state.reason === 'holding' ? ` for ${lastingSeconds} s` : '';
  const recovering = state.inAlarm && circumstances.recovery !== undefined;
  const simple = recovering ? undefined : SIMPLE.exec(circumstances.condition);
  const reading = simple ? own(circumstances.values, simple[1]!) : undefined;
  if (simple && reading && 'value' in reading && Object.keys(circumstances.values).length === 1) {
    return sentence(
      `${simple[1]} is ${shown(reading)}, ${WORDS[simple[2]!]} ${simple[3]}${lasting}`,
      fed(circumstances),
    );
  }
  const truth = recovering
    ? `in alarm until "${circumstances.recovery}"${lasting}`
    : `"${circumstances.condition}" is true${lasting}`;
  return sentence(values(circumstances), truth, fed(circumstances));
}

/** Describes the newest of the alerts that feed the rule, and says how many more there are. */
function fed({ alerts = [], alertsTotal = 0 }: Circumstances): string {
  const [newest] = alerts;
  if (newest === undefined) return '';
  const others = Math.max(alertsTotal, alerts.length) - 1;
  return others > 0 ? `${alertText(newest)} (and ${others} more)` : alertText(newest);
}

const SIMPLE = /^\s*([A-Za-z]\w*)\s*(>=|<=|>|<|==|!=)\s*(-?\d+(?:\.\d+)?)\s*$/;
const WORDS: Record<string, string> = {
  '>': 'over',
  '<': 'under',
  '>=': 'at or over',
  '<=': 'at or under',
  '==': 'equal to',
  '!=': 'not equal to',
};

const AFTER_GAP: Record<MissingData, string> = {
  hold: 'the hold time stands still',
  reset: 'this counts as false',
  breach: 'this counts as true',
  ok: 'this counts as false',
};

function missing(state: State, circumstances: Circumstances): string {
  const errors = unreadable(state);
  if (errors.length === 0) return 'nothing has been read yet';
  return `${errors.join('; ')}; nothing triggers, ${AFTER_GAP[circumstances.missingData]}`;
}

const unreadable = ({ errors }: State): string[] =>
  Object.entries(errors).map(([metric, error]) => `${metric} can't be read: ${error}`);

function values({ values }: Circumstances): string {
  return Object.entries(values)
    .map(([metric, reading]) =>
      'value' in reading ? `${metric} is ${shown(reading)}` : `${metric} is missing`,
    )
    .join(', ');
}

function counted({ nodes }: State): string {
  if (nodes === undefined) return 'no known number of nodes';
  return `${nodes.current} nodes${onTheWay(nodes)}`;
}

/** Describes nodes to come or to leave, which a count does not show: "(and 2 to come, and 1 to come if approved)". */
function onTheWay({ inFlight, unapproved = 0 }: Nodes): string {
  const sure = inFlight - unapproved;
  const parts = [changing(sure, ''), changing(unapproved, ' if approved')].filter((part) => part !== '');
  return parts.length === 0 ? '' : ` (${parts.join(', ')})`;
}

function changing(nodes: number, provided: string): string {
  if (nodes === 0) return '';
  return nodes > 0 ? `and ${nodes} to come${provided}` : `${-nodes} of them leaving${provided}`;
}

function satisfied({ scaling }: Rule, { nodes }: State): string {
  if (!nodes?.isCovered) return 'its policy asks for no change';
  return scaling?.direction === 'up'
    ? 'its policy asks for no more than those that are there'
    : 'its policy asks for no fewer than those that are there without them';
}

const change = ({ nodes }: State): string => (nodes === undefined ? '' : `, ${nodesChange(nodes)}`);

/** Formats a change of nodes: "from 5 (and 1 to come) to 7 nodes" */
export const nodesChange = (nodes: Nodes): string =>
  `from ${nodes.current}${onTheWay(nodes)} to ${nodes.desired} nodes`;

const sentence = (...parts: string[]): string => parts.filter((part) => part !== '').join('; ');

/** Formats a value with its note: "93 (avg 5 min)" */
const shown = ({ value, note }: { value: number; note?: string }): string =>
  note === undefined ? number(value) : `${number(value)} (${note})`;

/** Formats a number for reading, with at most three digits after the point. */
export const number = (value: number): string => String(Number(value.toFixed(3)));
/** Formats a duration in seconds; never negative, as the clocks of two processes may differ a little. */
export const seconds = (ms: number): string => `${Number((Math.max(0, ms) / 1000).toFixed(1))} s`;

/** Formats a moment in UTC with its date: a silence may last for days. */
const dated = (at: Moment): string => `${new Date(at).toISOString().slice(0, 10)} ${clock(at)}`;

/** Formats a moment as HH:MM:SSZ in UTC, without the date. */
const clock = (at: Moment): string => `${new Date(at).toISOString().slice(11, 19)}Z`;
