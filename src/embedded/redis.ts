/** The embedded Redis. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Redis from 'ioredis';
import { keptSecret } from './kept-secret';
import { findRedis } from './redis-binary';
import {
  bringDown,
  bringUp,
  freePort,
  numberIn,
  spawnServer,
  type RunningServer,
  type Say,
  type ServerProgram,
} from './server-process';

const CONNECT_MS = 2_000;

/** @param dataDir canonical, and locked by the caller */
export async function startRedis(dataDir: string, say: Say, durable: boolean): Promise<RunningServer> {
  const folder = join(dataDir, 'redis');
  const { value: password } = keptSecret(join(dataDir, 'redis-password'), () =>
    randomBytes(24).toString('hex'),
  );
  const binary = await findRedis(dataDir, say);
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const url = () => `redis://:${password}@127.0.0.1:${configuredPort(folder)}/0`;
  const server: ServerProgram = {
    name: 'Redis',
    logFile: join(dataDir, 'redis.log'),
    stopSignal: 'SIGTERM',
    notedPid: () => numberIn(join(folder, 'redis.pid')),
    // Redis replaces its command line by `redis-server 127.0.0.1:<port>`.
    isNamedIn: (commandLine) => commandLine.includes(`127.0.0.1:${configuredPort(folder)}`),
    async launch() {
      const port = await freePort(configuredPort(folder));
      writeFileSync(join(folder, 'redis.conf'), configuration(port, password, durable), { mode: 0o600 });
      return spawnServer([binary.command, 'redis.conf'], server.logFile, { cwd: folder, env: binary.env });
    },
    isReady: () => answers(url()),
  };
  const pid = await bringUp(server, say);
  return { url: url(), stop: () => bringDown(server, pid) };
}

/** Paths are relative to the working directory, so no path needs quoting. */
function configuration(port: number, password: string, durable: boolean): string {
  return `bind 127.0.0.1
port ${port}
requirepass ${password}
pidfile redis.pid
databases 64
save ""
appendonly ${durable ? 'yes' : 'no'}
appendfsync everysec
maxmemory-policy noeviction
`;
}

function configuredPort(folder: string): number | undefined {
  const file = join(folder, 'redis.conf');
  const port = existsSync(file) ? /^port (\d+)$/m.exec(readFileSync(file, 'utf8'))?.[1] : undefined;
  return port ? Number(port) : undefined;
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false, // a PING says the same: it is refused while the data is being read
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined); // told by connect() as well
  try {
    await client.connect();
    await client.ping();
    return true;
  } catch {
    return false;
  } finally {
    client.disconnect();
  }
}
