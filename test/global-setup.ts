/**
 * One embedded PostgreSQL and Redis for all specs, and a folder (TEST_FOLDER) for whatever else they start. All
 * of it is ended by global-teardown, or here when jest is interrupted.
 */
import { mkdirSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { startEmbeddedServers } from '../src/embedded/embedded-servers';
import { fillCompileCache } from './first-start';
import { asSuperuser } from './databases';
import { killProcessesIn } from './processes';

declare global {
  var endTestServers: (() => Promise<void>) | undefined;
}

const PREFIX = 'monscale-test-';
const DAY_MS = 86_400_000;
const MEMORY = '/dev/shm';
const ENOUGH_BYTES = 8_000_000_000;

export default async function globalSetup(): Promise<void> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  await Promise.all([...new Set([tmpdir(), quickFolder()])].map(removeLeftovers));
  const folder = join(quickFolder(), `${PREFIX}${process.pid}`);
  mkdirSync(folder, { mode: 0o700 });
  const starting = startEmbeddedServers(join(folder, 'servers'), () => undefined, { durable: false });
  const end = async () => {
    try {
      await (await starting).stop();
      await killProcessesIn(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  let ending: Promise<void> | undefined;
  globalThis.endTestServers = () => (ending ??= end());
  for (const [signal, code] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    process.on(signal, () => void globalThis.endTestServers?.().finally(() => process.exit(code)));
  }

  const servers = await starting;
  process.env.TEST_FOLDER = folder;
  await letMakeDatabases(
    asSuperuser(servers.databaseUrl, join(folder, 'servers')),
    new URL(servers.databaseUrl),
  );
  process.env.TEST_DATABASE_URL = servers.databaseUrl;
  process.env.TEST_REDIS_URL = servers.redisUrl;
  // Beside the first specs. Without it all goes as well, more slowly.
  void fillCompileCache().catch(() => undefined);
}

/** Specs have databases of their own. Their passwords are hashed once instead of 4,096 times at each of thousands of connections. */
async function letMakeDatabases(superuserUrl: string, { password }: URL): Promise<void> {
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query('SET scram_iterations = 1');
  await client.query(`ALTER ROLE monscale CREATEDB PASSWORD ${client.escapeLiteral(password)}`);
  await client.end();
}

/**
 * Memory, where there is enough of it: hundreds of databases of hundreds of files are made and removed, for which a disk's
 * file system takes a tenth of the run.
 */
function quickFolder(): string {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize > ENOUGH_BYTES ? MEMORY : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** Of runs that were killed. Servers out of sight may be another container's: theirs only when they are old. */
async function removeLeftovers(parent: string): Promise<void> {
  const names = readdirSync(parent).filter((name) => name.startsWith(PREFIX));
  for (const name of names.filter((name) => !isRunning(Number(name.slice(PREFIX.length))))) {
    const folder = join(parent, name);
    try {
      const isOld = Date.now() - statSync(folder).mtimeMs > DAY_MS;
      if ((await killProcessesIn(folder)) || isOld) rmSync(folder, { recursive: true, force: true });
    } catch {
      // Another user's: not ours to tidy.
    }
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
