import { chunks } from '../common/chunks';
import {
  Conflict,
  Forbidden,
  InvalidInput,
  messageOf,
  NotFound,
  Unavailable,
  VersionMismatch,
} from '../common/errors';
import { Turns } from '../common/turns';
import type { DefinitionRow } from '../database/entities';
import { changeDefinitions, tried, type Work } from '../database/definitions';
import { managedWords, managersOf, mayChange } from '../database/managed';
import { mergePatch } from './merge-patch';
import { isUnchanged, type Draft, type StoredDefinitions } from './stored-definitions';
import { list, object, shape, text, whole } from '../common/shapes';

/** Largest number of definitions that are changed by one request. */
export const CHANGED_AT_MOST = 10_000;

/** Definitions of one transaction: it holds the lock of all changes for a fraction of a second. */
const AT_ONCE = 100;
/** Tries of one that others change meanwhile. */
const TRIES = 3;

/** Definition that was left as it is, and why. */
export interface Failure {
  id: string;
  name: string;
  detail: string;
}

export interface BulkResult {
  matched: number;
  /** Number of definitions that are now as asked for, also if they were before. */
  succeeded: number;
  failed: Failure[];
}

export const BULK_RESULT = shape(
  'BulkResult',
  object({
    matched: whole,
    succeeded: whole,
    failed: list(object({ id: text, name: text, detail: text })),
  }),
);

/** What is done to each: a merge patch, or its end. */
export type BulkDeed = { change: object } | 'delete';

/**
 * Changes or deletes many definitions, each checked as if it came alone. What fails is left out of its transaction and
 * told; the others are done. Doing it again changes nothing more.
 */
export class BulkChanges<R extends DefinitionRow> {
  private readonly turns = new Turns();

  /** @param isTried true to undo all of it: some mistakes are seen only when it is written */
  constructor(
    private readonly definitions: StoredDefinitions<R>,
    private readonly deed: BulkDeed,
    private readonly isTried: boolean,
  ) {}

  /** @throws Unavailable when PostgreSQL is away before anything is done */
  async run(ids: readonly string[]): Promise<BulkResult> {
    const failed: Failure[] = [];
    let done = 0;
    for (const some of chunks(ids, AT_ONCE)) {
      try {
        failed.push(...(await this.attempt(some)));
      } catch (error) {
        if (done === 0 || !(error instanceof Unavailable)) throw error;
        // What was done before is to be known.
        const detail = `not known to be done: ${messageOf(error)}`;
        failed.push(...ids.slice(done).map((id) => ({ id, name: id, detail })));
        break;
      }
      done += some.length;
    }
    return { matched: ids.length, succeeded: ids.length - failed.length, failed };
  }

  private async attempt(ids: readonly string[], tries = TRIES): Promise<Failure[]> {
    const rows = await this.definitions.store.inOrder(ids);
    const there = new Set(rows.map(({ id }) => id));
    const gone = ids
      .filter((id) => !there.has(id))
      .map((id) => failureOf({ id, name: id }, new NotFound(this.definitions.store.kind, id)));
    const failed =
      this.deed === 'delete'
        ? await this.remove(rows, tries)
        : await this.change(rows, this.deed.change, tries);
    return [...gone, ...failed];
  }

  private async change(rows: R[], change: object, tries: number): Promise<Failure[]> {
    const { drafts, failed } = await this.drafted(rows, change);
    if (drafts.length === 0) return failed;
    try {
      await this.transaction((manager) => this.definitions.write(manager, drafts));
      if (!this.isTried) await this.definitions.saved(drafts.map(({ row }) => row));
      return failed;
    } catch (error) {
      return [
        ...failed,
        ...(await this.again(
          drafts.map(({ row }) => row),
          error,
          tries,
        )),
      ];
    }
  }

  private async drafted(rows: R[], change: object): Promise<{ drafts: Draft<R>[]; failed: Failure[] }> {
    const bodies = (await this.definitions.bodies(rows)).map((body) => mergePatch(body, change));
    const references = await this.definitions.references(bodies);
    const { database, kind } = this.definitions.store;
    const managers = await managersOf(
      database,
      rows.map(({ id }) => id),
    );
    const drafts: Draft<R>[] = [];
    const failed: Failure[] = [];
    for (const [index, row] of rows.entries()) {
      await this.turns.next();
      try {
        const draft = this.definitions.draft(bodies[index], references, row);
        this.definitions.mayWrite(draft);
        if (isUnchanged(draft)) continue;
        if (!mayChange(managers.get(row.id))) throw new Conflict(managedWords(kind, row.name));
        drafts.push(draft);
      } catch (error) {
        failed.push(toldFailure(row, error));
      }
    }
    return { drafts, failed };
  }

  private async remove(rows: R[], tries: number): Promise<Failure[]> {
    const failed: Failure[] = [];
    const mayGo = rows.filter((row) => {
      try {
        this.definitions.store.mayWrite(row);
        return true;
      } catch (error) {
        failed.push(toldFailure(row, error));
        return false;
      }
    });
    if (mayGo.length === 0) return failed;
    try {
      return [...failed, ...(await this.removed(mayGo))];
    } catch (error) {
      return [...failed, ...(await this.again(mayGo, error, tries))];
    }
  }

  /** Deletes in one transaction those that nothing uses. */
  private removed(rows: readonly R[]): Promise<Failure[]> {
    return this.transaction(async (manager) => {
      const failed: Failure[] = [];
      for (const row of rows) {
        try {
          await this.definitions.removeIn(manager, row, row.version);
        } catch (error) {
          // Of these no statement has failed: the transaction goes on.
          failed.push(toldFailure(row, error));
        }
      }
      return failed;
    });
  }

  private transaction<T>(work: Work<T>): Promise<T> {
    const { database, kind } = this.definitions.store;
    const begin = (one: Work<T>) => changeDefinitions(database, `one of many of kind ${kind}`, one);
    return this.isTried ? tried(begin, work) : begin(work);
  }

  /** Does each by itself after one of them has undone a transaction. */
  private async again(rows: readonly R[], error: unknown, tries: number): Promise<Failure[]> {
    const [row, ...others] = rows;
    if (error instanceof Unavailable) throw error;
    if (others.length > 0) {
      const failed: Failure[] = [];
      for (const { id } of rows) failed.push(...(await this.attempt([id])));
      return failed;
    }
    return error instanceof VersionMismatch && tries > 1
      ? this.attempt([row!.id], tries - 1)
      : [toldFailure(row!, error)];
  }
}

const TOLD = [InvalidInput, Forbidden, Conflict, VersionMismatch, NotFound];

/** Returns the failure of one; throws what is no answer to what was asked. */
function toldFailure(row: { id: string; name: string }, error: unknown): Failure {
  if (!TOLD.some((kind) => error instanceof kind)) throw error;
  return failureOf(row, error);
}

const failureOf = ({ id, name }: { id: string; name: string }, error: unknown): Failure => ({
  id,
  name,
  detail: messageOf(error),
});
