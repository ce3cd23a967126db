import type { QueryResultRow } from 'pg';
import { booleans, floats, integers, jsons, texts, timestamps, uuids } from './binary-format';
import type { Sql, StatementName } from './sql-pool';

const known = new Map<string, Statement<QueryResultRow>>();

/** Returns all statements with a name, in the order of names. */
export const allStatements = (): Statement<QueryResultRow>[] =>
  [...known.values()].sort((a, b) => (a.name < b.name ? -1 : 1));

/**
 * How a statement is planned: by what is known of the tables, by keys on the connections of `Database.keyed`, or either
 * way, where it runs on both.
 */
export type Planning = 'by statistics' | 'by keys' | 'either way';

/** Statement with a name: prepared once per connection, and with its plan in `docs/queries`. */
export class Statement<R extends QueryResultRow> {
  readonly name: StatementName;

  /**
   * @throws Error when another statement has the name, since a connection prepares one of a name
   */
  constructor(
    name: string,
    readonly text: string,
    readonly planned: Planning = 'by statistics',
  ) {
    if (known.has(name)) throw new Error(`two statements are named ${name}`);
    this.name = name as StatementName;
    known.set(name, this);
  }

  rows(sql: Sql, values: unknown[] = []): Promise<R[]> {
    return sql.rows<R>(this.text, values, this.name);
  }
}

/** Column of a batch: its type, and how its values are encoded. */
interface BatchColumn<T> {
  type: string;
  encode: (items: readonly T[]) => Buffer;
}

const columnOf =
  <V>(type: string, encode: (values: readonly (V | null)[]) => Buffer) =>
  <T>(valueOf: (item: T) => V | null): BatchColumn<T> => ({
    type,
    encode: (items) => encode(items.map(valueOf)),
  });

export const uuid = columnOf<string>('uuid', uuids);
export const text = columnOf<string>('text', texts);
export const timestamp = columnOf<Date>('timestamptz', timestamps);
export const integer = columnOf<number>('int', integers);
export const float = columnOf<number>('float8', floats);
export const boolean = columnOf<boolean>('bool', booleans);
/** Column of JSON, given as values. */
export const json = <T>(valueOf: (item: T) => unknown): BatchColumn<T> => ({
  type: 'jsonb',
  encode: (items) => jsons(items.map((item) => JSON.stringify(valueOf(item)))),
});

/** Columns of a batch as its statement names them. */
export interface BatchText {
  /** Names of the columns, with commas between them. */
  names: string;
  /** All items as rows: `unnest($1::uuid[], …)`. */
  items: string;
  /** Returns all values of one column: `$1::uuid[]`. Throws where there is no such column. */
  all: (column: string) => string;
}

/** Statement over many items at once, each column of them a parameter. */
export class BatchStatement<T, R extends QueryResultRow = never> {
  private readonly statement: Statement<R>;
  private readonly columns: readonly BatchColumn<T>[];

  /** @param columns by the names that the text gives them, in the order of the parameters */
  constructor(
    name: string,
    columns: Readonly<Record<string, BatchColumn<T>>>,
    textOf: (batch: BatchText) => string,
    planned?: Planning,
  ) {
    this.columns = Object.values(columns);
    const parameters = new Map(
      Object.entries(columns).map(([column, { type }], index) => [column, `$${index + 1}::${type}[]`]),
    );
    const all = (column: string): string => {
      const parameter = parameters.get(column);
      if (parameter === undefined) throw new Error(`${name} has no column ${column}`);
      return parameter;
    };
    const names = [...parameters.keys()].join(', ');
    const items = `unnest(${[...parameters.values()].join(', ')})`;
    this.statement = new Statement<R>(name, textOf({ names, items, all }), planned);
  }

  /** Runs the statement, where there are items. */
  async rows(sql: Sql, items: readonly T[]): Promise<R[]> {
    if (items.length === 0) return [];
    return this.statement.rows(
      sql,
      this.columns.map(({ encode }) => encode(items)),
    );
  }
}
