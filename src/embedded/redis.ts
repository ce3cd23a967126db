/** The embedded Redis. */
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Redis from 'ioredis';
import { keptSecret } from './kept-secret';
import { findRedis } from './redis-binary';
import {
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

const CONNECT_MS = 2_000;

/**
 * @param dataDir canonical, and locked by the caller
 * @throws Error also when the signal aborts: nothing runs then
 */
export async function startRedis(
  dataDir: string,
  say: Say,
  durable: boolean,
  { isCopy = false, signal = NEVER }: StartOptions = {},
): Promise<RunningServer> {
  const folder = join(dataDir, 'redis');
  const { value: password } = keptSecret(join(dataDir, 'redis-password'), () =>
    randomBytes(24).toString('hex'),
  );
  const binary = await findRedis(dataDir, say, signal);
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const url = () => `redis://:${password}@127.0.0.1:${configuredPort(folder)}/0`;
  const server: ServerProgram = {
    name: 'Redis',
    folder,
    logFile: join(dataDir, 'redis.log'),
    stopSignal: 'SIGTERM',
    notedPid: () => numberIn(join(folder, 'redis.pid')),
    // It replaces its command line by `redis-server 127.0.0.1:<port>`.
    isNamedIn: (commandLine) => /(redis|valkey)-server[ \0]/.test(commandLine),
    async launch(isAgain) {
      const port = await portFor(isCopy && !isAgain ? undefined : configuredPort(folder), isAgain);
      writeFileSync(join(folder, 'redis.conf'), configuration(port, password, durable), { mode: 0o600 });
      return spawnServer([binary.command, 'redis.conf'], server.logFile, { cwd: folder, env: binary.env });
    },
    isReady: async () => (await answeringPid(url())) === server.notedPid(),
  };
  const kept = await KeptServer.start(server, say, signal);
  return { url: url(), stop: (limitMs) => kept.stop(limitMs) };
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

/** The process that answers; undefined when none does yet. */
async function answeringPid(url: string): Promise<number | undefined> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false, // a command says the same: it is refused while the data is being read
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined); // told by connect() as well
  try {
    await client.connect();
    await client.ping();
    return Number(/^process_id:(\d+)/m.exec(await client.info('server'))?.[1]);
  } catch {
    return undefined;
  } finally {
    client.disconnect();
  }
}
