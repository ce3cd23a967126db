import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { Client } from 'pg';
import { readConfig, secretKeysOf, type Config } from '../../config/config';
import { fingerprintOf } from '../../database/secret-key';
import { startEmbeddedServers } from '../../embedded/embedded-servers';
import type { Connect } from '../client';
import { rotate } from '../rotation';

const CONNECT_MS = 5_000;
/** A hundred definitions at a time; somebody may be saving one of them. */
const STATEMENT_MS = 60_000;

/** `monscale rotate-key`: stored secrets under another key. It speaks to PostgreSQL itself. */
export function addRotateKey(
  program: Command,
  _connect: Connect,
  env: NodeJS.ProcessEnv,
  project: string,
): void {
  program
    .command('rotate-key')
    .description(
      'encrypt stored secrets with MONSCALE_SECRET_KEY that were encrypted with MONSCALE_SECRET_KEY_PREVIOUS; DATABASE_URL names the database, by default that of npm start',
    )
    .option('--lost', 'the old key is lost: name the definitions whose secrets have to be given again')
    .action(async ({ lost = false }: { lost?: boolean }) => {
      // Redis holds no secrets, and is not asked.
      const config = readConfig(env.DATABASE_URL ? { REDIS_URL: 'redis://', ...env } : env);
      const folder = resolve(project, config.dataDir);
      const databases = config.databaseUrl === undefined ? embedded(folder) : given(config.databaseUrl);
      const reached = await databases;
      try {
        const keys = keysOf(config, folder);
        if (keys.length < (lost ? 1 : 2))
          throw new Error(
            lost
              ? 'set MONSCALE_SECRET_KEY to the new key (openssl rand -base64 32), for this command and for every process'
              : 'set MONSCALE_SECRET_KEY to the new key (openssl rand -base64 32) and MONSCALE_SECRET_KEY_PREVIOUS to the old one, for this command and before it for every process',
          );
        const { changed, unopened } = await rotate(reached.client, keys, lost);
        console.log(
          `${changed} definitions were brought under the key of fingerprint ${fingerprintOf(keys[0]!)}`,
        );
        for (const name of unopened) console.log(`its secrets have to be given again: ${name}`);
        console.log('MONSCALE_SECRET_KEY_PREVIOUS is not needed any more');
      } finally {
        await reached.client.end();
        await reached.stop();
      }
    });
}

/** With embedded servers there is a key in the data folder, which was in use as long as none was set. */
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

/** Of a program that runs, or else for as long as it takes: one whose key is lost does not start. */
async function embedded(folder: string): Promise<Reached> {
  try {
    return await given(readFileSync(join(folder, 'database-url'), 'utf8').trim());
  } catch {
    const servers = await startEmbeddedServers(folder, (line) => console.error(line));
    return { client: await connected(servers.databaseUrl), stop: () => servers.stop() };
  }
}

async function connected(connectionString: string): Promise<Client> {
  const client = new Client({
    connectionString,
    connectionTimeoutMillis: CONNECT_MS,
    statement_timeout: STATEMENT_MS,
    query_timeout: STATEMENT_MS + CONNECT_MS,
  });
  client.on('error', () => undefined); // told by the query as well
  await client.connect();
  return client;
}
