/** Embedded Redis. */
import { hash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Redis from 'ioredis';
import { messageOf } from '../common/errors';
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

/** Timeout of connections and commands, milliseconds. */
const CONNECT_MS = 2_000;

export interface RunningRedis extends RunningServer {
  /** URL for definitions, whose user may do little: whoever names it can have it sent anywhere. */
  readerUrl: string;
}

/** User who may ask for types and the lengths of lists, and nothing else. */
const READER = 'reader';

/**
 * Starts Redis, or takes over one that was left running.
 *
 * @param dataDir canonical, and locked by the caller
 * @throws Error also when the signal aborts: nothing runs then
 */
export async function startRedis(
  dataDir: string,
  say: Say,
  durable: boolean,
  { isCopy = false, signal = NEVER }: StartOptions = {},
): Promise<RunningRedis> {
  const folder = join(dataDir, 'redis');
  const [password, reader] = ['redis-password', 'redis-reader-password'].map(
    (name) => keptSecret(join(dataDir, name), () => randomBytes(24).toString('hex')).value,
  ) as [string, string];
  const binary = await findRedis(dataDir, say, signal);
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const urlOf = (user: string, secret: string) =>
    `redis://${user}:${secret}@127.0.0.1:${configuredPort(folder)}/0`;
  const url = () => urlOf('', password);
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
    async isReady() {
      if ((await answeringPid(url())) !== server.notedPid()) return false;
      await letRead(url(), reader);
      return true;
    },
  };
  const kept = await KeptServer.start(server, say, signal);
  return { url: url(), readerUrl: urlOf(READER, reader), stop: (limitMs) => kept.stop(limitMs) };
}

/** Returns the configuration file. Paths are relative to the working directory, so none needs quoting. */
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

/** Makes the reading user. No file keeps it, so it is made again whenever a server is started or taken over. */
async function letRead(url: string, reader: string): Promise<void> {
  const rights = ['-@all', '+auth', '+select', '+ping', '+role', '+type', '+llen'];
  const client = clientOf(url);
  try {
    await client.connect();
    await client.acl('SETUSER', READER, 'reset', 'on', `#${hash('sha256', reader)}`, '~*', ...rights);
  } catch (error) {
    // Before Redis 6 there are no users, and no reader then.
    if (!/unknown command/i.test(messageOf(error))) throw error;
  } finally {
    client.disconnect();
  }
}

/** Returns the pid of the server that answers; undefined when none does yet. */
async function answeringPid(url: string): Promise<number | undefined> {
  const client = clientOf(url);
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

function clientOf(url: string): Redis {
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false, // a command says the same: it is refused while the data is being read
    connectTimeout: CONNECT_MS,
    commandTimeout: CONNECT_MS,
    retryStrategy: () => null,
  });
  client.on('error', () => undefined); // told by connect() as well
  return client;
}
