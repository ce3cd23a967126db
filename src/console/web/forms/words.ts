/** Names of fields in words, as labels: `authProtocol` -> `Auth protocol`, `oid` -> `OID`. */
const CAPITALS = new Set([
  'oid', 'url', 'uri', 'tls', 'ca', 'api', 'sql', 'http', 'https', 'id', 'arn', 'aws', 'sns', 'snmp', 'cidr', 'dns', 'ttl', 'vm', 'ip', 'json',
  'hmac',
]); // prettier-ignore

export function words(name: string): string {
  const parts = name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .split(/[\s_]+/)
    .map((part) => (CAPITALS.has(part.toLowerCase()) ? part.toUpperCase() : part.toLowerCase()));
  const [first = '', ...others] = parts;
  return [first.charAt(0).toUpperCase() + first.slice(1), ...others].join(' ');
}

/** Words for units of JSON Schema's `x-unit`. */
const UNITS: Record<string, string> = { s: 'seconds', ms: 'milliseconds', B: 'bytes' };

/** Label of a field, without its unit: `drainSeconds` -> `Drain`. */
export const labelOf = (name: string, unit?: string): string =>
  words(unit === undefined ? name : name.replace(/(Seconds|Ms|Bytes)$/, '') || name);

/** What is said of a field, with its unit. */
export const hintOf = (description: string | undefined, unit?: string): string | undefined =>
  unit === undefined ? description : `${description ?? ''} (${UNITS[unit] ?? unit})`.trim();

/** `Headers` -> `header`, for "Add header". */
export const singular = (label: string): string =>
  label.replace(/s$/, '').replace(/^[A-Z](?![A-Z])/, (first) => first.toLowerCase());
