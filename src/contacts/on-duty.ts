import { momentOfLocal, offsetAt } from '../silences/local-time';
import { parseRecurrence } from '../silences/recurrence';
import { windowsOf, type Schedule, type Window, type Windows } from '../silences/schedule';

/** When contacts are told. Pure. */

/**
 * Local time from which rules are counted, a Monday: what a rule leaves open is as it was then. One moment for all, so
 * that a contact that is moved to another installation has the same windows there.
 */
const FROM = Date.UTC(2024, 0, 1);
const YEAR_MS = 31_557_600_000;
/** Time for which windows are worked out. */
const SPAN_MS = 200 * YEAR_MS;
/** Time from now in which a rule must have a window when it is saved. */
const SOUGHT_MS = 10 * YEAR_MS;

/**
 * Returns why a schedule is none for a contact; undefined when it is one.
 *
 * @throws RecurrenceError, RangeError where a part of it is wrong by itself
 */
export function scheduleProblem(schedule: Schedule, now: number): string | undefined {
  if (parseRecurrence(schedule.rrule).count !== undefined)
    return 'must not have COUNT, as a contact begins at no moment; UNTIL says when it ends';
  return nextWindows(schedule, now, 1).length === 0
    ? 'has no window in the next 10 years: nothing would ever be told'
    : undefined;
}

/**
 * Returns the windows of a schedule in the next ten years that are not over at a moment, in their order.
 *
 * @throws RecurrenceError, RangeError where a part of it is wrong by itself
 */
export const nextWindows = (schedule: Schedule, now: number, atMost: number): Window[] =>
  windows(schedule, now + SOUGHT_MS - FROM).next(now, atMost);

/** Tells at a moment whether a contact is told then: always without a schedule, and with one that can't be read. */
export function isOnDuty(schedule: Schedule | null, now: number): boolean {
  const windows = schedule === null ? undefined : known(schedule);
  if (windows === undefined) return true;
  const window = windows.last(now);
  return window !== undefined && now < window.until;
}

function windows(schedule: Schedule, spanMs: number): Windows {
  const from = momentOfLocal(FROM, schedule.timeZone) ?? FROM - offsetAt(FROM, schedule.timeZone);
  return windowsOf({ from, until: from + spanMs }, schedule);
}

/** Largest number of schedules whose windows are kept. */
const KEPT_AT_MOST = 1_000;
const kept = new Map<string, Windows | undefined>();

/** Returns the windows of a schedule; undefined where it can't be read, as when a zone is gone from the zone data. */
function known(schedule: Schedule): Windows | undefined {
  const key = JSON.stringify([schedule.rrule, schedule.timeZone, schedule.durationSeconds]);
  if (kept.has(key)) return kept.get(key);
  if (kept.size >= KEPT_AT_MOST) kept.clear();
  let made: Windows | undefined;
  try {
    made = windows(schedule, SPAN_MS);
  } catch {
    made = undefined;
  }
  kept.set(key, made);
  return made;
}
