/**
 * How a number of nodes is set at a target that keeps one of its own: what a rule wishes, beside what the target itself
 * wishes now, and what of that may be done. A rule that scales up never lowers that number, one that scales down never
 * raises it. Pure.
 */
import { Permanent, type ActionMappingOptions } from './action';

export type Direction = 'up' | 'down';

/** What is asked for: another number than the target's own by so many, or that number itself. */
export type DesiredNodes = ({ by: number } | { number: number }) & {
  /** Of the rule; absent where nothing scales, and in executions that know none: then any number may be set. */
  direction?: Direction;
  /** Limits of the infrastructure. */
  minNodes?: number;
  maxNodes?: number;
  /** What its rule decided: another decision, such as one that a person let look at the nodes again, is another wish. */
  decided?: string;
};

/** The number that a target keeps, and which ones it takes. */
export interface Own {
  /** What it is, for sentences: "the group". */
  name: string;
  number: number;
  atLeast: number;
  atMost: number;
}

/** `to` is the target's own number where nothing is to be set. */
export interface Step {
  to: number;
  /** From what to what, and why not what was asked for. */
  detail: string;
  /** The rule's direction forbids what was asked for, or a limit leaves nothing of it. */
  isHeld: boolean;
}

/** What is written down before a number is set: a later try that can't know what came of it sets the same number. */
export interface Intent {
  number: number;
  /** For which wish. */
  decided?: string;
}

export const intentOf = ({ decided }: DesiredNodes, number: number): Intent => ({ number, decided });

/**
 * What a rule wishes: what the param's template gave, as that number; else as many more or less than the target has as
 * `nodes.delta` says. Where no rule scales it is `nodes.desired`. A count that is not known is no number, never 0.
 *
 * @param rendered the template's output; undefined when there is no template
 * @param deed what is done, as the begin of a sentence
 * @throws Permanent when there is no whole number from 0 to `atMost`
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

/** In which direction the rule scales that asks for an execution; undefined where none does. */
export function directionOf(variables: Record<string, unknown>): Direction | undefined {
  const { direction } = Object(variables.nodes) as { direction?: unknown };
  return direction === 'up' || direction === 'down' ? direction : undefined;
}

/** Why a mapping is not to be asked by a rule that scales the other way, as a sentence; undefined when it may. */
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

/** A wish as a preview shows it, which does not know the target's own number. */
export const wishText = (wish: DesiredNodes): number | string =>
  'number' in wish ? wish.number : `what it is now, ${signed(wish.by)}`;

/**
 * What is to be set so that the wish comes true. It goes no further than the limits on its way: a rule that scales up
 * heeds the upper ones, one that scales down the lower ones, and what belongs to no rule both.
 *
 * @param intended what an earlier try meant to set, when nobody can tell whether it did
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

/** @returns which limits left another number than the one that was asked for, as the end of a sentence */
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
