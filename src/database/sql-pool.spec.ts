import { openTestDatabase } from '../../test/databases';
import { until } from '../../test/program';
import { newId } from '../common/ids';
import { Unavailable } from '../common/errors';
import { integers, uuids } from './binary-format';
import { createKeyedPool, openKept } from './data-source';
import type { Database } from './database';
import { asUnavailable, isReadOnly, type StatementName, type Steps } from './sql-pool';

describe('pools of connections', () => {
  let database: Database;
  let end: () => Promise<void>;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    await database.rows('CREATE TABLE things (id uuid PRIMARY KEY, number int)');
  });
  afterAll(() => end());
  beforeEach(() => database.rows('TRUNCATE things'));

  const count = async () => (await database.rows('SELECT FROM things')).length;
  const insert = (id: string): [text: string, values: unknown[]] => [
    'INSERT INTO things VALUES ($1, 1)',
    [id],
  ];

  test('two connections stay open when nothing is asked, with what they have prepared', async () => {
    const pool = createKeyedPool(process.env.TEST_DATABASE_URL!);
    (pool as unknown as { options: { idleTimeoutMillis: number } }).options.idleTimeoutMillis = 50;
    const pid = async () =>
      (await pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid, pg_sleep(0.1)')).rows[0]!.pid;
    try {
      await openKept(pool);
      expect(pool.totalCount).toBe(2);
      const pids = await Promise.all(Array.from({ length: 5 }, pid));
      expect(new Set(pids).size).toBe(5);
      await until(async () => pool.totalCount === 2, 5_000);
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(pool.totalCount).toBe(2);
      expect(pids).toContain(await pid());
    } finally {
      await pool.end();
    }
  });

  test('statements of a transaction that are asked for at once run in their order', async () => {
    const id = newId();
    const rows = await database.transaction(async (sql) => {
      const [, , found] = await Promise.all([
        sql.rows(...insert(id)),
        sql.rows('UPDATE things SET number = number + 1 WHERE id = $1', [id]),
        sql.rows('SELECT number FROM things WHERE id = $1', [id]),
      ]);
      return found;
    });
    expect(rows).toEqual([{ number: 2 }]);
  });

  test('one of them that fails undoes all, and its connection serves on', async () => {
    const [one, other] = [newId(), newId()];
    for (let times = 0; times < 20; times++) {
      const work = database.keyed.transaction((sql) =>
        Promise.all([sql.rows(...insert(one)), sql.rows(...insert(one)), sql.rows(...insert(other))]),
      );
      await expect(work).rejects.toMatchObject({ code: '23505' });
    }
    expect(await count()).toBe(0);
  });

  test('who swallows the failure of a statement can not commit the others', async () => {
    const work = database.transaction(async (sql) => {
      await sql.rows(...insert(newId()));
      await sql.rows('SELECT 1 / 0').catch(() => undefined);
    });
    await expect(work).rejects.toThrow('a statement of this transaction failed');
    expect(await count()).toBe(0);
  });

  test('a transaction in steps is two round trips, and commits what all of them did', async () => {
    const [one, other] = [newId(), newId()];
    await database.rows(...insert(one));
    const result = await database.keyed.inSteps({
      lock: (sql) =>
        sql.rows<{ number: number }>('SELECT number FROM things WHERE id = $1 FOR UPDATE', [one]),
      decide: async (_, [row]) => row!.number + 1,
      write: async (sql, number) => {
        const [, rows] = await Promise.all([
          sql.rows(...insert(other)),
          sql.rows('UPDATE things SET number = $2 WHERE id = $1 RETURNING number', [one, number]),
        ]);
        return rows;
      },
    });
    expect(result).toEqual([{ number: 2 }]);
    expect(await count()).toBe(2);
  });

  test.each<[string, Partial<Steps<unknown, unknown, unknown>>]>([
    ['locks', { lock: (sql) => sql.rows('SELECT 1 / 0') }],
    ['decides', { decide: async () => Promise.reject(new Error('division by zero')) }],
    ['writes', { write: (sql) => Promise.all([sql.rows(...insert(newId())), sql.rows('SELECT 1 / 0')]) }],
  ])('a failure of what %s undoes the transaction, and its connection serves on', async (_, failing) => {
    for (let times = 0; times < 12; times++) {
      const work = database.keyed.inSteps<unknown, unknown, unknown>({
        lock: () => Promise.resolve(),
        decide: (sql) => sql.rows(...insert(newId())),
        write: (sql) => sql.rows(...insert(newId())),
        ...failing,
      });
      await expect(work).rejects.toThrow('division by zero');
    }
    expect(await count()).toBe(0);
  });

  test('a statement that would come after the COMMIT is refused', async () => {
    const late = database.keyed.inSteps({
      lock: () => Promise.resolve(),
      decide: () => Promise.resolve(),
      write: async (sql) => {
        await sql.rows(...insert(newId()));
        await sql.rows(...insert(newId()));
      },
    });
    await expect(late).rejects.toThrow('a statement came after the COMMIT');
    expect(await count()).toBe(1);
  });

  test('a connection that breaks off fails all that was sent over it', async () => {
    const work = database.keyed.transaction((sql) =>
      Promise.all([
        sql.rows(...insert(newId())),
        sql.rows('SELECT pg_terminate_backend(pg_backend_pid())'),
        sql.rows('SELECT 1'),
      ]),
    );
    await expect(work).rejects.toThrow(Unavailable);
    expect(await count()).toBe(0);
  });

  test.each([
    [
      'updated',
      `UPDATE things t SET number = u.number FROM unnest($1::uuid[], $2::int[]) AS u (id, number)
       WHERE t.id = u.id AND t.id = ANY($1::uuid[])`,
    ],
    [
      'read',
      `SELECT t.number FROM unnest($1::uuid[], $2::int[]) AS u (id, number),
         LATERAL (SELECT * FROM things WHERE id = u.id LIMIT 1) t`,
    ],
  ])('what is %s by keys is planned by the index, though the table was all but empty', async (name, text) => {
    const ids = Array.from({ length: 200 }, newId);
    await database.rows(...insert(newId()));
    await database.rows('ANALYZE things');
    const plan = await database.keyed.transaction(async (sql) => {
      await sql.rows(text, [uuids([ids[0]!]), integers([1])], name as StatementName);
      await sql.rows('INSERT INTO things SELECT * FROM unnest($1::uuid[], $2::int[])', [
        uuids(ids),
        integers(ids.map(() => 0)),
      ]);
      const rows = await sql.rows<{ 'QUERY PLAN': string }>(
        `EXPLAIN (COSTS off) EXECUTE ${name} ('{${ids.join()}}', '{${ids.map(() => 1).join()}}')`,
      );
      return rows.map((row) => row['QUERY PLAN']).join('\n');
    });
    expect(plan).toMatch(/Index Scan using things_pkey on things.*\n\s+Index Cond/);
  });
});

/** What PostgreSQL and the way to it say; https://www.postgresql.org/docs/current/errcodes-appendix.html */
describe('what was thrown', () => {
  const thrown = (error: Error & { code?: string }): Error => {
    try {
      return asUnavailable(error);
    } catch (caught) {
      return caught as Error;
    }
  };
  const coded = (code: string, message = 'x') => Object.assign(new Error(message), { code });

  test.each([
    ['disk full', coded('53100'), 'PostgreSQL can not do it now: x'],
    ['out of memory', coded('53200'), 'PostgreSQL can not do it now: x'],
    ['too many connections', coded('53300'), 'PostgreSQL can not do it now: x'],
    ['read only', coded('25006'), 'PostgreSQL can not do it now: x'],
    ['an error of its disk', coded('58030'), 'PostgreSQL can not do it now: x'],
    ['a standby that takes no connections', coded('57P03'), 'PostgreSQL is away: x'],
    ['a shutdown', coded('57P01'), 'PostgreSQL is away: x'],
    ['a password that was changed', coded('28P01'), 'PostgreSQL is away: x'],
    ['a database that is gone', coded('3D000'), 'PostgreSQL is away: x'],
    ['a certificate that ran out', coded('CERT_HAS_EXPIRED'), 'PostgreSQL is away: '],
    ['no descriptors left', coded('EMFILE'), 'PostgreSQL is away: '],
    [
      'a closed database',
      coded('55000', 'database "d" is not currently accepting connections'),
      'PostgreSQL is away: database',
    ],
  ])('%s is for now', (_, error, says) => {
    const caught = thrown(error);
    expect(caught).toBeInstanceOf(Unavailable);
    expect(caught.message).toContain(says);
    expect(isReadOnly(caught)).toBe(error.code === '25006');
  });

  test.each(['23505', '22P02', '42703', '42P01', '40001', '57014', '25001'])('%s is not', (code) => {
    const error = coded(code);
    expect(thrown(error)).toBe(error);
  });
});
