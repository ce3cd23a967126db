import { integers, jsons, uuids } from './binary-format';
import type { Sql } from './sql-pool';
import { allStatements, BatchStatement, integer, json, Statement, uuid } from './statement';

interface Item {
  id: string;
  size: number | null;
  labels: object;
}

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';

const INSERT = new BatchStatement<Item, { id: string }>(
  'spec_insert',
  {
    id: uuid(({ id }) => id),
    size: integer(({ size }) => size),
    labels: json(({ labels }) => labels),
  },
  ({ names, items }) => `INSERT INTO things (${names}) SELECT * FROM ${items} AS t (${names})`,
);

test('columns are said once: as names, as parameters and as values', async () => {
  const rows = jest.fn().mockResolvedValue([{ id: ID }]);
  const items = [
    { id: ID, size: 3, labels: { a: '1' } },
    { id: ID, size: null, labels: {} },
  ];
  expect(await INSERT.rows({ rows }, items)).toEqual([{ id: ID }]);
  expect(rows).toHaveBeenCalledWith(
    'INSERT INTO things (id, size, labels) SELECT * FROM unnest($1::uuid[], $2::int[], $3::jsonb[]) AS t (id, size, labels)',
    [uuids([ID, ID]), integers([3, null]), jsons(['{"a":"1"}', '{}'])],
    'spec_insert',
  );
});

test('a parameter goes by the name of its column', () => {
  const columns = { id: uuid(({ id }: Item) => id), size: integer(({ size }: Item) => size) };
  new BatchStatement(
    'spec_delete',
    columns,
    ({ all }) => `DELETE FROM things WHERE size = ANY(${all('size')})`,
  );
  expect(allStatements().map(({ text }) => text)).toContain('DELETE FROM things WHERE size = ANY($2::int[])');
  expect(() => new BatchStatement('spec_wrong', columns, ({ all }) => all('length'))).toThrow(
    'spec_wrong has no column length',
  );
});

test('without items nothing is asked', async () => {
  const rows = jest.fn();
  expect(await INSERT.rows({ rows }, [])).toEqual([]);
  expect(rows).not.toHaveBeenCalled();
});

test('an item that can not be encoded rejects', async () => {
  const wrong = INSERT.rows({ rows: jest.fn() }, [{ id: 'x', size: 0, labels: {} }]);
  await expect(wrong).rejects.toThrow('not a UUID');
});

test('a name belongs to one statement, and all are known', () => {
  // @ts-expect-error: nobody but a Statement gives a name
  const named: Parameters<Sql['rows']> = ['SELECT 1', [], 'spec_a'];
  expect(named).toHaveLength(3);
  new Statement('spec_a', 'SELECT 1');
  expect(() => new Statement('spec_a', 'SELECT 2')).toThrow('two statements are named spec_a');
  expect(allStatements().map(({ name }) => name)).toEqual(['spec_a', 'spec_delete', 'spec_insert']);
});
