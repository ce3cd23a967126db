import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { sqlOf } from '../api/definition-versions';
import type { Draft, StoredDefinitions } from '../api/stored-definitions';
import { Conflict, messageOf } from '../common/errors';
import { Database } from '../database/database';
import type { DefinitionRow, ServiceRow } from '../database/entities';
import { FILES, manage, managedBy, unmanage, type Managed } from '../database/managed';
import { SECTION_NAMES, SECTIONS, type Kind, type Section } from './document';
import { Rooms } from './rooms';

/** Owner for whom a document is imported, and what becomes of what it no longer has. */
export interface Owner {
  /** Manager of what the import makes: `files`, or `apply:<set>`. */
  manager: string;
  /** True to delete what the manager has, and the document does not. */
  prune: boolean;
  /** Runs at the end of the transaction, with what was done; throws to undo it. */
  alongside?: (manager: EntityManager, done: Done) => Promise<void>;
}

/** What became of definitions that a document no longer has. */
export interface Pruned {
  deleted: { kind: Kind; name: string }[];
  /** Definitions that are still in use, by whom; services of them are disabled. */
  kept: { kind: Kind; name: string; detail: string }[];
}

/** What an import has done; of what was created and changed the numbers. */
export interface Done extends Pruned {
  created: number;
  updated: number;
}

/** Definitions that the document no longer has, by section. */
type Leaving = Record<Section, DefinitionRow[]>;

/** Users before what they use. */
const REMOVAL_ORDER: readonly Section[] = ['contacts', 'sources', 'services', 'actions', 'infrastructures'];

/** Deletes what a manager has made and its document no longer has, and writes down what it manages. */
@Injectable()
export class Ownership {
  constructor(
    private readonly database: Database,
    private readonly rooms: Rooms,
  ) {}

  /**
   * Returns what would be deleted, as far as the caller sees it.
   *
   * @param kept ids of what the document has
   * @throws Forbidden when the caller may not delete one of them
   */
  async leaving(manager: string, kept: ReadonlySet<string>): Promise<Leaving> {
    const leaving = (await managedBy(this.database, manager)).filter(({ id }) => !kept.has(id));
    const rows = {} as Leaving;
    for (const section of SECTION_NAMES) {
      const room = this.rooms.of[section];
      const ids = leaving.filter(({ kind }) => kind === SECTIONS[section]).map(({ id }) => id);
      rows[section] = await room.store.inOrder(ids);
      for (const row of rows[section]) room.store.mayWrite(row);
    }
    return rows;
  }

  /** Tells whether any definition that was kept, since it was in use, could be deleted now. */
  async isAnyFree(kept: readonly { kind: string; name: string }[]): Promise<boolean> {
    return this.database.entities(async (entities) => {
      for (const section of REMOVAL_ORDER) {
        const room = this.rooms.of[section];
        const names = kept.filter(({ kind }) => kind === SECTIONS[section]).map(({ name }) => name);
        for (const row of await room.store.findMany(names))
          if (await isFree(entities, room, row)) return true;
      }
      return false;
    });
  }

  /** Deletes in a transaction of `changeDefinitions` what is not in use; services in use are disabled. */
  async prune(entities: EntityManager, leaving: Leaving): Promise<Pruned> {
    const pruned: Pruned = { deleted: [], kept: [] };
    for (const section of REMOVAL_ORDER) {
      const kind = SECTIONS[section];
      const room = this.rooms.of[section];
      let left = leaving[section].map((row) => ({ row, detail: '' }));
      // Each round deletes what the round before has freed: services may depend on each other.
      for (let before = Infinity; left.length > 0 && left.length < before;) {
        before = left.length;
        const used: typeof left = [];
        for (const { row } of left) {
          try {
            await room.removeIn(entities, row, row.version);
            pruned.deleted.push({ kind, name: row.name });
          } catch (error) {
            if (!(error instanceof Conflict)) throw error;
            used.push({ row, detail: messageOf(error) });
          }
        }
        left = used;
      }
      pruned.kept.push(...left.map(({ row, detail }) => ({ kind, name: row.name, detail })));
      if (section === 'services')
        await this.disable(
          entities,
          left.map(({ row }) => row as ServiceRow),
        );
    }
    return pruned;
  }

  private async disable(entities: EntityManager, rows: readonly ServiceRow[]): Promise<void> {
    const { services } = this.rooms;
    const enabled = rows.filter((row) => row.enabled);
    if (enabled.length === 0) return;
    const bodies = (await services.bodies(enabled)).map((body) => ({ ...body, enabled: false }));
    const references = await services.references(bodies);
    const drafts = enabled.map((row, index) => services.draft(bodies[index], references, row));
    await services.write(entities, drafts);
    await this.keepVersions(entities, drafts);
  }

  /** Notes the versions of what stays managed, so that the change is not taken for somebody else's. */
  private async keepVersions(entities: EntityManager, drafts: readonly Draft<ServiceRow>[]): Promise<void> {
    await sqlOf(entities).rows(
      `UPDATE managed_definitions m SET version = s.version FROM services s
       WHERE s.id = m.definition_id AND s.id = ANY($1::uuid[])`,
      [drafts.map(({ row }) => row.id)],
    );
  }

  /**
   * Writes down whom the definitions of a document belong to. The rules directory takes all of them; a set of
   * `monscale apply` those that it has created: what others made it never deletes.
   */
  async record(
    entities: EntityManager,
    manager: string,
    drafts: Readonly<Record<Section, readonly Draft<DefinitionRow>[]>>,
  ): Promise<void> {
    const sql = sqlOf(entities);
    const takes = manager === FILES;
    const managed: Managed[] = SECTION_NAMES.flatMap((section) =>
      drafts[section]
        .filter(({ before }) => takes || before === undefined)
        .map(({ row, before, changes }) => ({
          kind: SECTIONS[section],
          id: row.id,
          name: row.name,
          version: before === undefined || changes.length > 0 ? row.version : before.version,
        })),
    );
    await manage(sql, manager, managed, takes);
    if (takes) await this.forgetGone(entities);
  }

  /** Forgets what others have deleted and the files no longer ask for, or ask for as a new definition. */
  private async forgetGone(entities: EntityManager): Promise<void> {
    const sql = sqlOf(entities);
    const there = SECTION_NAMES.map((section) => `SELECT id FROM ${section}`).join(' UNION ALL ');
    const gone = await sql.rows<{ id: string }>(
      `SELECT definition_id AS id FROM managed_definitions WHERE manager = $1
       AND definition_id NOT IN (${there})`,
      [FILES],
    );
    await unmanage(
      sql,
      gone.map(({ id }) => id),
    );
  }
}

async function isFree(
  entities: EntityManager,
  room: StoredDefinitions<DefinitionRow>,
  row: DefinitionRow,
): Promise<boolean> {
  try {
    await room.assertUnused(entities, row);
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
}
