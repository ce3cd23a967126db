import type { EntityManager } from 'typeorm';
import type { Columns, DefinitionStore, Page } from '../database/definitions';
import type { DefinitionRow } from '../database/entities';
import type { Definitions, Resource } from './definition.controller';

/** CRUD of one kind of definition: a room says how a body becomes columns, and a row what is shown. */
export abstract class StoredDefinitions<R extends DefinitionRow> implements Definitions {
  protected constructor(readonly store: DefinitionStore<R>) {}

  /** The body, checked. @throws InvalidInput naming every wrong field */
  protected abstract columns(body: unknown, before?: R): Promise<Columns<R>>;

  protected abstract show(rows: R[]): Promise<object[]>;

  /** What uses it, in words: it can't be deleted then. */
  protected abstract users(manager: EntityManager, row: R): Promise<string[]>;

  /** In the transaction of a create or a change. */
  protected async alongside(_manager: EntityManager, _row: R): Promise<void> {}

  /** After a create or a change is committed. */
  protected async saved(_row: R): Promise<void> {}

  async list(limit: number, cursor: string | undefined): Promise<Page<Resource>> {
    const { items, nextCursor } = await this.store.page(limit, cursor);
    return { items: await this.resources(items), nextCursor };
  }

  async get(reference: string): Promise<Resource> {
    return this.resource(await this.store.get(reference));
  }

  async create(body: unknown): Promise<Resource> {
    const columns = await this.columns(body);
    const row = await this.store.insert(columns, (manager, inserted) => this.alongside(manager, inserted));
    await this.saved(row);
    return this.resource(row);
  }

  async replace(reference: string, body: unknown, expectedVersion: number | undefined): Promise<Resource> {
    const before = await this.store.get(reference);
    const columns = await this.columns(body, before);
    const version = expectedVersion ?? before.version;
    const row = await this.store.update(before, columns, version, (manager, updated) =>
      this.alongside(manager, updated),
    );
    await this.saved(row);
    return this.resource(row);
  }

  async remove(reference: string, expectedVersion: number | undefined): Promise<void> {
    const row = await this.store.get(reference);
    await this.store.remove(row, expectedVersion ?? row.version, (manager) => this.users(manager, row));
  }

  protected async resource(row: R): Promise<Resource> {
    return (await this.resources([row]))[0]!;
  }

  private async resources(rows: R[]): Promise<Resource[]> {
    const shown = await this.show(rows);
    return rows.map((row, index) => {
      const { id, name, version, createdAt, updatedAt } = row;
      const times = { createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
      return { id, name, ...shown[index], version, ...times };
    });
  }
}
