/** Definitions while they are edited: JSON, changed at a JSON pointer without touching what was there. */
export type Json = unknown;
export type JsonObject = Record<string, Json>;

export const isObject = (value: Json): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Returns an object with a member set, or without it where the value is undefined; the order stays. */
export function withMember(object: Json, name: string, value: Json): JsonObject {
  const entries = Object.entries(isObject(object) ? object : {});
  const at = entries.findIndex(([one]) => one === name);
  if (value === undefined) return fromEntries(entries.filter(([one]) => one !== name));
  if (at === -1) return fromEntries([...entries, [name, value]]);
  return fromEntries(entries.with(at, [name, value]));
}

/** Object.fromEntries makes own members of all names, `__proto__` too. */
const fromEntries = (entries: [string, Json][]): JsonObject => Object.fromEntries(entries);

/** Token of a JSON pointer (RFC 6901). */
export const token = (name: string | number): string =>
  String(name).replaceAll('~', '~0').replaceAll('/', '~1');

/** Reads a number as a person types it; what is none stays text, so that the server can say so at its field. */
export function typedNumber(text: string): number | string | undefined {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const number = Number(trimmed);
  return Number.isFinite(number) && /^[-+]?[\d.]/.test(trimmed) ? number : text;
}
