/** Days of a calendar, with the windows of silences that lie on each. */
import type { Silence, TimeWindow } from '../../api/shapes';
import type { Zone } from '../../app/zone';

export interface CalendarDay {
  /** Beginning of the day, milliseconds since 1970. */
  start: number;
  windows: { silence: Silence; from: number; to: number }[];
}

/** Returns days from the one that has a moment. @param chosen zone in which days begin */
export function calendarDays(
  silences: readonly Silence[],
  from: number,
  count: number,
  chosen: Zone,
): CalendarDay[] {
  const windows = silences.flatMap((silence) =>
    windowsOf(silence).map((window) => ({
      silence,
      from: Date.parse(window.from),
      to: Date.parse(window.to),
    })),
  );
  return Array.from({ length: count }, (_, index) => {
    const [start, end] = [startOfDay(from, index, chosen), startOfDay(from, index + 1, chosen)];
    const onIt = windows.filter((window) => window.from < end && window.to > start);
    return { start, windows: onIt.sort((a, b) => a.from - b.from) };
  });
}

const windowsOf = ({ schedule, nextWindows, startsAt, endsAt }: Silence): TimeWindow[] =>
  schedule === undefined ? [{ from: startsAt, to: endsAt }] : (nextWindows ?? []);

/** Returns the beginning of a day some days after a moment; days in which clocks are set have other lengths. */
function startOfDay(at: number, later: number, chosen: Zone): number {
  const date = new Date(at);
  return chosen === 'utc'
    ? Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate() + later)
    : new Date(date.getFullYear(), date.getMonth(), date.getDate() + later).getTime();
}
