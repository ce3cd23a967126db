import {
  In,
  type EntityManager,
  type EntityMetadata,
  type EntityTarget,
  type FindOptionsWhere,
} from 'typeorm';
import { currentCaller, isWithin, type Right, type Scope } from '../common/caller';
import { Conflict, Forbidden, NotFound, VersionMismatch } from '../common/errors';
import { isId } from '../common/ids';
import type { Clock } from '../common/clock';
import type { Database } from './database';
import type { DefinitionRow } from './entities';
import { Parameters, readPage, type Page, type PageRequest } from './pages';
import { inScopes, scopesParameter, scopesWith, seenScopes } from './scopes';
import { FOREIGN_KEY_VIOLATION, UNIQUE_VIOLATION } from './sql-state';

/** Columns of a definition without those that the store adds. */
export type Columns<R extends DefinitionRow> = Omit<R, keyof DefinitionRow> & { name: string };

/** Number of revisions whose changes are kept; a process further behind reads all definitions. */
const REVISIONS_KEPT = 10_000;

/** Rows per statement: PostgreSQL accepts 65,535 values. */
const ROWS_AT_ONCE = 500;

/**
 * Runs a change of one or many definitions in a transaction; it makes one new revision.
 *
 * @param what name of what is changed, for messages
 * @throws Conflict when a name is taken, or something used was deleted meanwhile
 */
export async function changeDefinitions<T>(database: Database, what: string, work: Work<T>): Promise<T> {
  try {
    const changed = await database.entities(async (manager) => {
      await manager.query('UPDATE definition_revision SET revision = revision + 1');
      await manager.query(
        'DELETE FROM definition_changes WHERE revision < (SELECT revision FROM definition_revision) - $1',
        [REVISIONS_KEPT],
      );
      return work(manager);
    });
    for (const tell of database.whenDefinitionsChange) tell();
    return changed;
  } catch (error) {
    const { code } = error as { code?: string };
    // Somebody began to use it, or deleted what it uses, between the look and the change.
    if (code === FOREIGN_KEY_VIOLATION) throw new Conflict(`${what} is in use, or uses what is gone`);
    throw error;
  }
}

/** Returns SQL conditions, all of which hold. @param parameter adds a value */
export type ConditionsOf = (parameter: Parameters['add']) => string[];

/** Work in a transaction. */
export type Work<T> = (manager: EntityManager) => Promise<T>;

/** Undoes a transaction that was only tried. */
class Tried extends Error {
  constructor(readonly result: unknown) {
    super('this was tried alone');
  }
}

/**
 * Runs work in a transaction that is undone: some mistakes are seen only when something is written.
 *
 * @param begin runs work in a transaction, such as `changeDefinitions`
 * @returns what the work gave
 */
export async function tried<T>(begin: (work: Work<T>) => Promise<T>, work: Work<T>): Promise<T> {
  try {
    return await begin(async (manager) => {
      throw new Tried(await work(manager));
    });
  } catch (error) {
    if (error instanceof Tried) return error.result as T;
    throw error;
  }
}

/** Who may reach the definitions of a kind. */
export interface Reach {
  /** Whether scopes go by their `labels`; those without labels are for callers without a scope. */
  isLabelled: boolean;
  /** Right that writing one needs. */
  writes: Right;
}

/**
 * Store of one kind of definition: unique names, and versions against lost updates. A caller finds only what is in the
 * caller's scope; to all else it is as if it did not exist.
 */
export class DefinitionStore<R extends DefinitionRow> {
  constructor(
    readonly database: Database,
    private readonly clock: Clock,
    private readonly entity: EntityTarget<R>,
    /** Word for one of them in messages. */
    readonly kind: string,
    private readonly reach: Reach,
  ) {}

  /**
   * Returns a page of what the caller may see.
   *
   * @param conditionsOf returns SQL conditions on a row `t`
   */
  async page(request: PageRequest, conditionsOf: ConditionsOf): Promise<Page<R>> {
    const page = await this.ids(request, conditionsOf);
    return { ...page, items: await this.inOrder(page.items) };
  }

  /** Returns the ids of such a page. */
  async ids(request: PageRequest, conditionsOf: ConditionsOf): Promise<Page<string>> {
    const parameters = new Parameters();
    const where = [...this.seenConditions(parameters.add), ...conditionsOf(parameters.add)];
    const from = `${await this.table()} t`;
    const select = () => 't.id';
    const page = await readPage(this.database, { select, from, id: 't.id', where, parameters }, request);
    return { ...page, items: page.items.map(({ id }) => id) };
  }

  /** Returns the ids of what the caller may see by references (ids or names), each once, and the references without. */
  async idsOf(references: readonly string[]): Promise<{ ids: string[]; missing: string[] }> {
    const parameters = new Parameters();
    const names = parameters.add(references);
    const where = [
      `t.name = ANY(${names}) OR t.id = ANY(${parameters.add(references.filter(isId))}::uuid[])`,
      ...this.seenConditions(parameters.add),
    ];
    const rows = await this.database.rows<{ id: string; name: string }>(
      `SELECT t.id, t.name FROM ${await this.table()} t WHERE ${where.map((one) => `(${one})`).join(' AND ')}`,
      parameters.values,
    );
    const known = new Map(rows.flatMap(({ id, name }) => [[id, id] as const, [name, id] as const]));
    const idIn = (reference: string) => known.get(reference) ?? known.get(reference.toLowerCase());
    return {
      ids: [...new Set(references.flatMap((reference) => idIn(reference) ?? []))],
      missing: [...new Set(references.filter((reference) => idIn(reference) === undefined))],
    };
  }

  /** Returns definitions by ids, in their order; leaves out those deleted meanwhile. */
  async inOrder(ids: readonly string[]): Promise<R[]> {
    const rows = new Map((await this.findMany(ids)).map((row) => [row.id, row]));
    return ids.flatMap((id) => rows.get(id) ?? []);
  }

  /** Returns SQL conditions of the rows `t` that the caller may see. */
  seenConditions(parameter: Parameters['add']): string[] {
    const scopes = seenScopes();
    if (scopes === null) return [];
    return [this.reach.isLabelled ? inScopes('t.labels', parameter(scopesParameter(scopes))) : 'false'];
  }

  /**
   * Returns what rows have in columns that were added after they were written: PostgreSQL's defaults, else null. What
   * was stored of a row elsewhere lacks them.
   */
  async columnDefaults(): Promise<Partial<R>> {
    const { tableName, columns } = await this.metadata();
    const stored = await this.database.rows<{ name: string; otherwise: string }>(
      `SELECT attname AS name, coalesce(pg_get_expr(adbin, adrelid), 'NULL') AS otherwise
       FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
       WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
      [tableName],
    );
    const properties = new Map(columns.map(({ databaseName, propertyName }) => [databaseName, propertyName]));
    const selected = stored.flatMap(({ name, otherwise }) =>
      properties.has(name) ? [`${otherwise} AS "${properties.get(name)!}"`] : [],
    );
    const [defaults] = await this.database.rows<Partial<R>>(`SELECT ${selected.join(', ')}`, []);
    return defaults!;
  }

  private async table(): Promise<string> {
    return (await this.metadata()).tableName;
  }

  private metadata(): Promise<EntityMetadata> {
    return this.database.readEntities(async ({ connection }) => connection.getMetadata(this.entity));
  }

  /**
   * Returns a definition by id or name, for what the caller's route does with it.
   *
   * @throws NotFound
   * @throws Forbidden when the caller may see it, and not do that with it
   */
  async get(reference: string): Promise<R> {
    const row = await this.find(reference);
    if (row === undefined) throw new NotFound(this.kind, reference);
    const needs = currentCaller()?.needs;
    // What may be seen may be read.
    if (needs !== undefined && needs !== 'viewer') this.demand(needs, row);
    return row;
  }

  /** Returns a definition by its id, whatever the caller's scope: for what one in scope refers to. */
  async byId(id: string): Promise<R | undefined> {
    const where = { id } as unknown as FindOptionsWhere<R>;
    return (await this.database.entities((manager) => manager.findOneBy(this.entity, where))) ?? undefined;
  }

  /**
   * Checks that the caller may write a definition with such labels.
   *
   * @throws Forbidden naming what is needed
   */
  mayWrite(row: R): void {
    this.demand(this.reach.writes, row);
  }

  private demand(right: Right, row: R): void {
    const scopes = scopesWith(right);
    const { labels = {} } = row as { labels?: Record<string, string> };
    if (this.reach.isLabelled ? isWithin(labels, scopes) : scopes === null) return;
    const what = `${this.kind} ${row.name}`;
    if (scopes === null || scopes.length === 0) throw new Forbidden(`${what}: this needs the right ${right}`);
    if (!this.reach.isLabelled) throw new Forbidden(`${what}: this needs the right ${right} without a scope`);
    throw new Forbidden(
      `${what}: this needs the right ${right}, which you have for what has the labels ${scopeWords(scopes)}`,
    );
  }

  /** Returns a query for what the caller may see. */
  private seen(manager: EntityManager) {
    const query = manager.createQueryBuilder(this.entity, 'definition').where('true');
    const scopes = seenScopes();
    if (scopes === null) return query;
    return this.reach.isLabelled
      ? query.andWhere(inScopes('definition.labels', ':scopes'), { scopes: scopesParameter(scopes) })
      : query.andWhere('false');
  }

  async find(reference: string): Promise<R | undefined> {
    const [row] = await this.findMany([reference]);
    return row;
  }

  /** Returns the definitions among the references (ids or names) that the caller may see, in no particular order. */
  async findMany(references: readonly string[]): Promise<R[]> {
    if (references.length === 0) return [];
    return this.database.entities((manager) =>
      this.seen(manager)
        .andWhere('(definition.name = ANY(:names) OR definition.id = ANY(:ids))', {
          names: references,
          ids: references.filter(isId),
        })
        .getMany(),
    );
  }

  /** Returns names by ids: in a transaction of all of them, else of those that the caller may see. */
  async namesOf(ids: readonly string[], manager?: EntityManager): Promise<Map<string, string>> {
    if (ids.length === 0) return new Map();
    const rows = await (manager === undefined
      ? this.findMany(ids)
      : manager.find(this.entity, {
          where: { id: In([...ids]) } as never,
          select: { id: true, name: true } as never,
        }));
    return new Map(rows.map(({ id, name }) => [id, name]));
  }

  /** Tells whether the caller may see what has such labels, also when it is gone. */
  isSeen(labels: Readonly<Record<string, string>>): boolean {
    const scopes = seenScopes();
    return scopes === null || (this.reach.isLabelled && isWithin(labels, scopes));
  }

  /** Returns columns as a row: a new one, or the next version of `before`. */
  row(columns: Columns<R>, id: string, before?: R): R {
    const updatedAt = this.clock.now();
    const version = (before?.version ?? 0) + 1;
    const createdAt = before?.createdAt ?? updatedAt;
    return { ...columns, id, version, createdAt, updatedAt } as unknown as R;
  }

  /**
   * Inserts rows.
   *
   * @throws Conflict when a name is taken
   */
  async insert(manager: EntityManager, rows: readonly R[]): Promise<void> {
    for (let from = 0; from < rows.length; from += ROWS_AT_ONCE) {
      const some = rows.slice(from, from + ROWS_AT_ONCE);
      await this.named(some, () => manager.insert(this.entity, some as never));
    }
    await this.record(manager, rows);
  }

  /**
   * Updates a row.
   *
   * @param row next version of the stored one
   * @throws VersionMismatch
   * @throws Conflict when its name is taken
   */
  async update(manager: EntityManager, row: R): Promise<void> {
    const { id, ...set } = row;
    const where = { id, version: row.version - 1 } as unknown as FindOptionsWhere<R>;
    const { affected } = await this.named([row], () => manager.update(this.entity, where, set as never));
    if (affected === 0) throw this.mismatch(row);
    await this.record(manager, [row]);
  }

  /**
   * Deletes a row.
   *
   * @param users returns what uses it, inside the transaction
   * @param alongside runs in the transaction after it
   * @throws Conflict naming the users
   * @throws VersionMismatch
   */
  async remove(
    row: R,
    expected: number,
    users: (manager: EntityManager) => Promise<string[]>,
    alongside: (manager: EntityManager) => Promise<void> = async () => {},
  ): Promise<void> {
    await this.change(row.name, async (manager) => {
      this.assertUnused(row, await users(manager));
      await this.removeIn(manager, row, expected);
      await alongside(manager);
    });
  }

  /** @throws Conflict naming the users */
  assertUnused(row: R, users: readonly string[]): void {
    if (users.length > 0) throw new Conflict(`${this.kind} ${row.name} is in use by ${users.join(', ')}`);
  }

  /**
   * Deletes a row in a transaction of `changeDefinitions`.
   *
   * @throws VersionMismatch
   */
  async removeIn(manager: EntityManager, row: R, expected: number): Promise<void> {
    const where = { id: row.id, version: expected } as unknown as FindOptionsWhere<R>;
    const { affected } = await manager.delete(this.entity, where);
    if (affected === 0) throw this.mismatch(row);
    await this.record(manager, [row]);
  }

  /** Records which definitions this transaction's revision changes. */
  private async record(manager: EntityManager, rows: readonly R[]): Promise<void> {
    if (rows.length === 0) return;
    await manager.query(
      `INSERT INTO definition_changes (revision, kind, id)
       SELECT r.revision, $1, u.id FROM definition_revision r, unnest($2::uuid[]) AS u (id) ON CONFLICT DO NOTHING`,
      [this.kind, rows.map(({ id }) => id)],
    );
  }

  /** Runs a change of one definition. */
  change<T>(name: string, work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return changeDefinitions(this.database, `${this.kind} ${name}`, work);
  }

  mismatch({ name }: R): VersionMismatch {
    return new VersionMismatch(`${this.kind} ${name} was changed in the meantime; read it again`);
  }

  private async named<T>(rows: readonly R[], write: () => Promise<T>): Promise<T> {
    try {
      return await write();
    } catch (error) {
      const { code, constraint } = error as { code?: string; constraint?: string };
      if (code !== UNIQUE_VIOLATION || !constraint?.endsWith('_name')) throw error;
      if (rows.length > 1) throw new Conflict(`another ${this.kind} took one of the names in the meantime`);
      const detail = `the name ${JSON.stringify(rows[0]!.name)} is taken by another ${this.kind}`;
      throw new Conflict(detail, [{ pointer: '/name', detail }]);
    }
  }
}

/** What uses a definition. */
export interface User {
  name: string;
  labels: Record<string, string>;
}

/** Returns the users of a definition in words; what the caller may not see is not named. */
export function userWords(kind: string, users: readonly User[]): string[] {
  const scopes = seenScopes();
  const seen = users.filter(({ labels }) => isWithin(labels, scopes)).map(({ name }) => `${kind} ${name}`);
  return seen.length === users.length ? seen : [...seen, 'what is out of your scope'];
}

const SCOPES_TOLD = 5;

/** Returns scopes in words: `team=web, env=prod, or team=db`. */
function scopeWords(scopes: readonly Scope[]): string {
  const told = scopes.slice(0, SCOPES_TOLD).map((scope) =>
    Object.entries(scope)
      .map(([label, value]) => `${label}=${value}`)
      .join(', '),
  );
  return told.join(', or ') + (scopes.length > SCOPES_TOLD ? ', or others' : '');
}
