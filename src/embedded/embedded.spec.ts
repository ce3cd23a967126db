import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Redis from 'ioredis';
import { Client } from 'pg';
import { killProcessesIn } from '../../test/processes';
import { startEmbeddedServers, type EmbeddedServers } from './embedded-servers';

/** A program of its own, for what only a second one or a dead one can show. */
const PROGRAM = `
  const swc = require(process.argv[3]);
  const options = { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' }, module: { type: 'commonjs' } };
  require.extensions['.ts'] = (module, file) => module._compile(swc.transformFileSync(file, options).code, file);
  const { startEmbeddedServers } = require(process.argv[1]);
  startEmbeddedServers(process.argv[2], () => undefined).then(
    () => { console.log('up'); setInterval(() => undefined, 1e6); },
    (error) => { console.log(error.message); process.exit(1); },
  );
`;

/** To a superuser all of these are open. */
const FORBIDDEN = [
  "SELECT pg_read_file('/etc/passwd')",
  "SELECT pg_read_binary_file('PG_VERSION')",
  "SELECT pg_ls_dir('.')",
  "SELECT pg_stat_file('PG_VERSION')",
  "SELECT lo_import('/etc/passwd')",
  "SELECT lo_export(1, '/tmp/x')",
  "COPY (SELECT 1) TO PROGRAM 'cat'",
  "CREATE TABLE stolen (line text); COPY stolen FROM PROGRAM 'id'",
  "CREATE TABLE stolen (line text); COPY stolen FROM '/etc/passwd'",
  'SELECT * FROM pg_authid',
  'SELECT * FROM pg_hba_file_rules',
  'ALTER SYSTEM SET log_connections = on',
  'CREATE ROLE other SUPERUSER',
  'CREATE DATABASE another',
  'ALTER ROLE monscale SUPERUSER',
  'SET ROLE monscale_superuser',
  'SET SESSION AUTHORIZATION monscale_superuser',
  'CREATE EXTENSION dblink',
  "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'system'",
  'SELECT pg_reload_conf()',
  "LOAD '/lib/x86_64-linux-gnu/libc.so.6'",
];

const FORBIDDEN_COMMANDS = [
  ['GET', 'kept'], ['SET', 'a', 'b'], ['LPUSH', 'a', 'b'], ['CONFIG', 'GET', 'dir'], ['CONFIG', 'SET', 'dir', '/tmp'],
  ['KEYS', '*'], ['EVAL', 'return 1', '0'], ['FLUSHALL'], ['ACL', 'LIST'], ['SHUTDOWN'], ['MONITOR'], ['SAVE'],
]; // prettier-ignore

describe('the embedded servers', () => {
  let folder: string;
  let said: string[];
  const programs: ChildProcess[] = [];

  // One folder for all: a cluster takes a second to make, and starting again is what most of this is about.
  beforeAll(() => {
    folder = mkdtempSync(join(process.env.TEST_FOLDER ?? tmpdir(), 'embedded servers '));
  });

  beforeEach(() => {
    said = [];
  });

  afterEach(async () => {
    for (const program of programs.splice(0)) program.kill('SIGKILL');
    await killProcessesIn(folder);
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = () => startEmbeddedServers(folder, (line) => said.push(line));

  /** Resolves with the first line it prints. */
  async function startProgram(): Promise<{ line: string; program: ChildProcess }> {
    const args = [
      '-e',
      PROGRAM,
      join(__dirname, 'embedded-servers.ts'),
      folder,
      require.resolve('@swc/core'),
    ];
    // Working in the folder, it is found and ended with all else there.
    const program = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
    programs.push(program);
    const [chunk] = await once(program.stdout, 'data');
    return { line: String(chunk).trim(), program };
  }

  const pids = () =>
    ['postgres/postmaster.pid', 'redis/redis.pid'].map((file) =>
      parseInt(readFileSync(join(folder, file), 'utf8')),
    );

  it('keep data, ports and secrets from one start to the next', async () => {
    const first = await start();
    await remember(first, 'kept');
    await first.stop();
    const second = await start();

    expect(await recall(second)).toEqual(['kept', 'kept']);
    expect({ ...second, stop: first.stop }).toEqual({ ...first, firstStart: false });
    expect(first.firstStart).toBe(true);
    expect(Buffer.from(first.secretKey, 'base64')).toHaveLength(32);
    await second.stop();
  });

  it('leave nothing running once stopped, however often that is asked', async () => {
    const servers = await start();
    const running = pids();
    await Promise.all([servers.stop(), servers.stop()]);
    await servers.stop();

    expect(running.filter(isRunning)).toEqual([]);
  });

  it('keep secrets from other users', async () => {
    const servers = await start();
    const modes = [
      '.',
      'admin-token',
      'secret-key',
      'postgres-password',
      'postgres-superuser-password',
      'redis-password',
      'redis-reader-password',
      'redis/redis.conf',
      'secrets',
    ].map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8));
    const commandLines = pids().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    await servers.stop();

    expect(modes).toEqual(['700', '600', '600', '600', '600', '600', '600', '600', '700']);
    const passwords = [servers.databaseUrl, servers.redisUrl].map((url) => new URL(url).password);
    expect(commandLines.filter((line) => passwords.some((password) => line.includes(password)))).toEqual([]);
  });

  it('let the program do what it needs with what is its own, and nothing else', async () => {
    const servers = await start();
    const done = (statement: string) =>
      withClients(servers, (postgres) => postgres.query(statement)).then(
        () => 'done',
        (error: { code?: string }) => error.code,
      );
    const outcomes = await Promise.all(
      FORBIDDEN.map(async (statement) => [statement, await done(statement)] as const),
    );
    const own = await done(`CREATE TABLE own (id int GENERATED ALWAYS AS IDENTITY) PARTITION BY RANGE (id);
      CREATE TABLE own_1 PARTITION OF own FOR VALUES FROM (1) TO (10);
      INSERT INTO own DEFAULT VALUES; DROP TABLE own`);
    const reader = new Redis(servers.redisReaderUrl, { enableReadyCheck: false, disableClientInfo: true });
    reader.on('error', () => undefined);
    const length = await reader.llen('a-list');
    const replies = await Promise.all(
      FORBIDDEN_COMMANDS.map(([command, ...args]) =>
        reader.call(command!, ...args).then(
          () => `${command} is done`,
          (error: Error) => error.message.split(' ')[0],
        ),
      ),
    );
    reader.disconnect();
    await servers.stop();

    const allowed = outcomes.filter(([, code]) => !/^(42501|0A000|58P01|22023)$/.test(code ?? ''));
    expect({ allowed, own, length }).toEqual({ allowed: [], own: 'done', length: 0 });
    expect([...new Set(replies)]).toEqual(['NOPERM']);
  });

  it.each([
    ['a user who may little', false],
    ['him by a second start when the first was killed', true],
  ])('of before are left to %s', async (_, wasKilled) => {
    const servers = await start();
    await remember(servers, 'kept');
    const port = Number(new URL(servers.databaseUrl).port);
    await makeAsBefore(folder, port, wasKilled);
    await servers.stop();

    const after = await start();
    const { rows } = await withClients(after, (postgres) =>
      postgres.query(`SELECT current_user AS name, rolsuper, (SELECT count(*)::int FROM pg_class c JOIN pg_namespace n
          ON n.oid = relnamespace WHERE nspname = 'public' AND relowner <> r.oid) AS foreign,
          (SELECT count(*)::int FROM pg_roles WHERE rolname ~ '^monscale') AS roles
        FROM pg_roles r WHERE rolname = current_user`),
    );
    expect(rows).toEqual([{ name: 'monscale', rolsuper: false, foreign: 0, roles: 2 }]);
    expect(after.databaseUrl).toBe(servers.databaseUrl);
    expect((await recall(after))[0]).toBe('kept');
    await withClients(after, (postgres) =>
      postgres.query(`INSERT INTO old_table (kind) VALUES ('b'); SELECT old_function();
        CREATE OR REPLACE FUNCTION old_function() RETURNS int LANGUAGE sql AS 'SELECT 3';
        ALTER TYPE old_kind ADD VALUE 'c'; DROP VIEW old_view; DROP TABLE old_table; DROP SCHEMA old_schema CASCADE;
        DROP SEQUENCE old_sequence; DROP FUNCTION old_function; DROP DOMAIN old_domain; DROP TYPE old_kind`),
    );
    await after.stop();
  });

  it('are taken over when the program that started them was killed', async () => {
    const { program } = await startProgram();
    const before = pids();
    program.kill('SIGKILL');
    await once(program, 'exit');
    const servers = await start();

    expect(pids()).toEqual(before);
    expect(said).toHaveLength(2);
    await remember(servers, 'works');
    await servers.stop();
    expect(before.filter(isRunning)).toEqual([]);
  });

  it('recover what was stored when they were killed themselves', async () => {
    const before = await start();
    await remember(before, 'also kept');
    for (const pid of pids()) process.kill(pid, 'SIGKILL');
    await before.stop();
    const after = await start();

    expect((await recall(after))[0]).toBe('also kept'); // Redis may lose the last second
    await after.stop();
  });

  it('refuse a folder that another program uses, naming its process', async () => {
    const { program } = await startProgram();

    await expect(start()).rejects.toThrow(`another program (process ${program.pid})`);
    expect((await startProgram()).line).toContain(`(process ${program.pid})`);
  });

  it("are not misled by pid files that name another program's process", async () => {
    await (await start()).stop();
    writeFileSync(join(folder, 'postgres/postmaster.pid'), `${process.pid}\n\n\n5432\n\n\n\nready\n`);
    writeFileSync(join(folder, 'redis/redis.pid'), `${process.pid}\n`);
    const servers = await start();

    expect(pids()).not.toContain(process.pid);
    await servers.stop();
  });
});

/** @param wasKilled by a start that was on the way already */
async function makeAsBefore(folder: string, port: number, wasKilled: boolean): Promise<void> {
  const password = (name: string) => readFileSync(join(folder, name), 'utf8').trim();
  const superuser = { user: 'monscale_superuser', password: password('postgres-superuser-password') };
  const as = async (who: { user: string; password: string }, database: string, text: string) => {
    const client = new Client({ host: '127.0.0.1', port, database, ...who });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  const helper = { user: 'monscale_helper', password: 'of-another-start' };
  await as(superuser, 'postgres', `CREATE ROLE ${helper.user} SUPERUSER LOGIN PASSWORD '${helper.password}'`);
  await as(
    helper,
    'monscale',
    `REASSIGN OWNED BY monscale TO monscale_helper; DROP OWNED BY monscale; DROP ROLE monscale;
     ALTER ROLE monscale_superuser RENAME TO monscale;
     ALTER ROLE monscale PASSWORD '${password('postgres-password')}'`,
  );
  await as(
    { user: 'monscale', password: password('postgres-password') },
    'monscale',
    `REASSIGN OWNED BY monscale_helper TO monscale;
     CREATE TYPE old_kind AS ENUM ('a', 'b');
     CREATE DOMAIN old_domain AS int CHECK (VALUE > 0);
     CREATE TABLE old_table (id serial, other int GENERATED ALWAYS AS IDENTITY, kind old_kind, number old_domain) PARTITION BY LIST (kind);
     CREATE TABLE old_table_a PARTITION OF old_table DEFAULT;
     CREATE STATISTICS old_statistics ON id, other FROM old_table_a;
     CREATE VIEW old_view AS SELECT id FROM old_table;
     CREATE SEQUENCE old_sequence;
     CREATE FUNCTION old_function() RETURNS int LANGUAGE sql AS 'SELECT 2';
     CREATE SCHEMA old_schema; CREATE TABLE old_schema.inner_table (id int)`,
  );
  if (wasKilled) return;
  await as(
    { user: 'monscale', password: password('postgres-password') },
    'postgres',
    `DROP OWNED BY ${helper.user}; DROP ROLE ${helper.user}`,
  );
}

async function remember(servers: EmbeddedServers, value: string): Promise<void> {
  await withClients(servers, async (postgres, redis) => {
    await postgres.query(`DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT '${value}' AS value`);
    await redis.set('kept', value);
  });
}

async function recall(servers: EmbeddedServers): Promise<unknown[]> {
  return withClients(servers, async (postgres, redis) => [
    (await postgres.query('SELECT value FROM kept')).rows[0].value,
    await redis.get('kept'),
  ]);
}

async function withClients<T>(
  { databaseUrl, redisUrl }: EmbeddedServers,
  use: (postgres: Client, redis: Redis) => Promise<T>,
): Promise<T> {
  const postgres = new Client({ connectionString: databaseUrl });
  const redis = new Redis(redisUrl);
  await postgres.connect();
  try {
    return await use(postgres, redis);
  } finally {
    await postgres.end();
    redis.disconnect();
  }
}

function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8') !== '';
  } catch {
    return false;
  }
}
