/** Search for a Redis server: npm has no package with one. */
import { execFile } from 'node:child_process';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { NEVER, type Say } from './server-process';

const run = promisify(execFile);
const DOWNLOAD_MS = 120_000;

export interface RedisBinary {
  command: string;
  env: { LD_LIBRARY_PATH?: string };
}

/**
 * Returns an installed Redis, else one fetched earlier, else Debian's package, which it fetches and unpacks without
 * root.
 *
 * @throws naming the ways out
 */
export async function findRedis(
  dataDir: string,
  say: Say,
  signal: AbortSignal = NEVER,
): Promise<RedisBinary> {
  const cache = cacheFolder(dataDir);
  const unpacked = join(cache, `redis-${process.arch}`);
  const installed = ['redis-server', 'valkey-server'].map((command) => ({ command, env: {} }));
  for (const binary of [...installed, redisIn(unpacked)]) {
    if (await works(binary)) return binary;
  }
  try {
    say('Redis: not installed; fetching it from the package mirror, once');
    await download(cache, unpacked, signal);
    return redisIn(unpacked);
  } catch (cause) {
    throw new Error(
      'no Redis: install it (apt-get install redis-server), or set REDIS_URL to a server of your own',
      { cause },
    );
  }
}

/** Returns the user's cache folder, which all checkouts share, or else the data folder. */
function cacheFolder(dataDir: string): string {
  const folder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'monscale');
  try {
    mkdirSync(folder, { recursive: true });
    accessSync(folder, constants.W_OK);
    return folder;
  } catch {
    return dataDir;
  }
}

/** Returns the unpacked Redis. Debian's layout has libraries in one folder per architecture. */
function redisIn(folder: string): RedisBinary {
  const libraries = join(folder, 'usr', 'lib');
  const folders = existsSync(libraries) ? readdirSync(libraries).map((name) => join(libraries, name)) : [];
  return { command: join(folder, 'usr', 'bin', 'redis-server'), env: { LD_LIBRARY_PATH: folders.join(':') } };
}

async function works({ command, env }: RedisBinary): Promise<boolean> {
  return run(command, ['--version'], { env: { PATH: process.env.PATH, ...env }, timeout: 10_000 }).then(
    () => true,
    () => false,
  );
}

/**
 * Fetches the package into a folder of its own, then renames it: of two starts at once each fetches it, and the second
 * finds it there. apt-get keeps its lists and locks in that folder as well, so it needs no root and does not disturb
 * the system's.
 */
async function download(cache: string, unpacked: string, signal: AbortSignal): Promise<void> {
  const work = `${unpacked}.new-${process.pid}`;
  const archives = join(work, 'cache', 'archives');
  const root = join(work, 'root');
  const settings = [`Dir::State::Lists=${join(work, 'lists')}`, `Dir::Cache=${join(work, 'cache')}`]
    .concat('Debug::NoLocking=1', 'APT::Sandbox::User=', 'Acquire::http::Timeout=20', 'Acquire::Retries=1')
    .flatMap((setting) => ['-o', setting]);
  const options = { timeout: DOWNLOAD_MS, signal };
  const apt = (...args: string[]) => run('apt-get', [...settings, '-qq', ...args], options);
  try {
    for (const folder of [join(work, 'lists', 'partial'), join(archives, 'partial'), root]) {
      mkdirSync(folder, { recursive: true });
    }
    // One of the system's sources may be broken without Redis being in it.
    await apt('update').catch(() => undefined);
    // Resolves which libraries this system lacks, unlike `apt-get download`, and installs nothing.
    await apt('install', '--download-only', '--yes', '--no-install-recommends', '--reinstall', 'redis-tools');
    for (const archive of readdirSync(archives).filter((name) => name.endsWith('.deb'))) {
      await run('dpkg', ['-x', join(archives, archive), root], options);
    }
    // As in Debian's redis-server package: one binary that goes by the name it is called.
    symlinkSync('redis-check-rdb', join(root, 'usr', 'bin', 'redis-server'));
    if (!(await works(redisIn(root)))) throw new Error('the fetched redis-server does not run here');
    if (await works(redisIn(unpacked))) return;
    rmSync(unpacked, { recursive: true, force: true });
    renameSync(root, unpacked);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
