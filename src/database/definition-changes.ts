import type { Sql } from './database';

/** More changes than these are not learned one by one. */
const CHANGES_AT_ONCE = 10_000;

/**
 * Which definitions are not what they were, by their kind; undefined when that is not on record, or so many that all is
 * read as fast.
 *
 * @param from and to: revisions; what changed after the one, up to the other
 */
export async function changedSince(
  sql: Sql,
  from: string,
  to: string,
): Promise<Map<string, string[]> | undefined> {
  const rows = await sql.rows<{ revision: string; kind: string; id: string }>(
    'SELECT revision, kind, id FROM definition_changes WHERE revision > $1 AND revision <= $2 LIMIT $3',
    [from, to, CHANGES_AT_ONCE + 1],
    'definitions_changed',
  );
  const revisions = new Set(rows.map(({ revision }) => revision)).size;
  // A revision that is on record is there with all of its changes: they are one transaction.
  const isWhole = rows.length <= CHANGES_AT_ONCE && BigInt(revisions) === BigInt(to) - BigInt(from);
  if (!isWhole) return undefined;
  const changed = new Map<string, string[]>();
  for (const { kind, id } of rows) {
    const ids = changed.get(kind);
    if (ids === undefined) changed.set(kind, [id]);
    else ids.push(id);
  }
  return changed;
}
