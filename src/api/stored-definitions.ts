import type { EntityManager } from 'typeorm';
import { step } from '../common/check';
import { differences, type Change } from '../common/differences';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { KEPT_SECRET } from '../common/secret-value';
import type { Secrets } from '../common/secrets';
import { recordAudit, type AuditEntry } from '../database/audit';
import type { Columns, DefinitionStore } from '../database/definitions';
import { assertMayChange, managersOf, noteDeleted } from '../database/managed';
import type { Page } from '../database/pages';
import { sqlOf } from './definition-versions';
import { conditionsOf } from './filters';
import { pageIn, type PageQuery } from './page-query';
import type { DefinitionRow } from '../database/entities';
import type { Definitions, NamedResource } from './definition.controller';
import { isObject } from '../common/json';
import { own } from '../common/records';

/** Ids of definitions that others refer to, by name and by id. */
export interface References {
  infrastructures: ReadonlyMap<string, string>;
  actions: ReadonlyMap<string, string>;
  /** Types of actions, by name and by id. */
  actionTypes?: ReadonlyMap<string, string>;
  services: ReadonlyMap<string, string>;
}

export const NO_REFERENCES: References = {
  infrastructures: new Map(),
  actions: new Map(),
  services: new Map(),
};

/** Names of other definitions by their ids. */
export type Names = ReadonlyMap<string, string>;

const NO_NAMES: Names = new Map();

/** Draft that was written, and what it changed as far as that is shown. */
export interface Noted<R> {
  row: R;
  before?: R;
  changes: readonly Change[];
}

/** Act that writes drafts: its word in the audit, and what else is to be said of it. */
export interface Deed {
  action: string;
  detail?: AuditEntry['detail'];
}

/** Rows whose entries of the audit are written at once. */
const AT_ONCE = 200;

/** Tells whether a draft is what is stored. */
export const isUnchanged = <D extends Draft<unknown>>(draft: D): draft is D & Required<Pick<D, 'before'>> =>
  draft.before !== undefined && draft.changes.length === 0;

/** Context in which a body is checked. */
export interface Surroundings<R> {
  id: string;
  /** Stored row, whose secrets a body may keep; undefined when it is new. */
  before: R | undefined;
  references: References;
}

/** Checked body, as the row that it becomes. */
export interface Draft<R> {
  row: R;
  /** Stored row; absent when it is new. */
  before?: R;
  /** Pointers into what is shown, to what is different. */
  changes: string[];
  /** Fields that are shown only once, in the answer to its creation. */
  once?: object;
}

/**
 * CRUD of one kind of definition: a subclass says how a body becomes columns, and how a row is shown. One body and a
 * thousand are checked and written in the same way.
 */
export abstract class StoredDefinitions<R extends DefinitionRow> implements Definitions {
  /** Names under which columns are shown, where they differ; null for columns that are not shown. */
  protected readonly shownAs: Readonly<Record<string, string | null>> = {};

  protected constructor(
    readonly store: DefinitionStore<R>,
    protected readonly secrets: Secrets,
  ) {}

  /**
   * Returns the checked body as columns.
   *
   * @throws InvalidInput naming every wrong field
   */
  protected abstract columns(body: unknown, surroundings: Surroundings<R>): Columns<R>;

  /** @param names of the definitions that the rows refer to */
  protected abstract show(rows: R[], names: Names): Promise<object[]>;

  /** Returns the ids of the definitions that a row refers to. */
  protected referencesOf(_row: R): string[] {
    return [];
  }

  /**
   * Returns names of definitions by their ids: in the transaction of a change of all of them, else of those that the caller
   * may see.
   */
  protected async namesOf(_ids: readonly string[], _manager?: EntityManager): Promise<Names> {
    return NO_NAMES;
  }

  /** Runs in the transaction, for kinds that keep their versions. */
  protected async keep(_manager: EntityManager, _noted: readonly Noted<R>[], _names: Names): Promise<void> {}

  /** Runs in the transaction that deletes a row. */
  protected async end(_manager: EntityManager, _row: R): Promise<void> {}

  /** Returns what uses a definition, in words; it can't be deleted then. */
  protected abstract users(manager: EntityManager, row: R): Promise<string[]>;

  /**
   * Looks up what the bodies refer to, all at once: definitions, and files that hold secrets. Must come before `draft`.
   */
  async references(bodies: readonly unknown[]): Promise<References> {
    await this.secrets.look(bodies);
    return this.named(bodies);
  }

  /** Returns the definitions that the bodies refer to. */
  protected async named(_bodies: readonly unknown[]): Promise<References> {
    return NO_REFERENCES;
  }

  /** Runs in the transaction, before rows are written; for what only written rows need. */
  protected async beforehand(_manager: EntityManager, _rows: R[]): Promise<void> {}

  /** Runs in the transaction, after rows are written. */
  protected async alongside(_manager: EntityManager, _rows: R[]): Promise<void> {}

  /** Runs after the commit. */
  async saved(_rows: readonly R[]): Promise<void> {}

  async list(query: PageQuery): Promise<Page<NamedResource>> {
    const page = await this.store.page(pageIn(query), (parameter) => conditionsOf(query, parameter));
    return { ...page, items: await this.resources(page.items) };
  }

  /** Returns definitions by ids, in their order; leaves out those that the caller may not see. */
  async byIds(ids: readonly string[]): Promise<NamedResource[]> {
    return this.resources(await this.store.inOrder(ids));
  }

  async get(reference: string): Promise<NamedResource> {
    return this.resource(await this.store.get(reference));
  }

  async create(body: unknown): Promise<NamedResource> {
    const draft = this.draft(body, await this.references([body]));
    this.mayWrite(draft);
    return { ...(await this.save(draft)), ...draft.once };
  }

  async replace(
    reference: string,
    body: unknown,
    expectedVersion: number | undefined,
  ): Promise<NamedResource> {
    const before = await this.store.get(reference);
    const draft = this.draft(body, await this.references([body]), before);
    if (expectedVersion !== undefined && expectedVersion !== before.version)
      throw this.store.mismatch(before);
    this.mayWrite(draft);
    return this.save(draft);
  }

  async remove(reference: string, expectedVersion: number | undefined): Promise<void> {
    const row = await this.store.get(reference);
    await this.store.remove(
      row,
      expectedVersion ?? row.version,
      async (manager) => {
        await this.assertMayChange(manager, [row]);
        return this.users(manager, row);
      },
      (manager) => this.noteRemoval(manager, row),
    );
  }

  /** @throws Conflict where one of them is managed by another, and the caller does not insist */
  private assertMayChange(manager: EntityManager, rows: readonly R[]): Promise<void> {
    return assertMayChange(sqlOf(manager), this.store.kind, rows);
  }

  /** Throws Conflict where something uses a definition, or the caller may not delete it. */
  async assertUnused(manager: EntityManager, row: R): Promise<void> {
    await this.assertMayChange(manager, [row]);
    this.store.assertUnused(row, await this.users(manager, row));
  }

  /**
   * Deletes a definition that nothing uses, in a transaction of `changeDefinitions`.
   *
   * @throws Conflict, VersionMismatch
   */
  async removeIn(manager: EntityManager, row: R, expected: number): Promise<void> {
    await this.assertUnused(manager, row);
    await this.store.removeIn(manager, row, expected);
    await this.noteRemoval(manager, row);
  }

  /** Returns rows as bodies: what a PUT of one may send to leave it as it is. */
  async bodies(rows: R[]): Promise<object[]> {
    return this.described(rows, await this.namesIn(rows));
  }

  /**
   * Returns the row that a body makes of the stored one.
   *
   * @param keptOf row whose secrets the body may keep; by default the stored one
   * @throws InvalidInput naming every wrong field
   */
  draft(body: unknown, references: References, before?: R, keptOf = before): Draft<R> {
    const id = before?.id ?? newId();
    const columns = this.columns(withoutManager(body), { id, before: keptOf, references });
    const row = this.store.row(columns, id, before);
    return before === undefined
      ? { row, changes: [] }
      : { row, before, changes: this.changes(before, columns) };
  }

  /**
   * Checks that the caller may write what a definition was and what it becomes: nothing is relabelled out of a scope,
   * nor into it.
   *
   * @throws Forbidden
   */
  mayWrite({ row, before }: Draft<R>): void {
    if (before !== undefined) this.store.mayWrite(before);
    this.store.mayWrite(row);
  }

  /** Writes drafts, and who changed what, in a transaction of `changeDefinitions`. */
  async write(manager: EntityManager, drafts: readonly Draft<R>[], deed?: Deed): Promise<void> {
    const rows = drafts.map(({ row }) => row);
    if (rows.length === 0) return;
    await this.assertMayChange(
      manager,
      drafts.flatMap(({ before }) => before ?? []),
    );
    await this.beforehand(manager, rows);
    await this.store.insert(
      manager,
      drafts.filter(({ before }) => before === undefined).map(({ row }) => row),
    );
    for (const { row, before } of drafts) if (before !== undefined) await this.store.update(manager, row);
    await this.alongside(manager, rows);
    for (let from = 0; from < drafts.length; from += AT_ONCE)
      await this.note(manager, drafts.slice(from, from + AT_ONCE), deed);
  }

  /** Writes a draft. One that changes nothing is left alone: the version, and so the ETag, stay as they are. */
  protected async save(draft: Draft<R>, deed?: Deed): Promise<NamedResource> {
    if (isUnchanged(draft)) {
      await assertMayChange(this.store.database, this.store.kind, [draft.before]);
      return this.resource(draft.before);
    }
    await this.store.change(draft.row.name, (manager) => this.write(manager, [draft], deed));
    await this.saved([draft.row]);
    return this.resource(draft.row);
  }

  /** Returns pointers to what is different, also where it is not shown what. */
  protected changes(before: R, columns: Columns<R>): string[] {
    return Object.entries(columns).flatMap(([column, value]) => {
      const shown = own(this.shownAs, column);
      if (shown === null) return [];
      const stored = (before as Record<string, unknown>)[column];
      return differences(stored, value, step(shown ?? column)).map(({ pointer }) => pointer);
    });
  }

  /** Writes down who changed what, and the versions that came of it. */
  private async note(manager: EntityManager, drafts: readonly Draft<R>[], deed?: Deed): Promise<void> {
    const stored = drafts.flatMap(({ before }) => before ?? []);
    const rows = drafts.map(({ row }) => row);
    const names = await this.namesIn([...stored, ...rows], manager);
    const before = await this.described(stored, names);
    const shownBefore = new Map(stored.map(({ id }, index) => [id, before[index]!]));
    const after = await this.described(rows, names);
    const noted = drafts.map((draft, index) => ({
      ...draft,
      changes: changesOf(draft, shownBefore.get(draft.row.id), after[index]!),
    }));
    const entries = noted.map(({ row: { id, name }, before: old, changes }) => ({
      action: old === undefined ? 'create' : 'update',
      ...deed,
      object: { type: this.store.kind, id, name },
      changes,
    }));
    await recordAudit(sqlOf(manager), entries);
    await this.keep(manager, noted, names);
  }

  private async noteRemoval(manager: EntityManager, row: R): Promise<void> {
    const [shown] = await this.described([row], await this.namesIn([row], manager));
    const object = { type: this.store.kind, id: row.id, name: row.name };
    await recordAudit(sqlOf(manager), [{ action: 'delete', object, changes: differences(shown, {}) }]);
    await noteDeleted(sqlOf(manager), row.id);
    await this.end(manager, row);
  }

  private namesIn(rows: readonly R[], manager?: EntityManager): Promise<Names> {
    return this.namesOf([...new Set(rows.flatMap((row) => this.referencesOf(row)))], manager);
  }

  /** Returns what is shown of rows, without their ids, versions and times. */
  protected async described(rows: R[], names: Names): Promise<object[]> {
    const shown = await this.shownOf(rows, names);
    return rows.map(({ name }, index) => ({ name, ...shown[index] }));
  }

  protected async resource(row: R): Promise<NamedResource> {
    return (await this.resources([row]))[0]!;
  }

  /**
   * Returns rows as they are shown. One that can't be shown, for example since another release wrote it, is replaced by
   * its problem and does not affect the others of its page.
   */
  private async shownOf(rows: R[], names: Names): Promise<object[]> {
    try {
      return await this.show(rows, names);
    } catch (error) {
      if (!isOurs(error)) throw error;
      if (rows.length === 1) return [{ problem: `what is stored of it can't be shown: ${messageOf(error)}` }];
      const each: object[] = [];
      for (const row of rows) each.push(...(await this.shownOf([row], names)));
      return each;
    }
  }

  private async resources(rows: R[]): Promise<NamedResource[]> {
    const shown = await this.shownOf(rows, await this.namesIn(rows));
    const ids = rows.map(({ id }) => id);
    const managers = await managersOf(this.store.database, ids);
    return rows.map((row, index) => {
      const { id, name, version, createdAt, updatedAt } = row;
      const manager = managers.get(id);
      const managed = manager === undefined ? {} : { managedBy: manager };
      const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
      return { id, name, ...shown[index], ...managed, version, ...times };
    });
  }
}

/** Removes what `GET` shows beside a definition, so that its answer may be sent back. */
function withoutManager(body: unknown): unknown {
  // Most have none, and stay the very object: some kinds know bodies by it.
  if (!isObject(body) || !Object.hasOwn(body, 'managedBy')) return body;
  const { managedBy: _manager, ...definition } = body;
  return definition;
}

/** Tells whether an error came from the contents of a row, not from PostgreSQL or the connection to it. */
const isOurs = (error: unknown): boolean =>
  !(error instanceof Unavailable) && (error as { code?: unknown }).code === undefined;

/** Returns the ids of rows, by name and by id. */
export function idsOf(rows: readonly { id: string; name: string }[]): Map<string, string> {
  return new Map(rows.flatMap(({ id, name }) => [[name, id] as const, [id, id] as const]));
}

/** Returns what a draft changes, as it is shown; a secret that changed shows as one. */
export function changesOf(
  { before, changes }: Pick<Draft<unknown>, 'before' | 'changes'>,
  shownBefore: object | undefined,
  shownAfter: object,
): Change[] {
  if (before === undefined) return differences({}, shownAfter);
  const seen = differences(shownBefore, shownAfter);
  const covers = (one: string, other: string) => one === other || other.startsWith(`${one}/`);
  const secret = changes.filter(
    (pointer) => !seen.some((change) => covers(change.pointer, pointer) || covers(pointer, change.pointer)),
  );
  return [...seen, ...secret.map((pointer) => ({ pointer, before: KEPT_SECRET, after: KEPT_SECRET }))];
}
