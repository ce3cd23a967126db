import { Injectable } from '@nestjs/common';
import { VersionedDefinitions } from '../api/versioned-definitions';
import type { Change } from '../common/differences';
import { NotFound } from '../common/errors';
import { Database } from '../database/database';
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

const LISTED_AT_MOST = 100;
/** Definitions of which is read what they have otherwise. */
const COMPARED_AT_MOST = 20;

const NOW = SECTION_NAMES.map((section) => `SELECT id, version FROM ${section}`).join(' UNION ALL ');
const DRIFTING = `managed_definitions m LEFT JOIN (${NOW}) d ON d.id = m.definition_id
  WHERE m.manager = '${FILES}' AND d.version IS DISTINCT FROM m.version`;

/** Finds what others have changed or deleted of what the rules directory manages, since it was applied. */
@Injectable()
export class Drifts {
  constructor(
    private readonly database: Database,
    private readonly rooms: Rooms,
  ) {}

  /** Counts definitions that were written since; also those that are as before again. */
  async count(): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM ${DRIFTING}`,
    );
    return row!.count;
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
