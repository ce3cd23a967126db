/** Moments and stretches of time in full, in the zone that a person chose. */
import type { Zone } from '../app/zone';

const FORMAT: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: '2-digit',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
};

/** Made once for each zone: it takes longer than to write a hundred moments, and a list has fifty, each second. */
const formats = new Map<Zone, Intl.DateTimeFormat>();

function formatOf(chosen: Zone): Intl.DateTimeFormat {
  let format = formats.get(chosen);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      ...FORMAT,
      ...(chosen === 'utc' ? { timeZone: 'UTC' } : {}),
    });
    formats.set(chosen, format);
  }
  return format;
}

/** Writes a moment in full, its zone named: `2026-11-30 12:03:20 UTC`. */
export function exactly(at: string | number, chosen: Zone): string {
  const parts = formatOf(chosen).formatToParts(new Date(at));
  const part = (type: string) => parts.find((one) => one.type === type)?.value ?? '';
  return `${part('year')}-${part('month')}-${part('day')} ${part('hour')}:${part('minute')}:${part('second')} ${part('timeZoneName')}`;
}

/** Writes a stretch of time; of one that ends on the day of its beginning, that day once. */
export function spanWords(from: string, to: string, chosen: Zone): string {
  const [begin, end] = [exactly(from, chosen), exactly(to, chosen)];
  const [day = '', ...time] = end.split(' ');
  return `${begin} to ${begin.startsWith(`${day} `) ? time.join(' ') : end}`;
}
