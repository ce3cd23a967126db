import { Logger } from '@nestjs/common';
import { Command } from 'commander';
import { Client } from 'pg';
import { createTestDatabase } from '../../../test/databases';
import { readConfig } from '../../config/config';
import { Database } from '../../database/database';
import { addMigrate } from './migrate';

const LOCK = 0x6d6f6e73;

beforeAll(() => Logger.overrideLogger(false));

describe('monscale migrate', () => {
  let databaseUrl: string;
  let client: Client;
  let drop: () => Promise<void>;
  const toEnd: (() => Promise<unknown>)[] = [];
  let said: string[];

  beforeEach(async () => {
    said = [];
    for (const stream of ['log', 'error'] as const)
      jest.spyOn(console, stream).mockImplementation((...line: unknown[]) => void said.push(line.join(' ')));
    ({ databaseUrl, drop } = await createTestDatabase());
    client = await connected();
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    for (const end of toEnd.splice(0).reverse()) await end();
    await drop();
  });

  async function connected(): Promise<Client> {
    const one = new Client({ connectionString: databaseUrl });
    one.on('error', () => undefined);
    await one.connect();
    toEnd.push(() => one.end());
    return one;
  }

  async function monscale(args: string, env: NodeJS.ProcessEnv = { DATABASE_URL: databaseUrl }): Promise<void> {
    const program = new Command().exitOverride().configureOutput({ writeErr: (text) => void said.push(text) });
    addMigrate(program, () => undefined as never, env);
    for (const command of program.commands) command.exitOverride().configureOutput({ writeErr: (text) => void said.push(text) });
    await program.parseAsync(['node', 'monscale', 'migrate', ...args.split(' ').filter((arg) => arg !== '')]);
  } // prettier-ignore

  /** A process that never migrates. */
  async function role(): Promise<Database> {
    const config = { ...readConfig({}), databaseUrl, migrateAtStart: false };
    const database = new Database(Object.freeze(config));
    toEnd.push(() => database.onApplicationShutdown());
    await database.onModuleInit();
    return database;
  }
  const tables = async (): Promise<number> =>
    (await client.query(`SELECT FROM pg_class WHERE relname = 'services'`)).rowCount!;
  async function until(claim: () => Promise<unknown>): Promise<void> {
    for (let tries = 0; ; tries++) {
      try {
        await claim();
        return;
      } catch (error) {
        if (tries === 300) throw error;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  test('those who wait, and roles that never migrate, go on once it has been done, by one of two at once', async () => {
    const waits = monscale('--wait');
    const database = await role();
    await expect(database.able()).rejects.toThrow(
      /lacks \d+ of the migrations .* Foundation1700000000000 the first/,
    );
    expect(await tables()).toBe(0);
    await Promise.all([monscale(''), monscale('')]);
    await waits;
    expect(said.filter((line) => line.startsWith('migrated the database: Foundation'))).toHaveLength(1);
    expect(said).toContain('the database has the schema of this version already');
    expect(said).toContain('the database has the schema of this version');
    await until(() => database.able());
    await monscale('--wait --timeout 1');
  }, 60_000);

  test('who waits gives up when the time is over, and has changed nothing', async () => {
    await expect(monscale('--wait --timeout 1')).rejects.toThrow(
      /not migrated, and there is no time left: .*Foundation1700000000000 the first: run monscale migrate/,
    );
    expect(await tables()).toBe(0);
  });

  test('waits for another process that migrates, as long as it may', async () => {
    const other = await connected();
    await other.query(`SELECT pg_advisory_lock(${LOCK})`);
    await expect(monscale('--timeout 1')).rejects.toThrow('another process still migrates it');
    expect(said).toContain('another process migrates the database; waiting for that');
    const waits = monscale('--timeout 60');
    await other.end();
    await waits;
    expect(await tables()).toBe(1);
  }, 60_000);

  test('cut off in the midst of it, leaves nothing behind and does it again', async () => {
    const blocker = await connected();
    // It can't make this table until that is decided.
    await blocker.query('BEGIN; CREATE TABLE alerts (a int)');
    const migrates = monscale('');
    const blocked = `SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`;
    await until(async () => expect((await client.query(blocked)).rowCount).toBe(1));
    await client.query(`SELECT pg_terminate_backend(pid) FROM (${blocked}) AS b`);
    await until(async () => expect(said.join()).toMatch(/waiting: /));
    expect(await tables()).toBe(0);
    await blocker.query('ROLLBACK');
    await migrates;
    expect(await tables()).toBe(1);
  }, 60_000);

  test('does not wait where that can not help: a newer schema, another program', async () => {
    await monscale('');
    await client.query(`INSERT INTO migrations (timestamp, name) VALUES (9, 'Future9999999999999')`);
    for (const args of ['', '--wait'])
      await expect(monscale(args)).rejects.toThrow('does not know Future9999999999999');
    await client.query(`DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE services (a int)`);
    for (const args of ['', '--wait'])
      await expect(monscale(args)).rejects.toThrow('tables that monscale did not make (services)');
  }, 60_000);

  test('says why it waits for a PostgreSQL that does not answer, without its password', async () => {
    const env = { DATABASE_URL: 'postgres://monscale:the-password@127.0.0.1:1/monscale' };
    for (const args of ['--timeout 1', '--wait --timeout 1'])
      await expect(monscale(args, env)).rejects.toThrow(/no time left: .*127\.0\.0\.1:1/);
    expect(said.join()).not.toContain('the-password');
  });

  test.each([
    ['', {}, 'set DATABASE_URL'],
    ['', { DATABASE_URL: 'mysql://x' }, 'DATABASE_URL: must be a URL that starts with postgres://'],
    ['--timeout 0', undefined, 'from 1 to 86400'],
    ['--timeout 1.5', undefined, 'from 1 to 86400'],
    ['--timeout 1e9', undefined, 'from 1 to 86400'],
    ['--now', undefined, 'unknown option'],
  ])('refuses %j with %j', async (args, env, words) => {
    await expect(monscale(args, env)).rejects.toThrow(words);
  });
});
