import type { Database } from './database';
import { inScopes, scopesParameter, seenScopes } from './scopes';

/** Names what a text told about is replaced by, where it is out of the caller's scope. */
const HIDDEN_INFRASTRUCTURE = 'an infrastructure out of your scope';
export const HIDDEN_SERVICE = 'a service out of your scope';

/**
 * Where sentences name a service that another depends on, as `engine/explain.ts` writes them: what stands before it,
 * its name, and what stands behind it.
 */
const PARENTS = [
  /(^|; )(meanwhile )?((?:(?!; ).)+?)(, on which it depends, is in phase )/gs,
  /^()()(.+)( must leave that phase)$/gs,
] as const;
/** What `explain.ts` says where it knows no name. */
const NAMELESS = new Set(['what it depends on']);

/** Keys of answers under which sentences stand, however deep. */
const SENTENCES = new Set([
  'explanation', 'justification', 'held', 'detail', 'error', 'toChange', 'request', 'intended',
]); // prettier-ignore

/** Infrastructures out of the caller's scope that services scale. */
const INFRASTRUCTURES = `
  SELECT s.id, i.name FROM services s JOIN infrastructures i ON i.id = s.infrastructure_id
  WHERE s.id = ANY($1::uuid[]) AND NOT ${inScopes('i.labels', '$2')}`;

/** Names of services that the caller sees. */
const SEEN = `SELECT s.name FROM services s WHERE s.name = ANY($1::text[]) AND ${inScopes('s.labels', '$2')}`;

/** What is shown, and the id of the service that it is about. */
export interface ShownOf<T> {
  readonly service: string | null;
  readonly shown: T;
}

/**
 * Returns answers in whose sentences nothing is named that is out of the caller's scope: a service in scope may scale an
 * infrastructure, or depend on services, that its readers may not see, and what was decided names them.
 */
export async function namingNothingHidden<T>(
  database: Database,
  items: readonly ShownOf<T>[],
): Promise<readonly T[]> {
  const scopes = scopesParameter(seenScopes());
  if (scopes === null || items.length === 0) return items.map(({ shown }) => shown);
  const named = new Set<string>();
  for (const { shown } of items)
    eachSentence(shown, (text) => {
      for (const name of parentsIn(text)) named.add(name);
      return text;
    });
  const services = [...new Set(items.flatMap(({ service }) => service ?? []))];
  const [hidden, seen] = await Promise.all([
    database.rows<{ id: string; name: string }>(INFRASTRUCTURES, [services, scopes]),
    named.size === 0 ? [] : database.rows<{ name: string }>(SEEN, [[...named], scopes]),
  ]);
  const infrastructures = new Map(hidden.map(({ id, name }) => [id, name]));
  const known = new Set(seen.map(({ name }) => name));
  return items.map(({ service, shown }) => {
    const infrastructure = infrastructures.get(service ?? '');
    return eachSentence(shown, (text) => withoutNames(text, infrastructure, (name) => known.has(name))) as T;
  });
}

/** Returns the services that a sentence says another depends on. */
function parentsIn(text: string): string[] {
  return PARENTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[3]!));
}

/** Returns a sentence without the name of an infrastructure, and of services that are not seen. */
export function withoutNames(
  text: string,
  infrastructure: string | undefined,
  isSeen: (service: string) => boolean,
): string {
  let told = text;
  for (const pattern of PARENTS)
    told = told.replace(pattern, (whole, before: string, meanwhile = '', name: string, after: string) =>
      isSeen(name) || NAMELESS.has(name) ? whole : `${before}${meanwhile}${HIDDEN_SERVICE}${after}`,
    );
  return infrastructure === undefined ? told : told.replace(wordOf(infrastructure), HIDDEN_INFRASTRUCTURE);
}

/** Returns a pattern of a name that is no part of a longer word. */
const wordOf = (name: string): RegExp =>
  new RegExp(
    `(?<![\\p{L}\\p{N}_-])${name.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&')}(?![\\p{L}\\p{N}_-])`,
    'gu',
  );

/** Returns an answer with its sentences changed; what else it has is the same. */
function eachSentence(shown: unknown, change: (text: string) => string, isSentence = false): unknown {
  if (typeof shown === 'string') return isSentence ? change(shown) : shown;
  if (Array.isArray(shown)) return shown.map((one) => eachSentence(one, change, isSentence));
  if (typeof shown !== 'object' || shown === null || shown instanceof Date) return shown;
  const changed = ([key, value]: [string, unknown]) => [
    key,
    eachSentence(value, change, isSentence || SENTENCES.has(key)),
  ];
  return Object.fromEntries(Object.entries(shown).map(changed));
}
