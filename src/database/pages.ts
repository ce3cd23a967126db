/** Pages of lists: filtered, sorted and counted by PostgreSQL. */
import type { QueryResultRow } from 'pg';
import { InvalidInput } from '../common/errors';
import { isId } from '../common/ids';
import type { Sql } from './sql-pool';

export interface Page<T> {
  items: T[];
  /** Value of `cursor` for the next page; absent on the last one. */
  nextCursor?: string;
  /** Number of all items that match, on all pages; left out when there are more than are counted. */
  total?: number;
  /** Number of items that match at least; in place of `total`. */
  totalAtLeast?: number;
}

/** Largest number of items that is counted exactly. */
export const COUNTED_AT_MOST = 10_000;

/** Values of a statement's parameters: what a user wrote stands in no SQL. */
export class Parameters {
  readonly values: unknown[] = [];

  /** Adds a value, and returns its name in the statement: `$3`. */
  readonly add = (value: unknown): string => `$${this.values.push(value)}`;
}

/** Key by which rows are sorted, before their ids. */
export interface SortKey {
  /** SQL expression, never null. */
  expression: string;
  type: 'text' | 'float8';
}

/** Order of a list. All keys and the id go the same way. */
export interface Order {
  /** Name, by which a cursor of another order is known. */
  name: string;
  keys: readonly SortKey[];
  isDescending?: boolean;
}

/** Oldest first: ids grow with the time. */
export const OLDEST_FIRST: Order = { name: 'createdAt', keys: [] };
export const NEWEST_FIRST: Order = { name: '-createdAt', keys: [], isDescending: true };

/** SQL: microseconds since 1970 of a moment, exactly: as many as PostgreSQL has. */
export const microseconds = (moment: string): string => `(extract(epoch FROM ${moment}) * 1000000)::float8`;

export interface PageRequest {
  limit: number;
  cursor?: string;
  order: Order;
}

/** Statement of a list. Its parts share parameters. */
export interface ListStatement {
  /** Columns, with one named `id`. */
  select: (parameter: Parameters['add']) => string;
  from: string;
  /** SQL expression of the id. */
  id: string;
  /** Conditions, all of which hold. */
  where: readonly string[];
  parameters: Parameters;
}

/**
 * Returns a page and the number of all that match. Both are read at the same time, not in one snapshot.
 *
 * @throws InvalidInput when the cursor is of another order, or of none
 */
export async function readPage<R extends QueryResultRow & { id: string }>(
  sql: Sql,
  statement: ListStatement,
  { limit, cursor, order }: PageRequest,
): Promise<Page<R>> {
  const { from, id, parameters, select } = statement;
  const after = cursor === undefined ? undefined : positionIn(cursor, order);
  const counting = sql.rows<{ count: number }>(
    `SELECT count(*)::int AS count FROM (SELECT FROM ${from}${whereOf(statement.where)} LIMIT ${COUNTED_AT_MOST + 1}) counted`,
    [...parameters.values],
  );
  const parameter = parameters.add;
  const keys = order.keys.map(({ expression }) => expression);
  const where =
    after === undefined ? statement.where : [...statement.where, beyond(after, order, id, parameter)];
  const reading = sql.rows<R & { cursorKeys: unknown[] }>(
    `SELECT ${select(parameter)}, jsonb_build_array(${keys.join(', ')}) AS "cursorKeys" FROM ${from}${whereOf(where)}
     ORDER BY ${[...keys, id].map((key) => `${key}${order.isDescending ? ' DESC' : ''}`).join(', ')} LIMIT ${parameter(limit + 1)}`,
    parameters.values,
  );
  const [[counted], rows] = await Promise.all([counting, reading]);
  const items = rows.slice(0, limit).map(({ cursorKeys: _, ...row }) => row as unknown as R);
  const last = rows[limit - 1];
  const isOver = rows.length <= limit;
  return {
    items,
    ...(isOver ? {} : { nextCursor: cursorOf(order, last!.cursorKeys, last!.id) }),
    ...totalOf(counted!.count),
  };
}

/** Returns a page made of rows read with `LIMIT limit + 1`, newest first: the extra row says that there is another page. */
export function pageOf<T extends { id: string }>(rows: readonly T[], limit: number, count: number): Page<T> {
  const items = rows.slice(0, limit);
  const next = rows.length > limit ? { nextCursor: cursorOf(NEWEST_FIRST, [], items.at(-1)!.id) } : {};
  return { items, ...next, ...totalOf(count) };
}

/** Returns a number of items, counted up to one above the limit, as a list shows it. */
export const totalOf = (count: number): Pick<Page<never>, 'total' | 'totalAtLeast'> =>
  count <= COUNTED_AT_MOST ? { total: count } : { totalAtLeast: COUNTED_AT_MOST };

const whereOf = (conditions: readonly string[]): string =>
  conditions.length === 0 ? '' : ` WHERE ${conditions.map((condition) => `(${condition})`).join(' AND ')}`;

/** Place of a row in an order. */
interface Position {
  keys: (string | number)[];
  id: string;
}

/** Returns the condition of rows that come after a position. */
function beyond(
  { keys, id: lastId }: Position,
  order: Order,
  id: string,
  parameter: Parameters['add'],
): string {
  const columns = [...order.keys.map(({ expression }) => expression), id];
  const values = [
    ...order.keys.map(({ type }, index) => `${parameter(keys[index])}::${type}`),
    `${parameter(lastId)}::uuid`,
  ];
  return `(${columns.join(', ')}) ${order.isDescending ? '<' : '>'} (${values.join(', ')})`;
}

/** Returns the cursor of what follows a row. */
const cursorOf = ({ name }: Order, values: readonly unknown[], id: string): string =>
  Buffer.from(JSON.stringify([name, ...values, id])).toString('base64url');

/** Returns the place that a cursor stands for. @throws InvalidInput when it is one of another order, or none */
export function positionIn(cursor: string, order: Order): Position {
  const position = parsedPosition(cursor, order);
  if (position !== undefined) return position;
  const detail = `must be the nextCursor of a page in the same order (${order.name})`;
  throw new InvalidInput([{ pointer: '/cursor', detail }]);
}

function parsedPosition(cursor: string, { name, keys }: Order): Position | undefined {
  const parts = parsed(Buffer.from(cursor, 'base64url').toString());
  if (!Array.isArray(parts) || parts.length !== keys.length + 2 || parts[0] !== name) return undefined;
  const values = parts.slice(1, -1) as (string | number)[];
  const id: unknown = parts.at(-1);
  const isRight = keys.every(({ type }, index) => isKey(type, values[index]));
  return isRight && typeof id === 'string' && isId(id) ? { keys: values, id } : undefined;
}

const isKey = (type: SortKey['type'], value: unknown): boolean =>
  type === 'text' ? typeof value === 'string' && !value.includes('\0') : Number.isFinite(value);

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
