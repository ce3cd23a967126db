import { MoreThan, type EntityManager, type EntityTarget, type FindOptionsWhere } from 'typeorm';
import { Conflict, NotFound, VersionMismatch } from '../common/errors';
import { isId, newId } from '../common/ids';
import type { Clock } from '../common/clock';
import type { Database } from './database';
import type { DefinitionRow } from './entities';

export interface Page<T> {
  items: T[];
  /** Hand it back as `cursor` for what follows; absent at the end. */
  nextCursor?: string;
}

/** A page of rows of which one more was asked for than the page holds: that one says that there is more. */
export function pageOf<T extends { id: string }>(rows: readonly T[], limit: number): Page<T> {
  const items = rows.slice(0, limit);
  return rows.length > limit ? { items, nextCursor: items.at(-1)!.id } : { items };
}

/** What a definition is made of, without what the store adds. */
export type Columns<R extends DefinitionRow> = Omit<R, keyof DefinitionRow> & { name: string };

/** What goes into the same transaction as a change of a definition. */
export type Alongside<R> = (manager: EntityManager, row: R) => Promise<void>;

const UNIQUE_VIOLATION = '23505';
const FOREIGN_KEY_VIOLATION = '23503';

/** Rows of one kind of definition: unique names, versions that guard against lost updates. */
export class DefinitionStore<R extends DefinitionRow> {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
    private readonly entity: EntityTarget<R>,
    /** What a message calls one of them. */
    private readonly kind: string,
  ) {}

  async page(limit: number, cursor: string | undefined): Promise<Page<R>> {
    const where = (cursor === undefined ? {} : { id: MoreThan(cursor) }) as FindOptionsWhere<R>;
    const order = { id: 'ASC' } as never;
    const rows = await this.database.entities((m) => m.find(this.entity, { where, order, take: limit + 1 }));
    return pageOf(rows, limit);
  }

  /** By id or name. @throws NotFound */
  async get(reference: string): Promise<R> {
    const row = await this.find(reference);
    if (row === undefined) throw new NotFound(this.kind, reference);
    return row;
  }

  async find(reference: string): Promise<R | undefined> {
    const [row] = await this.findMany([reference]);
    return row;
  }

  /** Those of the references that exist, by id or name, in no promised order. */
  async findMany(references: readonly string[]): Promise<R[]> {
    if (references.length === 0) return [];
    return this.database.entities((manager) =>
      manager
        .createQueryBuilder(this.entity, 'definition')
        .where('definition.name = ANY(:names) OR definition.id = ANY(:ids)', {
          names: references,
          ids: references.filter(isId),
        })
        .getMany(),
    );
  }

  async insert(columns: Columns<R>, alongside?: Alongside<R>, id = newId()): Promise<R> {
    const now = this.clock.now();
    const row = { ...columns, id, version: 1, createdAt: now, updatedAt: now } as unknown as R;
    return this.write(row, alongside, (manager) => manager.insert(this.entity, row as never));
  }

  /** @param expected the version the caller has seen. @throws VersionMismatch */
  async update(before: R, columns: Columns<R>, expected: number, alongside?: Alongside<R>): Promise<R> {
    const row = { ...before, ...columns, version: expected + 1, updatedAt: this.clock.now() };
    return this.write(row, alongside, async (manager) => {
      const { id, ...set } = row;
      const where = { id, version: expected } as unknown as FindOptionsWhere<R>;
      const { affected } = await manager.update(this.entity, where, set as never);
      if (affected === 0)
        throw new VersionMismatch(`${this.kind} ${row.name} was changed in the meantime; read it again`);
    });
  }

  /** @param users names what uses it, inside the transaction. @throws Conflict naming them */
  async remove(
    row: R,
    expected: number,
    users: (manager: EntityManager) => Promise<string[]>,
  ): Promise<void> {
    await this.write(row, undefined, async (manager) => {
      const names = await users(manager);
      if (names.length > 0) throw new Conflict(`${this.kind} ${row.name} is in use by ${names.join(', ')}`);
      const where = { id: row.id, version: expected } as unknown as FindOptionsWhere<R>;
      const { affected } = await manager.delete(this.entity, where);
      if (affected === 0)
        throw new VersionMismatch(`${this.kind} ${row.name} was changed in the meantime; read it again`);
    });
  }

  private async write(
    row: R,
    alongside: Alongside<R> | undefined,
    work: (manager: EntityManager) => Promise<unknown>,
  ): Promise<R> {
    try {
      await this.database.entities(async (manager) => {
        await manager.query('UPDATE definition_revision SET revision = revision + 1');
        await work(manager);
        await alongside?.(manager, row);
      });
      return row;
    } catch (error) {
      const { code, constraint } = error as { code?: string; constraint?: string };
      if (code === UNIQUE_VIOLATION && constraint?.endsWith('_name')) {
        const detail = `the name ${JSON.stringify(row.name)} is taken by another ${this.kind}`;
        throw new Conflict(detail, [{ pointer: '/name', detail }]);
      }
      // Somebody began to use it between the look and the delete.
      if (code === FOREIGN_KEY_VIOLATION)
        throw new Conflict(`${this.kind} ${row.name} is in use, or uses what is gone`);
      throw error;
    }
  }
}
