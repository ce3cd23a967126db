import type { EntityManager } from 'typeorm';
import { currentCaller } from '../common/caller';
import { storableJson } from '../common/json';
import { PROGRAM } from '../database/audit';
import type { DefinitionStore } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Sql } from '../database/sql-pool';

/** Version of a definition, as it was written. */
export interface NewVersion {
  row: DefinitionRow;
  /** Version before it; absent when the definition is new. */
  before?: DefinitionRow;
  /** Names of what it refers to, by their ids. */
  names: Readonly<Record<string, string>>;
}

/** Version of a definition. */
export interface StoredVersion {
  version: number;
  at: Date;
  /** Null for what was there before versions were kept. */
  actor: string | null;
  via: string | null;
  /** Columns of the definition; secrets are encrypted. */
  definition: Record<string, unknown>;
  names: Record<string, string>;
  /** True when the definition is gone. */
  isDeleted: boolean;
}

/** Number of versions that are kept of a definition. */
const KEPT = 500;

/** Columns that stand beside the contents of a version. */
const APART = ['id', 'version', 'createdAt', 'updatedAt'];

const COLUMNS = `version, at, actor, via, definition, names, deleted_at IS NOT NULL AS "isDeleted"`;

/**
 * Versions of definitions of one kind, each with its author. Written in the transaction of the change; those of a
 * deleted definition stay until the retention of the audit is over.
 */
export class DefinitionVersions {
  /** @param apart columns that are no part of a version: tokens, and what the program counts */
  constructor(
    private readonly store: Pick<DefinitionStore<DefinitionRow>, 'database' | 'kind' | 'columnDefaults'>,
    private readonly apart: readonly string[],
  ) {}

  /** Writes versions, and the one before each if it is not there: another release may have made it. */
  async add(manager: EntityManager, versions: readonly NewVersion[]): Promise<void> {
    if (versions.length === 0) return;
    const { actor, via, userId = null } = currentCaller() ?? PROGRAM;
    const author = { actor, via, user_id: userId };
    const rows = versions.flatMap(({ row, before, names }) => [
      ...(before === undefined ? [] : [{ ...this.stored(before), names }]),
      { ...this.stored(row), ...author, names },
    ]);
    await manager.query(
      `INSERT INTO definition_versions (kind, definition_id, version, at, actor, via, user_id, definition, names)
       SELECT $1, r.* FROM jsonb_to_recordset($2::jsonb) AS r (definition_id uuid, version int, at timestamptz, actor text,
         via text, user_id uuid, definition jsonb, names jsonb)
       ON CONFLICT DO NOTHING`,
      [this.store.kind, storableJson(JSON.stringify(rows))],
    );
    await manager.query(
      `DELETE FROM definition_versions v USING unnest($1::uuid[], $2::int[]) AS newest (id, version)
       WHERE v.definition_id = newest.id AND v.version <= newest.version - ${KEPT}`,
      [versions.map(({ row }) => row.id), versions.map(({ row }) => row.version)],
    );
  }

  private stored(row: DefinitionRow): object {
    const columns = Object.entries(row).filter(
      ([column]) => !APART.includes(column) && !this.apart.includes(column),
    );
    return {
      definition_id: row.id,
      version: row.version,
      at: row.updatedAt,
      definition: Object.fromEntries(columns),
    };
  }

  /** Notes that a definition is deleted: its versions stay for a while. */
  async end(manager: EntityManager, id: string): Promise<void> {
    await manager.query(
      'UPDATE definition_versions SET deleted_at = clock_timestamp() WHERE definition_id = $1',
      [id],
    );
  }

  /** Returns versions, newest first. @param before only those below this one */
  async list(id: string, limit: number, before: number | undefined): Promise<StoredVersion[]> {
    const versions = await this.store.database.rows<StoredVersion & Record<string, unknown>>(
      `SELECT ${COLUMNS} FROM definition_versions
       WHERE definition_id = $1 AND kind = $2 AND ($3::int IS NULL OR version < $3) ORDER BY version DESC LIMIT $4`,
      [id, this.store.kind, before ?? null, limit],
    );
    return this.withAllColumns(versions);
  }

  /** Adds the columns that another release added after a version was written. */
  private async withAllColumns(versions: readonly StoredVersion[]): Promise<StoredVersion[]> {
    const defaults = await this.store.columnDefaults();
    for (const column of [...APART, ...this.apart]) delete defaults[column as keyof DefinitionRow];
    return versions.map((version) => ({ ...version, definition: { ...defaults, ...version.definition } }));
  }

  /** Counts the versions that are kept. */
  async count(id: string): Promise<number> {
    const [row] = await this.store.database.rows<{ count: number }>(
      'SELECT count(*)::int AS count FROM definition_versions WHERE definition_id = $1 AND kind = $2',
      [id, this.store.kind],
    );
    return row!.count;
  }

  /** Returns one version. @param version undefined for the newest */
  async get(id: string, version: number | undefined): Promise<StoredVersion | undefined> {
    const versions = await this.store.database.rows<StoredVersion & Record<string, unknown>>(
      `SELECT ${COLUMNS} FROM definition_versions
       WHERE definition_id = $1 AND kind = $2 AND ($3::int IS NULL OR version = $3) ORDER BY version DESC LIMIT 1`,
      [id, this.store.kind, version ?? null],
    );
    return (await this.withAllColumns(versions))[0];
  }
}

/** Runs SQL in the transaction of an entity manager. */
export const sqlOf = (manager: EntityManager): Pick<Sql, 'rows'> => ({
  rows: (text, values) => manager.query(text, values),
});
