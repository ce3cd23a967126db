/** Reads values of items as Zabbix formats them for people. */
import { numberOf } from '../../common/json-path';

const PLAIN = /^([-+]?\d+(?:\.\d+)?)(?: ([^\d\s.,+-][^\s,]*))?$/;
/** Matches a value with its text in a value map: `Down (2)`. */
const MAPPED = /\S \(([-+]?\d+(?:\.\d+)?)\)$/;
/** Matches a value of unit `s`: `1y 2M 3d`, `1h 2m 3s`, `500ms`. */
const SPAN = /^-?\d+(?:\.\d+)?(?:y|M|d|h|ms|m|s)(?: \d+(?:\.\d+)?(?:y|M|d|h|ms|m|s))*$/;
/** Matches a value of unit `uptime`. */
const UP_TIME = /^(-)?(?:(\d+) days?, )?(\d{2}):(\d{2}):(\d{2})$/;

const SECONDS: Readonly<Record<string, number>> = {
  y: 365 * 86_400,
  M: 30 * 86_400,
  d: 86_400,
  h: 3_600,
  m: 60,
  s: 1,
  ms: 0.001,
};
const MULTIPLES = 'KMGTPEZY';
/** Units of which Zabbix makes multiples of 1024. */
const BINARY = new Set(['B', 'Bps']);
/** Units that certainly have a multiplier letter before them. For other units that is unclear: `Pa` is Pascal. */
const MULTIPLIED = new Set([
  'B',
  'Bps',
  'b',
  'bps',
  'pps',
  'Hz',
  'W',
  'Wh',
  'V',
  'A',
  'VA',
  'J',
  'ops',
  'iops',
  'rps',
  'qps',
]);

/**
 * Returns the number of an item's value: `85.13 %` is 85.13, `1.23 GB` so many bytes, `Down (2)` is 2, `1h 2m` so many
 * seconds. Undefined where it may be another number, or none: `*UNKNOWN*`, `1,5 GB`, `300 K`.
 *
 * @see https://www.zabbix.com/documentation/current/en/manual/config/items/item#units
 */
export function itemNumber(value: unknown): number | undefined {
  if (typeof value !== 'string') return numberOf(value);
  const text = value.trim();
  return numberOf(text) ?? quantity(text) ?? numberOf(MAPPED.exec(text)?.[1]) ?? span(text) ?? upTime(text);
}

function quantity(text: string): number | undefined {
  const [, digits, unit = ''] = PLAIN.exec(text) ?? [];
  if (digits === undefined) return undefined;
  // The first place is no multiple: there the letter, or none, belongs to the unit.
  const exponent = MULTIPLES.indexOf(unit.charAt(0)) + 1;
  if (unit === '' || exponent === 0) return numberOf(digits);
  const rest = unit.slice(1);
  if (!MULTIPLIED.has(rest)) return undefined;
  return numberOf(Number(digits) * (BINARY.has(rest) ? 1024 : 1000) ** exponent);
}

function span(text: string): number | undefined {
  if (!SPAN.test(text)) return undefined;
  const seconds = [...text.matchAll(/(\d+(?:\.\d+)?)([a-zA-Z]+)/g)].reduce(
    (total, [, count, unit]) => total + Number(count) * SECONDS[unit!]!,
    0,
  );
  return text.startsWith('-') ? -seconds : seconds;
}

function upTime(text: string): number | undefined {
  const [, minus, days = 0, hours, minutes, seconds] = UP_TIME.exec(text) ?? [];
  if (hours === undefined) return undefined;
  const total = Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
  return minus === undefined ? total : -total;
}
