/**
 * Decision on the number of nodes to set at a target that keeps such a number: from what the rule wants, and the target's number now. A rule that scales up never lowers that number, one
 * that scales down never raises it. Pure.
 */
import { Permanent, type ActionMappingOptions } from './action';

/** Direction in which a rule scales. */
export type Direction = 'up' | 'down';

/** Number of nodes that an action is to set: relative to the target's own, or absolute. */
export type DesiredNodes = ({ by: number } | { number: number }) & {
  /**
   * Direction of the rule; absent when nothing scales, and in executions that record none: then any number may be set.
   */
  direction?: Direction;
  /** Limits of the infrastructure. */
  minNodes?: number;
  maxNodes?: number;
  /**
   * Decision of the rule that this follows. Another decision, such as a recheck of the nodes that a person asked for,
   * makes another DesiredNodes.
   */
  decided?: string;
};

/** Number that a target keeps, and the range it accepts. */
export interface Own {
  /** Name of the target for sentences: "the group". */
  name: string;
  number: number;
  atLeast: number;
  atMost: number;
}

/** Number to set; `to` is the target's own number when nothing is to be set. */
export interface Step {
  to: number;
  /** Sentence about the change, and why it differs from what was asked for. */
  detail: string;
  /** True when the rule's direction forbids what was asked for, or a limit leaves nothing of it. */
  isHeld: boolean;
}

/**
 * Record of a number about to be set. A later attempt that can't know whether it was set sets the same number again.
 */
export interface Intent {
  number: number;
  /** Decision that the number follows from. */
  decided?: string;
}

export const intentOf = ({ decided }: DesiredNodes, number: number): Intent => ({ number, decided });

/**
 * Returns the number of nodes that a rule wants: the number that the param's template rendered; without one,
 * `nodes.delta` relative to the target's number; where no rule scales, `nodes.desired`. An unknown count is an error,
 * never 0.
 *
 * @param rendered the template's output; undefined when there is no template
 * @param deed what is done, as the beginning of a sentence
 * @throws Permanent when there is no whole number from 0 to `atMost`, or its sign contradicts the rule's direction
 */
export function wishOf(
  rendered: string | undefined,
  variables: Record<string, unknown>,
  atMost: number,
  deed: string,
): DesiredNodes {
  const { current, delta, desired } = Object(variables.nodes) as Record<string, unknown>;
  const { minNodes, maxNodes } = Object(variables.infrastructure) as Record<string, unknown>;
  const direction = directionOf(variables);
  const decided = typeof desired === 'number' ? `${String(current)} -> ${desired}` : undefined;
  const limits = { direction, decided, minNodes: countOf(minNodes), maxNodes: countOf(maxNodes) };
  if (rendered === undefined && direction !== undefined && Number.isInteger(delta)) {
    const by = delta as number;
    if (direction === 'up' ? by < 0 : by > 0)
      throw new Permanent(
        `${deed} can't be done: a rule that scales ${direction} wishes ${signed(by)} nodes`,
      );
    return { by, ...limits };
  }
  const given = rendered ?? (typeof desired === 'number' ? String(desired) : '');
  if (given.trim() === '') throw new Permanent(`${deed} can't be done: the number wanted is not known`);
  const number = /^\s*\d+\s*$/.test(given) ? Number(given) : NaN;
  if (Number.isNaN(number) || number > atMost) {
    const shown = JSON.stringify(given.slice(0, 50));
    throw new Permanent(`${deed} can't be done: ${shown} is no whole number from 0 to ${atMost}`);
  }
  return { number, ...limits };
}

/** Returns the direction of the rule that asks for an execution; undefined when none scales. */
export function directionOf(variables: Record<string, unknown>): Direction | undefined {
  const { direction } = Object(variables.nodes) as { direction?: unknown };
  return direction === 'up' || direction === 'down' ? direction : undefined;
}

/** Returns, as a sentence, why a rule must not use a mapping that scales the other way; undefined when it may. */
export function contradiction(
  { title, capacity }: Pick<ActionMappingOptions, 'title' | 'capacity'>,
  variables: Record<string, unknown>,
): string | undefined {
  const direction = directionOf(variables);
  const isAgainst =
    (direction === 'up' && capacity === 'removes') || (direction === 'down' && capacity === 'adds');
  return isAgainst
    ? `nothing was done: the action (${title}) ${capacity} nodes, and the rule that asks for it scales ${direction}`
    : undefined;
}

/** Returns the wanted number as a preview shows it, without knowledge of the target's own number. */
export const wishText = (wish: DesiredNodes): number | string =>
  'number' in wish ? wish.number : `what it is now, ${signed(wish.by)}`;

/**
 * Returns the step from the target's number to the wanted one, cut at the limits in its direction: the upper ones when
 * scaling up, the lower ones when scaling down, both when no rule scales.
 *
 * @param intended recorded intent of an earlier attempt whose outcome is not known
 */
export function stepOf(wish: DesiredNodes, own: Own, intended?: unknown): Step {
  const before = meantBefore(wish, intended);
  const asked = before ?? ('number' in wish ? wish.number : own.number + wish.by);
  const { to, limits } = withinLimits(asked, wish, own);
  const { direction } = wish;
  const isBack = direction === 'up' ? to < own.number : to > own.number;
  const isNothing = to === own.number && to !== asked;
  if (direction !== undefined && (isBack || isNothing))
    return { to: own.number, detail: heldText(direction, asked, own) + limits, isHeld: true };
  const why = limits && `; ${asked} was wanted${limits.replace(';', ',')}`;
  const doubt = before === undefined ? '' : '; a try meant to set that, and its answer was lost';
  return { to, detail: `${own.number} -> ${to}${why}${doubt}`, isHeld: false };
}

/**
 * Cuts a number at the limits.
 *
 * @returns the number, and which limits changed it, as the end of a sentence
 */
function withinLimits(
  asked: number,
  { direction, minNodes = 0, maxNodes = Infinity }: DesiredNodes,
  own: Own,
) {
  const infrastructure = { name: 'the infrastructure', atLeast: minNodes, atMost: maxNodes };
  let to = asked;
  let limits = '';
  for (const { name, atLeast, atMost } of [infrastructure, own]) {
    const low = direction === 'up' ? -Infinity : atLeast;
    const high = direction === 'down' ? Infinity : atMost;
    const within = Math.min(Math.max(to, low), high);
    if (within !== to)
      limits += `; ${name} takes ${atMost === Infinity ? 'any number from ' : ''}${atLeast}${atMost === Infinity ? '' : ` to ${atMost}`}`;
    to = within;
  }
  return { to, limits };
}

function heldText(direction: Direction, asked: number, { number }: Own): string {
  const isUp = asked === number ? direction === 'up' : asked > number;
  // What the rule must not do, or what a limit leaves nothing of.
  const deed = isUp ? 'raised' : 'lowered';
  return `it is at ${number} already; asked for ${asked} by a rule that scales ${direction}: nothing was ${deed}`;
}

function meantBefore(wish: DesiredNodes, intended: unknown): number | undefined {
  const { number, decided } = Object(intended) as Partial<Intent>;
  return decided === wish.decided ? countOf(number) : undefined;
}

const countOf = (value: unknown): number | undefined =>
  Number.isInteger(value) && (value as number) >= 0 ? (value as number) : undefined;

const signed = (number: number): string => (number < 0 ? `- ${-number}` : `+ ${number}`);
