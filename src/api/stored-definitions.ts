import type { EntityManager } from 'typeorm';
import { messageOf, Unavailable } from '../common/errors';
import { newId } from '../common/ids';
import { isSealed } from '../common/secret-value';
import type { Secrets } from '../common/secrets';
import { step } from '../common/check';
import type { Columns, DefinitionStore, Page } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Definitions, Resource } from './definition.controller';
import { own } from '../common/records';

/** Ids of the definitions that others name, by name and by id. */
export interface References {
  infrastructures: ReadonlyMap<string, string>;
  actions: ReadonlyMap<string, string>;
}

export const NO_REFERENCES: References = { infrastructures: new Map(), actions: new Map() };

/** What a body is checked beside. */
export interface Surroundings<R> {
  id: string;
  /** What is stored now. */
  before: R | undefined;
  references: References;
}

/** A checked body as the row that it becomes. */
export interface Draft<R> {
  row: R;
  /** What is stored now. */
  before?: R;
  /** What is different then: pointers into what is shown. */
  changes: string[];
  /** What creating it answers this once. */
  once?: object;
}

/**
 * CRUD of one kind of definition: a room says how a body becomes columns, and a row what is shown. One body or a
 * thousand, they are checked and written in the same way.
 */
export abstract class StoredDefinitions<R extends DefinitionRow> implements Definitions {
  /** Columns that are named otherwise where they are shown, or (null) not shown. */
  protected readonly shownAs: Readonly<Record<string, string | null>> = {};

  protected constructor(
    readonly store: DefinitionStore<R>,
    protected readonly secrets: Secrets,
  ) {}

  /** The body, checked. @throws InvalidInput naming every wrong field */
  protected abstract columns(body: unknown, surroundings: Surroundings<R>): Columns<R>;

  protected abstract show(rows: R[]): Promise<object[]>;

  /** What uses it, in words: it can't be deleted then. */
  protected abstract users(manager: EntityManager, row: R): Promise<string[]>;

  /** What the bodies name, looked up at once: definitions, and files that hold secrets. Comes before `draft`. */
  async references(bodies: readonly unknown[]): Promise<References> {
    await this.secrets.look(bodies);
    return this.named(bodies);
  }

  /** The definitions that the bodies name. */
  protected async named(_bodies: readonly unknown[]): Promise<References> {
    return NO_REFERENCES;
  }

  /** In the transaction, before rows are written: what only written ones need. */
  protected async beforehand(_manager: EntityManager, _rows: R[]): Promise<void> {}

  /** In the transaction, after rows are written. */
  protected async alongside(_manager: EntityManager, _rows: R[]): Promise<void> {}

  /** After they are committed. */
  async saved(_rows: readonly R[]): Promise<void> {}

  async list(limit: number, cursor: string | undefined): Promise<Page<Resource>> {
    const { items, nextCursor } = await this.store.page(limit, cursor);
    return { items: await this.resources(items), nextCursor };
  }

  async get(reference: string): Promise<Resource> {
    return this.resource(await this.store.get(reference));
  }

  async create(body: unknown): Promise<Resource> {
    const draft = this.draft(body, await this.references([body]));
    return { ...(await this.save(draft)), ...draft.once };
  }

  async replace(reference: string, body: unknown, expectedVersion: number | undefined): Promise<Resource> {
    const before = await this.store.get(reference);
    const draft = this.draft(body, await this.references([body]), before);
    if (expectedVersion !== undefined && expectedVersion !== before.version)
      throw this.store.mismatch(before);
    return this.save(draft);
  }

  async remove(reference: string, expectedVersion: number | undefined): Promise<void> {
    const row = await this.store.get(reference);
    await this.store.remove(row, expectedVersion ?? row.version, (manager) => this.users(manager, row));
  }

  /** What a body makes of what is stored. @throws InvalidInput naming every wrong field */
  draft(body: unknown, references: References, before?: R): Draft<R> {
    const id = before?.id ?? newId();
    const columns = this.columns(body, { id, before, references });
    const row = this.store.row(columns, id, before);
    return before === undefined
      ? { row, changes: [] }
      : { row, before, changes: this.changes(before, columns) };
  }

  /** Writes them, in a transaction of `changeDefinitions`. */
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

  private async save(draft: Draft<R>): Promise<Resource> {
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

  protected async resource(row: R): Promise<Resource> {
    return (await this.resources([row]))[0]!;
  }

  /** What is stored of one and can't be shown, of another release say, costs no other of its page. */
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

  private async resources(rows: R[]): Promise<Resource[]> {
    const shown = await this.shownOf(rows);
    return rows.map((row, index) => {
      const { id, name, version, createdAt, updatedAt } = row;
      const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
      return { id, name, ...shown[index], version, ...times };
    });
  }
}

/** Thrown by what was made of a row, not by PostgreSQL or on the way to it. */
const isOurs = (error: unknown): boolean =>
  !(error instanceof Unavailable) && (error as { code?: unknown }).code === undefined;

/** Ids by name and by id, for those that were named. */
export function idsOf(rows: readonly { id: string; name: string }[]): Map<string, string> {
  return new Map(rows.flatMap(({ id, name }) => [[name, id] as const, [id, id] as const]));
}

/** Where two JSON values differ. A list is one value, and so is a secret. */
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
