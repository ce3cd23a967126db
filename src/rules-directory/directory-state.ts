import { hostname } from 'node:os';
import { Injectable } from '@nestjs/common';
import { newId } from '../common/ids';
import { recordAudit, type AuditEntry } from '../database/audit';
import { Database } from '../database/database';
import { FILES } from '../database/managed';
import type { Sql } from '../database/sql-pool';
import type { Pruned } from '../transfer/ownership';
import type { Mistake } from './rule-files';

/**
 * Time for which a process holds the directory, seconds: longer than it takes to apply the largest one. One that stops
 * lets go at once; the files of one that dies are applied by another after that.
 */
const HELD_SECONDS = 60;
/** Earlier rules that are remembered, to tell what is old from what is new. */
const SUPERSEDED_AT_MOST = 20;
const TOLD_AT_MOST = 20;

/** State of the rules directory that all processes share. */
export interface DirectoryState {
  /** Whether this process holds it, and may apply files. */
  isMine: boolean;
  applied: string | null;
  failed: string | null;
  mistakes: Mistake[];
  kept: Pruned['kept'];
  superseded: { hash: string; agoMs: number }[];
}

/** What was applied. */
export interface Applied {
  hash: string;
  files: number;
  created: number;
  updated: number;
  pruned: Pruned;
}

/** State in which nothing is wrong: `applied`, nothing `empty`, or older files `waiting` for newer ones. */
export type Calm = 'applied' | 'empty' | 'waiting';

/** The lease of the rules directory, by which one process at a time applies it, and what came of that. */
@Injectable()
export class DirectoryStates {
  /** Id of this process. */
  private readonly id = newId();

  constructor(private readonly database: Database) {}

  /** Takes or keeps the lease, unless another process has it, and returns the state. */
  async hold(folder: string): Promise<DirectoryState> {
    const [state] = await this.database.rows<DirectoryState & Record<string, unknown>>(
      `WITH held AS (UPDATE rules_directory SET holder = $1, host = $2, folder = $3, looked_at = now(),
           held_until = now() + $4 * interval '1 second'
         WHERE holder IS NULL OR holder = $1 OR held_until < now() RETURNING 1)
       SELECT EXISTS (SELECT FROM held) AS "isMine", applied, failed, mistakes, kept,
         (SELECT coalesce(jsonb_agg(jsonb_build_object('hash', s->>'hash',
            'agoMs', extract(epoch FROM now() - (s->>'at')::timestamptz) * 1000)), '[]')
          FROM jsonb_array_elements(superseded) s) AS superseded
       FROM rules_directory`,
      [this.id, hostname(), folder, HELD_SECONDS],
    );
    return state!;
  }

  /** Counts the definitions that came from the files. */
  async managed(): Promise<number> {
    const [row] = await this.database.rows<{ count: number }>(
      `SELECT count(*)::int AS count FROM managed_definitions WHERE manager = '${FILES}'`,
    );
    return row!.count;
  }

  /** Lets another process take the lease. */
  async release(): Promise<void> {
    await this.database.rows('UPDATE rules_directory SET held_until = now() WHERE holder = $1', [this.id]);
  }

  /** Notes that nothing is wrong. */
  async calm(status: Calm): Promise<void> {
    await this.database.rows(
      `UPDATE rules_directory SET status = $2, since = now(), mistakes = '[]', failed = NULL
       WHERE holder = $1 AND (status <> $2 OR failed IS NOT NULL)`,
      [this.id, status],
    );
  }

  /**
   * Notes mistakes that keep files from being applied.
   *
   * @returns whether they are others than before; these are audited
   */
  async mistaken(hash: string, mistakes: readonly Mistake[], folder: string): Promise<boolean> {
    return this.database.transaction(async (sql) => {
      const changed = await sql.rows(
        `UPDATE rules_directory SET status = 'mistaken', mistakes = $3, failed = $2,
           since = CASE WHEN status = 'mistaken' THEN since ELSE now() END
         WHERE holder = $1 AND held_until > now() AND (status <> 'mistaken' OR failed IS DISTINCT FROM $2 OR mistakes <> $3)
         RETURNING 1`,
        [this.id, hash, JSON.stringify(mistakes)],
      );
      if (changed.length === 0) return false;
      const detail = { mistakes: mistakes.slice(0, TOLD_AT_MOST), mistakesInAll: mistakes.length };
      await recordAudit(sql, [{ ...entryOf(folder), outcome: 'failed', detail }]);
      return true;
    });
  }

  /**
   * Writes down in the transaction that applies files that it did.
   *
   * @throws LeaseLost when another process has taken over; nothing is applied then
   */
  async applied(sql: Pick<Sql, 'rows'>, applied: Applied, folder: string): Promise<void> {
    const { hash, files, created, updated, pruned } = applied;
    const held = await sql.rows(
      `UPDATE rules_directory SET status = 'applied', since = now(), applied = $2, applied_at = now(), files = $3,
         mistakes = '[]', failed = NULL, kept = $4,
         superseded = (SELECT coalesce(jsonb_agg(s ORDER BY s->>'at' DESC), '[]') FROM (
           SELECT s FROM (
             SELECT s FROM jsonb_array_elements(superseded) s
             UNION ALL SELECT jsonb_build_object('hash', applied, 'at', now()) WHERE applied IS NOT NULL) every
           WHERE s->>'hash' <> $2 ORDER BY s->>'at' DESC LIMIT ${SUPERSEDED_AT_MOST}) newest)
       WHERE holder = $1 AND held_until > clock_timestamp() RETURNING 1`,
      [this.id, hash, files, JSON.stringify(pruned.kept)],
    );
    if (held.length === 0) throw new LeaseLost('another process has taken over the rules directory');
    const detail = { files, created, updated, deleted: pruned.deleted.length, kept: pruned.kept.length };
    await recordAudit(sql, [{ ...entryOf(folder), detail }]);
  }
}

/** Failure of a process that no longer holds the directory. */
export class LeaseLost extends Error {}

const entryOf = (folder: string): AuditEntry => ({
  action: 'apply',
  object: { type: 'rules_directory', name: folder },
});
