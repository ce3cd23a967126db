import { Permanent } from './action';

/**
 * The number of nodes an action shall set: what its template gave, else `nodes.desired`. A count that is not known
 * is no number, never 0.
 *
 * @param rendered the template's output; undefined when there is no template
 * @param deed what is done, as the begin of a sentence
 * @throws Permanent when there is no whole number from 0 to `atMost`
 */
export function wantedNodes(
  rendered: string | undefined,
  variables: Record<string, unknown>,
  atMost: number,
  deed: string,
): number {
  const { desired } = Object(variables.nodes) as { desired?: unknown };
  const given = rendered ?? (typeof desired === 'number' ? String(desired) : '');
  if (given.trim() === '') throw new Permanent(`${deed} can't be done: the number wanted is not known`);
  const number = /^\s*\d+\s*$/.test(given) ? Number(given) : NaN;
  if (Number.isNaN(number) || number > atMost) {
    const shown = JSON.stringify(given.slice(0, 50));
    throw new Permanent(`${deed} can't be done: ${shown} is no whole number from 0 to ${atMost}`);
  }
  return number;
}
