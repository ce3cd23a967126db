/**
 * What the caller of this work may reach, as an SQL predicate on labels. It says the same as `isWithin` does of labels
 * in memory. Work that nobody asked for reaches everything.
 */
import { currentCaller, scopesOf, visibleTo, type Right, type Scope } from '../common/caller';

/** Scopes as a parameter of a statement; null for everything. */
export type ScopesParameter = string[] | null;

/** Returns the scopes of what the caller may see. */
export function seenScopes(): readonly Scope[] | null {
  const caller = currentCaller();
  return caller === undefined ? null : visibleTo(caller);
}

/** Returns the scopes in which the caller has a right. */
export function scopesWith(right: Right): readonly Scope[] | null {
  const caller = currentCaller();
  return caller === undefined ? null : scopesOf(caller, right);
}

/** Returns scopes as the parameter that `inScopes` names. */
export const scopesParameter = (scopes: readonly Scope[] | null): ScopesParameter =>
  scopes?.map((scope) => JSON.stringify(scope)) ?? null;

/**
 * Returns an SQL condition: labels are in one of the scopes.
 *
 * @param labels SQL expression of type jsonb; where it is null, only a caller without a scope reaches
 * @param parameter such as `$3`, of `scopesParameter`
 */
export const inScopes = (labels: string, parameter: string): string =>
  `(${parameter}::jsonb[] IS NULL OR coalesce(${labels} @> ANY(${parameter}::jsonb[]), false))`;

/** Returns an SQL condition: the service of that id is in one of the scopes. */
export const ofServiceInScopes = (id: string, parameter: string): string =>
  `(${parameter}::jsonb[] IS NULL OR EXISTS (
    SELECT FROM services reached WHERE reached.id = ${id} AND ${inScopes('reached.labels', parameter)}))`;

/**
 * SQL: labels of an execution `e`, those of its service; of a message to a contact, which tells of many services, those
 * of the contact; of a test, which has neither, those of its action. Null when that is deleted.
 */
export const LABELS_OF_EXECUTION = `CASE WHEN e.kind = 'notice'
  THEN (SELECT c.labels FROM contacts c WHERE c.id = (e.variables->'contact'->>'id')::uuid)
  WHEN e.service_id IS NULL THEN (SELECT a.labels FROM actions a WHERE a.id = e.action_id)
  ELSE (SELECT s.labels FROM services s WHERE s.id = e.service_id) END`;
