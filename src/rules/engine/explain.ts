import type { MissingData, Moment, Rule, State } from './types';

/** What an explanation speaks of, beyond rule and state. */
export interface Circumstances {
  condition: string;
  recovery?: string;
  values: Readonly<Record<string, { value: number } | { error: string }>>;
  wisdomUntil?: Moment;
  infrastructureWisdomUntil?: Moment;
  missingData: MissingData;
}

/** The state as a sentence an operator understands, with numbers. */
export function explain(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string {
  const { scaling } = rule;
  const seen = () => breach(rule, state, circumstances, now);
  switch (state.reason) {
    case 'disabled':
      return 'the service is disabled: it is not evaluated and never triggers';
    case 'condition_false':
      return sentence(values(circumstances), `"${circumstances.condition}" is false`);
    case 'missing_data':
      return missing(state, circumstances);
    case 'holding':
      return `${seen()} of ${seconds(rule.holdMs)}; triggers at ${clock(state.pendingSince! + rule.holdMs)} unless it ends`;
    case 'kill_switch':
      return `${seen()}; the kill switch is on, so nothing triggers`;
    case 'wisdom':
      return `${seen()}; it triggered at ${clock(state.lastTriggeredAt!)} and may not again before ${clock(circumstances.wisdomUntil ?? now)} (wisdom time)`;
    case 'infrastructure_wisdom':
      return `${seen()}; ${scaling!.infrastructure} was scaled ${scaling!.direction} lately and may not be again before ${clock(circumstances.infrastructureWisdomUntil ?? now)}`;
    case 'nodes_unknown':
      return `${seen()}; the nodes of ${scaling?.infrastructure} can't be counted, so it is not scaled: ${state.nodesError ?? 'no count yet'}`;
    case 'at_max_nodes':
      return `${seen()}; ${scaling?.infrastructure} has ${counted(state)}, its maximum is ${scaling?.maxNodes}`;
    case 'at_min_nodes':
      return `${seen()}; ${scaling?.infrastructure} has ${counted(state)}, its minimum is ${scaling?.minNodes}`;
    case 'not_repeating':
      return `${seen()}; it triggered at ${clock(state.lastTriggeredAt!)} and does not again until it has recovered`;
    case 'triggered':
      return `${seen()}; triggered at ${clock(state.lastTriggeredAt!)}${change(state)}`;
    case 'shadowed':
      return `${seen()}; would have triggered at ${clock(state.lastTriggeredAt!)}${change(state)}, but is in shadow mode`;
    case 'awaiting_approval':
      return `${seen()}; triggered at ${clock(state.lastTriggeredAt!)}${change(state)}, and waits for a person's approval`;
  }
}

/** "cpu is 93, over 80 for 42 s" where the condition is that simple, else the values and the condition. */
function breach(rule: Rule, state: State, circumstances: Circumstances, now: Moment): string {
  const sinceMs = state.pendingSince === undefined ? undefined : now - state.pendingSince;
  const lasting = sinceMs === undefined ? '' : ` for ${Math.floor(sinceMs / 1000)} s`;
  const recovering = state.inAlarm && circumstances.recovery !== undefined;
  const simple = recovering ? undefined : SIMPLE.exec(circumstances.condition);
  const reading = simple ? circumstances.values[simple[1]!] : undefined;
  if (simple && reading && 'value' in reading && Object.keys(circumstances.values).length === 1) {
    return `${simple[1]} is ${number(reading.value)}, ${WORDS[simple[2]!]} ${simple[3]}${lasting}`;
  }
  const truth = recovering
    ? `in alarm until "${circumstances.recovery}"${lasting}`
    : `"${circumstances.condition}" is true${lasting}`;
  return sentence(values(circumstances), truth);
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
  const errors = Object.entries(state.errors).map(([metric, error]) => `${metric} can't be read: ${error}`);
  if (errors.length === 0) return 'nothing has been read yet';
  return `${errors.join('; ')}; nothing triggers, ${AFTER_GAP[circumstances.missingData]}`;
}

function values({ values }: Circumstances): string {
  return Object.entries(values)
    .map(([metric, reading]) =>
      'value' in reading ? `${metric} is ${number(reading.value)}` : `${metric} is missing`,
    )
    .join(', ');
}

function counted({ nodes }: State): string {
  if (nodes === undefined) return 'no known number of nodes';
  const inFlight = nodes.inFlight === 0 ? '' : ` (${nodes.current} and ${nodes.inFlight} in flight)`;
  return `${nodes.effective} nodes${inFlight}`;
}

const change = ({ nodes }: State): string =>
  nodes === undefined ? '' : `, from ${nodes.effective} to ${nodes.desired} nodes`;

const sentence = (...parts: string[]): string => parts.filter((part) => part !== '').join('; ');

/** At most three digits behind the point; numbers are for reading here. */
const number = (value: number): string => String(Number(value.toFixed(3)));
const seconds = (ms: number): string => `${Number((ms / 1000).toFixed(1))} s`;

/** HH:MM:SS in UTC, with the date left to the reader's day. */
const clock = (at: Moment): string => `${new Date(at).toISOString().slice(11, 19)}Z`;
