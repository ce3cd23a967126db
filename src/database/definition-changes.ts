/** What a revision of the definitions changed: the revision, and kind and id of a definition. */
export type DefinitionChange = [revision: string, kind: string, id: string];

/** More changes than these are not learned one by one. */
const CHANGES_AT_ONCE = 10_000;

/**
 * SQL of a value: what changed after the revision `$n`, as JSON. It is to be asked in the statement that reads the revision
 * up to which it counts, so that both are of one moment.
 */
export const changesAfter = (parameter: string): string =>
  `(SELECT jsonb_agg(jsonb_build_array(c.revision::text, c.kind, c.id))
    FROM (SELECT revision, kind, id FROM definition_changes WHERE revision > ${parameter} LIMIT ${CHANGES_AT_ONCE + 1}) c)`;

/**
 * Which definitions are not what they were, by their kind; undefined when that is not on record, or so many that all is
 * read as fast.
 *
 * @param from and to: revisions; what changed after the one, up to the other
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
