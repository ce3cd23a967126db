import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Client } from 'pg';
import { readConfig, secretKeysOf, type Config } from '../config/config';
import { urlsOf } from '../database/hosts';
import { fingerprintOf } from '../database/secret-key';
import { setUpSession } from '../database/session';
import { startEmbeddedServers } from '../embedded/embedded-servers';
import { rotate } from './rotation';

const CONNECT_MS = 5_000;
/**
 * Timeout of a statement, milliseconds; each covers a hundred definitions, and may wait for somebody who is saving one.
 */
const STATEMENT_MS = 60_000;

/**
 * Encrypts the stored secrets of the environment's database with its newest key, and says what was done.
 *
 * @param project folder that paths of settings count from
 * @param isLost the old key is lost
 * @throws Error, ConfigError when it can't be
 */
export async function rotateKey(env: NodeJS.ProcessEnv, project: string, isLost: boolean): Promise<void> {
  // Redis holds no secrets, and is not asked.
  const config = readConfig(env.DATABASE_URL ? { REDIS_URL: 'redis://', ...env } : env);
  const folder = resolve(project, config.dataDir);
  const databases = config.databaseUrl === undefined ? embedded(folder) : given(config.databaseUrl);
  const reached = await databases;
  try {
    const keys = keysOf(config, folder);
    if (keys.length < (isLost ? 1 : 2))
      throw new Error(
        isLost
          ? 'set MONSCALE_SECRET_KEY to the new key (openssl rand -base64 32), for this command and for every process'
          : 'set MONSCALE_SECRET_KEY to the new key (openssl rand -base64 32) and MONSCALE_SECRET_KEY_PREVIOUS to the old one, for this command and before it for every process',
      );
    const { changed, unopened } = await rotate(reached.client, keys, isLost);
    console.log(
      `${changed} definitions were brought under the key of fingerprint ${fingerprintOf(keys[0]!)}`,
    );
    for (const name of unopened) console.log(`its secrets have to be given again: ${name}`);
    console.log('MONSCALE_SECRET_KEY_PREVIOUS is not needed any more');
  } finally {
    await reached.client.end();
    await reached.stop();
  }
}

/**
 * Returns the keys. With embedded servers, the key in the data folder is one of them: it was in use while none was set.
 */
function keysOf(config: Config, folder: string): Buffer[] {
  const keys = secretKeysOf(config);
  if (keys.length > 1 || config.databaseUrl !== undefined) return keys;
  const kept = Buffer.from(readFileSync(join(folder, 'secret-key'), 'utf8').trim(), 'base64');
  return keys[0]?.equals(kept) ? keys : [...keys, kept];
}

interface Reached {
  client: Client;
  stop(): Promise<void>;
}

async function given(url: string): Promise<Reached> {
  return { client: await connected(url), stop: () => Promise.resolve() };
}

/**
 * Connects to the embedded server of a running program, or starts the servers for the duration of the command: a
 * program whose key is lost does not start.
 */
async function embedded(folder: string): Promise<Reached> {
  try {
    return await given(readFileSync(join(folder, 'database-url'), 'utf8').trim());
  } catch {
    if (!existsSync(join(folder, 'postgres')))
      throw new Error(
        `there is no database in ${folder}: set DATABASE_URL, or MONSCALE_DATA_DIR to the data folder of npm start`,
      );
    const servers = await startEmbeddedServers(folder, (line) => console.error(line));
    return { client: await connected(servers.databaseUrl), stop: () => servers.stop() };
  }
}

/** Connects to the first host of the URL that takes writes. */
async function connected(url: string): Promise<Client> {
  let failure: unknown;
  for (const connectionString of urlsOf(url)) {
    const client = new Client({
      connectionString,
      connectionTimeoutMillis: CONNECT_MS,
      statement_timeout: STATEMENT_MS,
      query_timeout: STATEMENT_MS + CONNECT_MS,
    });
    client.on('error', () => undefined); // told by the query as well
    try {
      await client.connect();
      await setUpSession(client);
      const { rows } = await client.query<{ is: boolean }>('SELECT pg_is_in_recovery() AS is');
      if (rows[0]!.is !== true) return client;
      throw new Error('this host of DATABASE_URL is a standby');
    } catch (error) {
      failure = error;
      await client.end().catch(() => undefined);
    }
  }
  throw failure;
}
