/**
 * Who manages definitions: `files`, the rules directory, whose definitions others change only when they insist; and
 * `apply:<set>`, an earlier `monscale apply`, which may delete what it made.
 */
import { currentCaller } from '../common/caller';
import { Conflict } from '../common/errors';
import type { Sql } from './sql-pool';

/** Manager of what the rules directory has applied. */
export const FILES = 'files';

/** Returns the manager of what a set of `monscale apply` has made. */
export const managerOfSet = (set: string): string => `apply:${set}`;

/** Definition with its manager. */
export interface Managed {
  kind: string;
  id: string;
  name: string;
  /** Version of the definition as it was applied. */
  version: number;
}

type Sqls = Pick<Sql, 'rows'>;

/** Returns the managers of definitions, by their ids; those without one are left out. */
export async function managersOf(sql: Sqls, ids: readonly string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await sql.rows<{ id: string; manager: string }>(
    'SELECT definition_id AS id, manager FROM managed_definitions WHERE definition_id = ANY($1::uuid[])',
    [ids],
  );
  return new Map(rows.map(({ id, manager }) => [id, manager]));
}

/** Tells whether the present caller may change what has this manager. */
export function mayChange(manager: string | undefined): boolean {
  if (manager !== FILES) return true;
  const caller = currentCaller();
  return caller?.force === true || caller?.manager === FILES;
}

/** Returns why a caller can't change a definition of the rules directory, and how it can be changed. */
export const managedWords = (kind: string, name: string): string =>
  `${kind} ${name} is managed by the rules directory (managedBy: ${FILES}): change its file there, or send ?force=true to change it until the files change next`;

/** @throws Conflict naming the first that the present caller may not change */
export async function assertMayChange(
  sql: Sqls,
  kind: string,
  rows: readonly { id: string; name: string }[],
): Promise<void> {
  if (rows.length === 0 || mayChange(FILES)) return;
  const managers = await managersOf(
    sql,
    rows.map(({ id }) => id),
  );
  const refused = rows.find(({ id }) => !mayChange(managers.get(id)));
  if (refused !== undefined) throw new Conflict(managedWords(kind, refused.name));
}

/** Returns what a manager has applied, also what somebody else has deleted since. */
export const managedBy = (sql: Sqls, manager: string): Promise<Managed[]> =>
  sql.rows<Managed & Record<string, unknown>>(
    `SELECT kind, definition_id AS id, name, version FROM managed_definitions WHERE manager = $1 ORDER BY kind, name`,
    [manager],
  );

/** Definitions of a statement. */
const ROWS_AT_ONCE = 5_000;

/**
 * Writes down who manages definitions.
 *
 * @param takes whether those that have another manager change to this one
 */
export async function manage(
  sql: Sqls,
  manager: string,
  definitions: readonly Managed[],
  takes: boolean,
): Promise<void> {
  const otherwise = takes
    ? 'UPDATE SET manager = excluded.manager, name = excluded.name, version = excluded.version'
    : 'NOTHING';
  for (let from = 0; from < definitions.length; from += ROWS_AT_ONCE) {
    const some = definitions.slice(from, from + ROWS_AT_ONCE);
    await sql.rows(
      `INSERT INTO managed_definitions (definition_id, kind, name, manager, version)
       SELECT u.id, u.kind, u.name, $1, u.version
       FROM unnest($2::uuid[], $3::text[], $4::text[], $5::int[]) AS u (id, kind, name, version)
       ON CONFLICT (definition_id) DO ${otherwise}`,
      [
        manager,
        some.map(({ id }) => id),
        some.map(({ kind }) => kind),
        some.map(({ name }) => name),
        some.map(({ version }) => version),
      ],
    );
  }
}

/** Forgets who managed definitions that are gone, or that nobody is to manage any more. */
export async function unmanage(sql: Sqls, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await sql.rows('DELETE FROM managed_definitions WHERE definition_id = ANY($1::uuid[])', [ids]);
}

/** Notes that a definition was deleted: of what the rules directory manages it stays known that it is missing. */
export async function noteDeleted(sql: Sqls, id: string): Promise<void> {
  await sql.rows('DELETE FROM managed_definitions WHERE definition_id = $1 AND (manager <> $2 OR $3)', [
    id,
    FILES,
    currentCaller()?.manager === FILES,
  ]);
}
