import { Client } from 'pg';
import { createTestDatabase } from '../../test/databases';
import { readConfig } from '../config/config';
import { Database } from './database';

/** Settings that somebody gave a database for other programs. */
const OTHERS = {
  DateStyle: 'German, DMY',
  IntervalStyle: 'iso_8601',
  TimeZone: 'Asia/Kolkata',
  extra_float_digits: '-10',
  bytea_output: 'escape',
  array_nulls: 'off',
  standard_conforming_strings: 'off',
  transform_null_equals: 'on',
  default_transaction_isolation: 'serializable',
};

/** One of each type whose text such settings change. */
const READ = `SELECT '2026-12-01T10:20:30.456+00'::timestamptz AS at, 1e12 + 1 / 3::float8 AS number, '\\xff00'::bytea AS bytes,
  '{1,NULL}'::float8[] AS list, extract(epoch FROM interval '1 day')::int AS seconds, current_setting('transaction_isolation') AS isolation`;
const RIGHT = {
  at: new Date('2026-12-01T10:20:30.456Z'),
  number: 1e12 + 1 / 3,
  bytes: Buffer.from([0xff, 0]),
  list: [1, null],
  seconds: 86_400,
  isolation: 'read committed',
};

test('whatever a database has by default, a session reads and writes the same, from the first migration on', async () => {
  const { databaseUrl, drop } = await createTestDatabase();
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  for (const [name, value] of Object.entries(OTHERS))
    await client.query(`ALTER DATABASE ${new URL(databaseUrl).pathname.slice(1)} SET ${name} = '${value}'`);
  await client.end();
  const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl }));
  try {
    await database.onModuleInit();
    await database.able();
    expect(await database.rows(READ)).toEqual([RIGHT]);
    expect(await database.keyed.rows(READ)).toEqual([RIGHT]);
    expect(await database.transaction((sql) => sql.rows(READ))).toEqual([RIGHT]);
    expect(await database.copying((sql) => sql.rows(READ))).toEqual([RIGHT]);
  } finally {
    await database.onApplicationShutdown();
    await drop();
  }
});
