import { step } from '../common/check';
import { InvalidInput, type FieldError } from '../common/errors';
import type { Turns } from '../common/turns';
import type { Points } from '../engine/frames';

const MAX_POINTS = 1_000_000;
/** Largest number of errors in one answer. */
const MAX_ERRORS = 20;

/**
 * Turns given series into points in milliseconds.
 *
 * @param metrics those that can have a series
 * @throws InvalidInput saying where
 * @throws TooCostly
 */
export async function pointsOf(
  series: object,
  metrics: readonly string[],
  turns: Turns,
): Promise<Map<string, Points>> {
  const errors: FieldError[] = [];
  const points = new Map<string, Points>();
  for (const [metric, given] of Object.entries(series)) {
    if (errors.length >= MAX_ERRORS) break;
    const pointer = `/series${step(metric)}`;
    if (!metrics.includes(metric)) {
      errors.push({ pointer, detail: `is no metric of the service; it has ${metrics.join(', ')}` });
    } else if (!Array.isArray(given)) {
      errors.push({ pointer, detail: 'must be a list of [seconds, number or null]' });
    } else if (given.length > MAX_POINTS) {
      errors.push({ pointer, detail: `has ${given.length} points; at most ${MAX_POINTS} are allowed` });
    } else {
      points.set(metric, await checkedPoints(given, pointer, errors, turns));
    }
  }
  if (errors.length === 0 && [...points.values()].every(({ length }) => length === 0)) {
    errors.push({ pointer: '/series', detail: 'must have at least one point' });
  }
  if (errors.length > 0) throw new InvalidInput(errors.slice(0, MAX_ERRORS));
  return points;
}

/** Checks the points of one series; gives other work its turn, as there may be a million. */
async function checkedPoints(
  given: readonly unknown[],
  pointer: string,
  errors: FieldError[],
  turns: Turns,
): Promise<Points> {
  const points: [number, number | null][] = [];
  let last = -Infinity;
  for (const [index, point] of given.entries()) {
    if (errors.length >= MAX_ERRORS) break;
    await turns.next();
    if (!Array.isArray(point) || point.length !== 2) {
      errors.push({ pointer: `${pointer}/${index}`, detail: 'must be [seconds, number or null]' });
      continue;
    }
    const [seconds, value] = point as unknown[];
    if (!isNumber(seconds) || seconds < 0) {
      errors.push({ pointer: `${pointer}/${index}/0`, detail: 'must be a number of seconds, at least 0' });
      continue;
    }
    if (seconds <= last) {
      errors.push({ pointer: `${pointer}/${index}/0`, detail: `must be after ${last}: times go on` });
    }
    if (value !== null && !isNumber(value)) {
      errors.push({
        pointer: `${pointer}/${index}/1`,
        detail: 'must be a finite number, or null for a failed read',
      });
    }
    last = seconds;
    points.push([Math.round(seconds * 1000), value as number | null]);
  }
  return points;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
