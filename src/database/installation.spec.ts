import { newId } from '../common/ids';
import { openTestDatabase } from '../../test/databases';
import { MAY_ACT } from '../queue/claimed-execution';
import type { Database } from './database';
import {
  AnotherDatabase,
  DatabaseGuard,
  differenceOf,
  identityOf,
  recognise,
  type Identity,
} from './installation';
import type { Ask } from './schema';

const HERE: Identity = { system: '7', database: '16384', table: '16400' };

test.each<[string, Partial<Identity>, RegExp | undefined]>([
  ['the same', {}, undefined],
  ['of another cluster', { system: '8' }, /system identifier 7, and it was kept in 8/],
  ['of another database', { database: '1' }, /the database 16384 of its cluster, and was the database 1/],
  ['of tables that are gone', { table: '1' }, /made anew/],
])('what was noted is %s', (_, other, wanted) => {
  const found = differenceOf({ ...HERE, ...other }, HERE);
  if (wanted === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(wanted);
});

test('of a database that nobody has looked at nothing is known', () => {
  expect(differenceOf({ system: null, database: null, table: null }, HERE)).toBeUndefined();
  expect(differenceOf(undefined, HERE)).toBeUndefined();
  expect(differenceOf({ ...HERE, system: null }, HERE)).toBeUndefined();
  expect(differenceOf(HERE, { ...HERE, system: null })).toBeUndefined();
});

test.each(['42501', '58P01'])(
  'a server that can not tell its cluster (%s) is known by the rest',
  async (code) => {
    const asked: string[] = [];
    const ask = ((text: string) => {
      asked.push(text);
      if (text.includes('pg_control_system')) return Promise.reject(Object.assign(new Error('no'), { code }));
      return Promise.resolve([{ database: '16384', table: '16400' }]);
    }) as unknown as Ask;
    expect(await identityOf(ask)).toEqual({ ...HERE, system: null });
    expect(asked).toHaveLength(2);
    expect(await identityOf(ask, true)).toEqual({ ...HERE, system: null });
    expect(asked.at(-1)).toBe('ROLLBACK TO SAVEPOINT system');
  },
);

describe('a database', () => {
  let database: Database;
  let end: () => Promise<void>;

  beforeAll(async () => ({ database, end } = await openTestDatabase()));
  afterAll(() => end());

  const recognised = (isSaid = false) =>
    database.transaction((sql) =>
      recognise((text, values) => sql.rows(text, values) as Promise<never>, isSaid),
    );
  const open = (status: string) =>
    database.rows(
      `INSERT INTO executions (id, kind, action_id, action_name, status, justification, variables, created_at, next_attempt_at)
       VALUES ($1, 'test', $1, 'a', $2, 'j', '{}', now(), now())`,
      [newId(), status],
    );
  const statuses = async () =>
    (await database.rows<{ status: string }>('SELECT status FROM executions ORDER BY id')).map(
      ({ status }) => status,
    );
  const mayAct = async () => (await database.rows<{ may: boolean }>(`SELECT ${MAY_ACT} AS may`))[0]!.may;

  it('that is the same holds nothing', async () => {
    await open('queued');
    expect((await recognised()).restored).toBeUndefined();
    expect(await statuses()).toEqual(['queued']);
    expect(await mayAct()).toBe(true);
  });

  it('whose tables were made anew acts for nobody, also before anybody has looked', async () => {
    await database.rows('UPDATE installation SET table_oid = table_oid + 1');
    expect(await mayAct()).toBe(false);
    await open('succeeded');
    const { restored } = await recognised();
    expect(restored).toMatchObject({ executions: { queued: 1 }, services: 0 });
    expect(await statuses()).toEqual(['held', 'succeeded']);
    expect(await mayAct()).toBe(true);
    // Once: what is held stays so, and what comes after goes on.
    await open('running');
    expect((await recognised()).restored).toBeUndefined();
    expect(await statuses()).toEqual(['held', 'succeeded', 'running']);
  });

  it('of which a person says that it was restored holds what is open', async () => {
    expect((await recognised(true)).restored).toMatchObject({
      because: 'a person says so',
      executions: { running: 1 },
    });
  });

  it('is watched by each connection: another one ends the process, once', async () => {
    const ended: AnotherDatabase[] = [];
    const guard = new DatabaseGuard((error) => ended.push(error));
    const ask: Ask = (text, values) => database.rows(text, values) as Promise<never>;
    // Nothing is known yet, at the start.
    await guard.check(ask);
    guard.begin((await identityOf(ask))!);
    await guard.check(ask);
    guard.begin({ ...(await identityOf(ask))!, database: '1' });
    for (const _ of [1, 2]) await expect(guard.check(ask)).rejects.toThrow(AnotherDatabase);
    expect(ended).toHaveLength(1);
  });
});
