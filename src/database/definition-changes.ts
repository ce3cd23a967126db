/** Change of a definition: the revision, and the definition's kind and id. */
export type DefinitionChange = [revision: string, kind: string, id: string];

/** Largest number of changes that are read one by one. */
const CHANGES_AT_ONCE = 10_000;

/**
 * Returns an SQL expression: the changes after revision `$n`, as JSON. Must stand in the statement that reads the
 * current revision, so that both are of the same moment.
 */
export const changesAfter = (parameter: string): string =>
  `(SELECT jsonb_agg(jsonb_build_array(c.revision::text, c.kind, c.id))
    FROM (SELECT revision, kind, id FROM definition_changes WHERE revision > ${parameter} LIMIT ${CHANGES_AT_ONCE + 1}) c)`;

/**
 * Returns the ids of changed definitions by kind. Undefined when the record has gaps, or when reading everything is as
 * fast.
 *
 * @param from revision after which changes count
 * @param to revision up to which they count
 */
export function changedDefinitions(
  changes: readonly DefinitionChange[],
  from: string,
  to: string,
): Map<string, string[]> | undefined {
  const revisions = new Set(changes.map(([revision]) => revision)).size;
  // A revision that is on record is there with all of its changes: they are one transaction.
  const isWhole = changes.length <= CHANGES_AT_ONCE && BigInt(revisions) === BigInt(to) - BigInt(from);
  if (!isWhole) return undefined;
  const changed = new Map<string, string[]>();
  for (const [, kind, id] of changes) {
    const ids = changed.get(kind);
    if (ids === undefined) changed.set(kind, [id]);
    else ids.push(id);
  }
  return changed;
}
