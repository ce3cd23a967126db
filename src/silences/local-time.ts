/** Local times of time zones, by the zone data of the JavaScript engine. Pure. */

export const DAY_MS = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** Largest number of zones whose format is kept; there are fewer names of zones. */
const KEPT_AT_MOST = 1_000;

/** @throws RangeError for an unknown time zone */
function formatOf(timeZone: string): Intl.DateTimeFormat {
  let format = formats.get(timeZone);
  if (format !== undefined) return format;
  format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  });
  if (formats.size >= KEPT_AT_MOST) formats.clear();
  formats.set(timeZone, format);
  return format;
}

export function isTimeZone(timeZone: string): boolean {
  try {
    formatOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** Returns local time as if it were UTC, ms since 1970. */
export function localOf(at: number, timeZone: string): number {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(timeZone).formatToParts(at)) parts[type] = Number(value);
  const { year, month, day, hour, minute, second } = parts;
  const ms = ((at % 1000) + 1000) % 1000;
  return Date.UTC(year!, month! - 1, day, hour, minute, second) + ms;
}

/**
 * Returns the moment of a local time, the first of two where clocks are set back; undefined for a local time that is
 * left out where they are set forward.
 *
 * @param local local time as if it were UTC
 */
export function momentOfLocal(local: number, timeZone: string): number | undefined {
  const day = Math.floor(local / DAY_MS);
  const offset = offsetOfDay(day - 1, timeZone);
  // No clock is set around it, as on nearly all days.
  if (offset === offsetOfDay(day + 2, timeZone)) return local - offset;
  // A zone is off by the offset of the day before, or by that of the day after.
  const before = local - offsetAt(local - DAY_MS, timeZone);
  if (localOf(before, timeZone) === local) return before;
  const after = local - offsetAt(local + DAY_MS, timeZone);
  return localOf(after, timeZone) === local ? after : undefined;
}

/** Offsets at the beginnings of days: by zone, by days since 1970. */
const offsets = new Map<string, Map<number, number>>();
/** Largest number of offsets that are kept: twenty years of some thirty zones. */
const OFFSETS_AT_MOST = 200_000;
let offsetsKept = 0;

/** Returns the offset at which a day of UTC begins; kept, since asking the engine takes some microseconds. */
export function offsetOfDay(day: number, timeZone: string): number {
  const known = offsets.get(timeZone)?.get(day);
  if (known !== undefined) return known;
  const offset = offsetAt(day * DAY_MS, timeZone);
  if (offsetsKept >= OFFSETS_AT_MOST) {
    offsets.clear();
    offsetsKept = 0;
  }
  offsetsKept++;
  const ofZone = offsets.get(timeZone) ?? new Map<number, number>();
  offsets.set(timeZone, ofZone.set(day, offset));
  return offset;
}

/** Returns local time minus UTC, milliseconds. */
export const offsetAt = (at: number, timeZone: string): number => localOf(at, timeZone) - at;
