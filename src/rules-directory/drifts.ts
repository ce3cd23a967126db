import { Injectable } from '@nestjs/common';
import { VersionedDefinitions } from '../api/versioned-definitions';
import type { Change } from '../common/differences';
import { NotFound } from '../common/errors';
import { SharedRun } from '../common/shared-run';
import { Database } from '../database/database';
import { changedDefinitions, changesAfter, type DefinitionChange } from '../database/definition-changes';
import { FILES } from '../database/managed';
import { SECTION_NAMES, SECTIONS, type Kind } from '../transfer/document';
import { Rooms } from '../transfer/rooms';

/** Definition that is not as the files have it. */
export interface Drift {
  kind: Kind;
  id: string;
  name: string;
  how: 'changed' | 'missing';
  /** What it has otherwise than the files; absent where that is not known, or not looked at. */
  changes?: Change[];
}

/** Revision after which there is none: nothing is known yet, and all is counted. */
const NO_REVISION = '9223372036854775807';
const LISTED_AT_MOST = 100;
/** Definitions of which is read what they have otherwise. */
const COMPARED_AT_MOST = 20;

/** Most drifting definitions whose ids are kept; where there are more, each change counts all anew. */
const KNOWN_AT_MOST = 10_000;

const definitions = (condition: string): string =>
  SECTION_NAMES.map((section) => `SELECT id, version FROM ${section} ${condition}`).join(' UNION ALL ');
const NOW = definitions('');
const NOW_OF_SOME = definitions('WHERE id = ANY($1::uuid[])');
const DRIFTING = `managed_definitions m LEFT JOIN (${NOW}) d ON d.id = m.definition_id
  WHERE m.manager = '${FILES}' AND d.version IS DISTINCT FROM m.version`;

/** What was counted, as of a revision of all definitions and of what the rules directory applied last. */
interface Counted {
  revision: string;
  appliedAt: string | null;
  count: number;
  /** Ids of those that drift; undefined where there are too many. */
  drifting?: Set<string>;
}

/**
 * Finds what others have changed or deleted of what the rules directory manages, since it was applied.
 *
 * The count is kept: while no definition changes and no files are applied, it costs a look at two rows, however many
 * definitions there are. After a change only what was changed is compared.
 */
@Injectable()
export class Drifts {
  private counted: Counted = { revision: NO_REVISION, appliedAt: null, count: 0 };
  private readonly counting = new SharedRun(async () => {
    this.counted = await this.next();
  });

  constructor(
    private readonly database: Database,
    private readonly rooms: Rooms,
  ) {}

  /** Counts definitions that were written since; also those that are as before again. */
  async count(): Promise<number> {
    await this.counting.run();
    return this.counted.count;
  }

  private async next(): Promise<Counted> {
    const before = this.counted;
    // Read before what is compared: what changes meanwhile is looked at again by the next count.
    const [row] = await this.database.rows<{
      revision: string;
      appliedAt: string | null;
      changes: DefinitionChange[] | null;
    }>(
      `SELECT revision, (SELECT applied_at::text FROM rules_directory) AS "appliedAt", ${changesAfter('$1')} AS changes
       FROM definition_revision`,
      [before.revision],
    );
    const { revision, appliedAt, changes } = row!;
    const isSame = appliedAt === before.appliedAt;
    if (isSame && revision === before.revision) return before;
    // Files that were applied change what is managed, also where no definition changes.
    const changed = isSame ? changedDefinitions(changes ?? [], before.revision, revision) : undefined;
    if (changed === undefined || before.drifting === undefined) return this.all(revision, appliedAt);
    const drifting = await this.after(before.drifting, [...changed.values()].flat());
    if (drifting.size > KNOWN_AT_MOST) return { revision, appliedAt, count: drifting.size };
    return { revision, appliedAt, count: drifting.size, drifting };
  }

  private async all(revision: string, appliedAt: string | null): Promise<Counted> {
    const [row] = await this.database.rows<{ count: number; ids: string[] | null }>(
      `SELECT count(*)::int AS count, (array_agg(m.definition_id))[1:${KNOWN_AT_MOST + 1}] AS ids FROM ${DRIFTING}`,
    );
    const { count, ids } = row!;
    if (count > KNOWN_AT_MOST) return { revision, appliedAt, count };
    return { revision, appliedAt, count, drifting: new Set(ids) };
  }

  /** Returns the ids of those that drift after some definitions have changed. */
  private async after(before: ReadonlySet<string>, changed: readonly string[]): Promise<Set<string>> {
    const rows = await this.database.rows<{ id: string }>(
      `SELECT m.definition_id AS id FROM managed_definitions m LEFT JOIN (${NOW_OF_SOME}) d ON d.id = m.definition_id
       WHERE m.definition_id = ANY($1::uuid[]) AND m.manager = '${FILES}' AND d.version IS DISTINCT FROM m.version`,
      [changed],
    );
    const drifting = new Set(before);
    for (const id of changed) drifting.delete(id);
    for (const { id } of rows) drifting.add(id);
    return drifting;
  }

  /** Lists the first of them, with what is different. */
  async list(): Promise<Drift[]> {
    const rows = await this.database.rows<{
      kind: Kind;
      id: string;
      name: string;
      applied: number;
      isThere: boolean;
    }>(
      `SELECT m.kind, m.definition_id AS id, m.name, m.version AS applied, d.id IS NOT NULL AS "isThere"
       FROM ${DRIFTING} ORDER BY m.kind, m.name LIMIT ${LISTED_AT_MOST}`,
    );
    const drifts: Drift[] = [];
    for (const [index, { kind, id, name, applied, isThere }] of rows.entries()) {
      const drift = { kind, id, name };
      if (!isThere) drifts.push({ ...drift, how: 'missing' });
      else {
        const changes = index < COMPARED_AT_MOST ? await this.changes(kind, id, applied) : undefined;
        if (changes?.length !== 0) drifts.push({ ...drift, how: 'changed', ...(changes && { changes }) });
      }
    }
    return drifts;
  }

  private async changes(kind: Kind, id: string, applied: number): Promise<Change[] | undefined> {
    const room = this.rooms.of[SECTION_NAMES.find((section) => SECTIONS[section] === kind)!];
    if (!(room instanceof VersionedDefinitions)) return undefined;
    try {
      return (await room.difference(id, applied)).changes;
    } catch (error) {
      // It has just been deleted, or was written before versions were kept.
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }
}
