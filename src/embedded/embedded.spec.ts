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
      'redis-password',
      'redis/redis.conf',
    ].map((name) => (statSync(join(folder, name)).mode & 0o777).toString(8));
    const commandLines = pids().map((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    await servers.stop();

    expect(modes).toEqual(['700', '600', '600', '600', '600', '600']);
    const passwords = [servers.databaseUrl, servers.redisUrl].map((url) => new URL(url).password);
    expect(commandLines.filter((line) => passwords.some((password) => line.includes(password)))).toEqual([]);
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
