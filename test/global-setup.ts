/**
 * One embedded PostgreSQL and Redis for all specs, and a folder (TEST_FOLDER) for whatever else they start. All
 * of it is ended by global-teardown, or here when jest is interrupted.
 */
import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
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

export default async function globalSetup(): Promise<void> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = 'true';
  await removeLeftovers();
  const folder = join(tmpdir(), `${PREFIX}${process.pid}`);
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
  await letMakeDatabases(asSuperuser(servers.databaseUrl, join(folder, 'servers')));
  process.env.TEST_DATABASE_URL = servers.databaseUrl;
  process.env.TEST_REDIS_URL = servers.redisUrl;
  // Beside the first specs. Without it all goes as well, more slowly.
  void fillCompileCache().catch(() => undefined);
}

/** Specs have databases of their own. */
async function letMakeDatabases(superuserUrl: string): Promise<void> {
  const client = new Client({ connectionString: superuserUrl });
  await client.connect();
  await client.query('ALTER ROLE monscale CREATEDB');
  await client.end();
}

/** Of runs that were killed. Servers out of sight may be another container's: theirs only when they are old. */
async function removeLeftovers(): Promise<void> {
  const names = readdirSync(tmpdir()).filter((name) => name.startsWith(PREFIX));
  for (const name of names.filter((name) => !isRunning(Number(name.slice(PREFIX.length))))) {
    const folder = join(tmpdir(), name);
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
