import { Logger } from '@nestjs/common';
import { Client } from 'pg';
import { createTestDatabase } from '../../test/databases';
import { readConfig } from '../config/config';
import { Database } from './database';
import { assertOurs, WrongDatabase, type Ask } from './schema';

beforeAll(() => Logger.overrideLogger(false));

/** Each with a database of its own, empty unless it says otherwise. */
describe('the tables in a database', () => {
  const toEnd: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const end of toEnd.splice(0).reverse()) await end();
  });

  async function world() {
    const { databaseUrl, drop } = await createTestDatabase();
    toEnd.push(drop);
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    client.on('error', () => undefined);
    toEnd.push(() => client.end());
    const open = async (url = databaseUrl): Promise<Database> => {
      const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl: url }));
      toEnd.push(() => database.onApplicationShutdown());
      await database.onModuleInit();
      return database;
    };
    const ask = async (sql: string): Promise<unknown[]> => (await client.query(sql)).rows;
    return { databaseUrl, ask, open };
  }

  const applied = (name: string) =>
    `INSERT INTO migrations (timestamp, name) VALUES (9999999999999, '${name}')`;

  it('of a newer program are refused, by the names that are not known, unless that program says otherwise', async () => {
    const { ask, open } = await world();
    const running = await open();
    await running.able();
    const last = 'SchemaVersions1764400000000';

    // It came while this one runs: additive, of the next version.
    await ask(applied('Next1764500000000'));
    await ask(`INSERT INTO schema_versions VALUES ('Next1764500000000', '${last}')`);
    await running.able();
    await (await open()).able();

    // Of the version after that, which goes with the next one and not with this.
    await ask(applied('Later1764600000000'));
    await ask(`INSERT INTO schema_versions VALUES ('Later1764600000000', 'Next1764500000000')`);
    await expect(running.able()).rejects.toThrow('this one does not know Later1764600000000;');
    await expect(open()).rejects.toThrow(WrongDatabase);

    // Nothing is said of it: not even by a table, in the next case.
    await ask(`DELETE FROM schema_versions`);
    await expect(open()).rejects.toThrow('this one does not know Next1764500000000, Later1764600000000;');
    await ask(`DROP TABLE schema_versions`);
    await expect(open()).rejects.toThrow('does not know Next1764500000000, Later1764600000000;');
    // Nothing was changed meanwhile.
    expect(await ask(`SELECT FROM migrations WHERE name ~ '^(Next|Later)'`)).toHaveLength(2);
  });

  it("that are another program's are refused, and left as they are", async () => {
    for (const [made, word] of [
      [
        `CREATE TABLE migrations (id serial, timestamp bigint, name text); INSERT INTO migrations (timestamp, name) VALUES (1, 'Shop1'), (2, 'Shop2')`,
        'which keeps its own migrations in it (Shop1, Shop2)',
      ],
      ['CREATE TABLE migrations (id serial, migration text, batch int)', 'whose table "migrations"'],
      [
        'CREATE TABLE services (id serial); CREATE TABLE actions (id serial)',
        'tables that monscale did not make (actions, services)',
      ],
      ['CREATE VIEW services AS SELECT 1 AS one', 'tables that monscale did not make (services)'],
    ] as const) {
      const { ask, open } = await world();
      await ask(made);
      await expect(open()).rejects.toThrow(word);
      expect(await ask(`SELECT FROM pg_class WHERE relname = 'alerts'`)).toEqual([]);
    }
  });

  it('of others beside ours do not matter, nor does an empty table of migrations, as a start that was killed leaves', async () => {
    const { ask, open } = await world();
    await ask(
      'CREATE TABLE invoices (id serial); CREATE TABLE migrations (id serial PRIMARY KEY, timestamp bigint NOT NULL, name varchar NOT NULL)',
    );
    await (await open()).able();
  });

  it('are not made where the user may not: that is told, and they are once he may', async () => {
    const { databaseUrl, ask, open } = await world();
    // The owner of a database has it by this role.
    await ask('REVOKE CREATE ON SCHEMA public FROM pg_database_owner, PUBLIC');
    const database = await open(databaseUrl);
    await expect(database.able()).rejects.toThrow('PostgreSQL is away: permission denied for schema public');
    await ask('GRANT CREATE ON SCHEMA public TO pg_database_owner');
    for (
      let tries = 0;
      tries < 50 &&
      !(await database.able().then(
        () => true,
        () => false,
      ));
      tries++
    )
      await new Promise((resolve) => setTimeout(resolve, 100));
    await database.able();
  });

  it('of a PostgreSQL that is too old are none', async () => {
    const old: Ask = () => Promise.resolve([{ version: 140_012, name: '14.12' }] as never[]);
    await expect(assertOurs(old, [], [])).rejects.toThrow(
      'PostgreSQL 14.12 is too old: monscale needs 15 or a later one',
    );
  });

  it.each(['LATIN1', 'SQL_ASCII'])(
    'are not made in a database of %s, which does not hold all texts',
    async (encoding) => {
      const answers = [[{ version: 180_000, name: '18.1', encoding }], []];
      const ask: Ask = () => Promise.resolve(answers.shift() as never[]);
      await expect(assertOurs(ask, [], [])).rejects.toThrow(
        `the database has the encoding ${encoding}, which`,
      );
    },
  );

  it('are made once by many who start at once, also when one of them is cut off amid it', async () => {
    const { ask, open } = await world();
    const opening = Array.from({ length: 4 }, () => open());
    await ask(
      `SELECT pg_sleep(0.05), (SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND query !~ 'advisory')`,
    );
    const databases = await Promise.all(opening);
    for (const database of databases) {
      for (let tries = 0; ; tries++) {
        try {
          await database.able();
          break;
        } catch (error) {
          if (tries > 100) throw error;
          await new Promise((resolve) => setTimeout(resolve, 100));
        }
      }
    }
    const [{ most }] = (await ask(
      'SELECT max(n)::int AS most FROM (SELECT count(*) AS n FROM migrations GROUP BY name) c',
    )) as [{ most: number }];
    expect(most).toBe(1);
  });

  it('wait for the program that migrates them, and this one comes up meanwhile', async () => {
    const { ask, open } = await world();
    await ask(`SELECT pg_advisory_lock(${0x6d6f6e73})`);
    const opened = open();
    setTimeout(() => void ask(`SELECT pg_advisory_unlock(${0x6d6f6e73})`), 500);
    await (await opened).able();
  });
});

describe('whether PostgreSQL is able', () => {
  /** A database that is open, and a connection beside it. */
  async function opened() {
    const { databaseUrl, drop } = await createTestDatabase();
    const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl }));
    await database.onModuleInit();
    const client = new Client({ connectionString: databaseUrl });
    await client.connect();
    const end = async () => {
      await client.end();
      await database.onApplicationShutdown();
      await drop();
    };
    return { database, client, name: new URL(databaseUrl).pathname.slice(1), end };
  }

  it('is found out by writing: told to be read only, it is not, and connections are made anew', async () => {
    const { database, client, name, end } = await opened();
    const pids = async () =>
      (
        await client.query(
          `SELECT pid FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'monscale'`,
        )
      ).rows.map(({ pid }: { pid: number }) => pid);
    const write = (sql: { rows: Database['rows'] }) =>
      sql.rows('INSERT INTO readiness_writes VALUES (99, now()) ON CONFLICT DO NOTHING');
    try {
      await Promise.all(Array.from({ length: 5 }, () => database.rows('SELECT pg_sleep(0.05)')));
      const before = await pids();
      expect(before.length).toBeGreaterThanOrEqual(5);
      // As after a failover: the connections that there are lead to a server that takes no writes.
      await Promise.all(
        Array.from({ length: 5 }, () =>
          database.rows(`SELECT pg_sleep(0.05), set_config('default_transaction_read_only', 'on', false)`),
        ),
      );
      await expect(database.able()).rejects.toThrow(
        'PostgreSQL can not do it now: cannot execute INSERT in a read-only transaction',
      );
      await new Promise((resolve) => setTimeout(resolve, 100));
      await database.able();
      expect((await pids()).filter((pid) => before.includes(pid))).toEqual([]);

      // Others too meet it as "not now", and each way of asking gets another connection.
      for (const ask of [
        () => write(database),
        () => database.transaction((sql) => write(sql as Database)),
        () =>
          database.entities((manager) => manager.query('INSERT INTO readiness_writes VALUES (98, now())')),
      ]) {
        await Promise.all(
          Array.from({ length: 10 }, () =>
            database.rows(`SELECT pg_sleep(0.02), set_config('default_transaction_read_only', 'on', false)`),
          ),
        );
        let failures = 0;
        for (let tries = 0; tries < 30; tries++)
          await ask().catch((error: Error) => {
            if (/duplicate key/.test(error.message)) return;
            expect(error.constructor.name).toBe('Unavailable');
            failures++;
          });
        expect(failures).toBeGreaterThan(0);
        expect(failures).toBeLessThanOrEqual(11);
      }
    } finally {
      await end();
    }
  });

  it('once it says so, no connection of the time when it was read only is left', async () => {
    const { database, client, name, end } = await opened();
    const atOnce = (text: string) => Promise.all(Array.from({ length: 5 }, () => database.keyed.rows(text)));
    try {
      await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
      await client.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'monscale'`,
      );
      await expect(database.able()).rejects.toThrow('PostgreSQL');
      await expect(database.able()).rejects.toThrow('read-only transaction');
      // Made after it was seen and before it is over, in a pool that is not the one it is tried by.
      await atOnce('SELECT pg_sleep(0.05)');
      await client.query(`ALTER DATABASE ${name} SET default_transaction_read_only = off`);
      const seen = async (): Promise<void> => database.able().catch(seen);
      await seen();
      await atOnce('INSERT INTO readiness_writes VALUES (99, now()) ON CONFLICT DO NOTHING');
    } finally {
      await end();
    }
  });

  it('takes disk for it, and leaves nothing behind', async () => {
    const { database, end } = await opened();
    const taken = async () => {
      await database.rows('SELECT pg_stat_force_next_flush()');
      const [row] = await database.rows<{ bytes: number }>(
        'SELECT temp_bytes::float8 AS bytes FROM pg_stat_database WHERE datname = current_database()',
      );
      return row!.bytes;
    };
    const sizes = () => database.rows(`SELECT pg_relation_size('readiness_writes')::int AS size`);
    try {
      await database.able();
      const before = await taken();
      for (let times = 0; times < 50; times++) await database.able();
      await new Promise((resolve) => setTimeout(resolve, 1_100));
      expect((await taken()) - before).toBeGreaterThan(50 * 400_000);
      expect(await sizes()).toEqual([{ size: 8_192 }]);
    } finally {
      await end();
    }
  });
});
