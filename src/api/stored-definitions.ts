import type { EntityManager } from 'typeorm';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { isSealed } from '../common/secret-value';
import type { Secrets } from '../common/secrets';
import { step } from '../common/check';
import type { Columns, DefinitionStore, Page } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Definitions, NamedResource } from './definition.controller';
import { own } from '../common/records';

/** Ids of definitions that others refer to, by name and by id. */
export interface References {
  infrastructures: ReadonlyMap<string, string>;
  actions: ReadonlyMap<string, string>;
}

export const NO_REFERENCES: References = { infrastructures: new Map(), actions: new Map() };

/** Context in which a body is checked. */
export interface Surroundings<R> {
  id: string;
  /** Stored row; undefined when it is new. */
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

  protected abstract show(rows: R[]): Promise<object[]>;

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

  async list(limit: number, cursor: string | undefined): Promise<Page<NamedResource>> {
    const { items, nextCursor } = await this.store.page(limit, cursor);
    return { items: await this.resources(items), nextCursor };
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
    await this.store.remove(row, expectedVersion ?? row.version, (manager) => this.users(manager, row));
  }

  /**
   * Returns the row that a body makes of the stored one.
   *
   * @throws InvalidInput naming every wrong field
   */
  draft(body: unknown, references: References, before?: R): Draft<R> {
    const id = before?.id ?? newId();
    const columns = this.columns(body, { id, before, references });
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

  /** Writes drafts, in a transaction of `changeDefinitions`. */
  async write(manager: EntityManager, drafts: readonly Draft<R>[]): Promise<void> {
    const rows = drafts.map(({ row }) => row);
    if (rows.length === 0) return;
    await this.beforehand(manager, rows);
    await this.store.insert(
      manager,
      drafts.filter(({ before }) => before === undefined).map(({ row }) => row),
    );
    for (const { row, before } of drafts) if (before !== undefined) await this.store.update(manager, row);
    await this.alongside(manager, rows);
  }

  private async save(draft: Draft<R>): Promise<NamedResource> {
    await this.store.change(draft.row.name, (manager) => this.write(manager, [draft]));
    await this.saved([draft.row]);
    return this.resource(draft.row);
  }

  private changes(before: R, columns: Columns<R>): string[] {
    return Object.entries(columns).flatMap(([column, value]) => {
      const shown = own(this.shownAs, column);
      if (shown === null) return [];
      return differences((before as Record<string, unknown>)[column], value, step(shown ?? column));
    });
  }

  protected async resource(row: R): Promise<NamedResource> {
    return (await this.resources([row]))[0]!;
  }

  /**
   * Returns rows as they are shown. One that can't be shown, for example since another release wrote it, is replaced by
   * its problem and does not affect the others of its page.
   */
  private async shownOf(rows: R[]): Promise<object[]> {
    try {
      return await this.show(rows);
    } catch (error) {
      if (!isOurs(error)) throw error;
      if (rows.length === 1) return [{ problem: `what is stored of it can't be shown: ${messageOf(error)}` }];
      const each: object[] = [];
      for (const row of rows) each.push(...(await this.shownOf([row])));
      return each;
    }
  }

  private async resources(rows: R[]): Promise<NamedResource[]> {
    const shown = await this.shownOf(rows);
    return rows.map((row, index) => {
      const { id, name, version, createdAt, updatedAt } = row;
      const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
      return { id, name, ...shown[index], version, ...times };
    });
  }
}

/** Tells whether an error came from the contents of a row, not from PostgreSQL or the connection to it. */
const isOurs = (error: unknown): boolean =>
  !(error instanceof Unavailable) && (error as { code?: unknown }).code === undefined;

/** Returns the ids of rows, by name and by id. */
export function idsOf(rows: readonly { id: string; name: string }[]): Map<string, string> {
  return new Map(rows.flatMap(({ id, name }) => [[name, id] as const, [id, id] as const]));
}

/** Returns pointers to the differences of two JSON values. A list is one value, and so is a secret. */
function differences(one: unknown, other: unknown, pointer: string): string[] {
  if (isSealed(one) && isSealed(other)) return one.sealed === other.sealed ? [] : [pointer];
  if (!isObject(one) || !isObject(other)) return isSame(one, other) ? [] : [pointer];
  const keys = [...new Set([...Object.keys(one), ...Object.keys(other)])];
  return keys.flatMap((key) => differences(own(one, key), own(other, key), pointer + step(key)));
}

function isSame(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other))
    return (
      one.length === other.length &&
      one.every((item, index) => differences(item, other[index], '').length === 0)
    );
  return one === other;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
