import type { JsonObject } from '../../forms/values';

export interface Difference {
  name: string;
  before: string;
  after: string;
}

/** Returns the fields in which two definitions differ, as JSON; the order of members is no difference. */
export const differences = (before: JsonObject, after: JsonObject): Difference[] =>
  [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .map((name) => ({ name, before: text(before[name]), after: text(after[name]) }))
    .filter((one) => one.before !== one.after);

const text = (value: unknown): string => (value === undefined ? '' : JSON.stringify(ordered(value)));

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, one]) => [name, ordered(one)]));
}
