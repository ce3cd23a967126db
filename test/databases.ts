/** Databases of a spec's own, on the servers that `global-setup.ts` started. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Redis from 'ioredis';
import { Client } from 'pg';
import { readConfig } from '../src/config/config';
import { Database } from '../src/database/database';

/** As many as the embedded Redis has, less number 0, which counts. */
const REDIS_DATABASES = 63;

/** A new, empty PostgreSQL database. `drop` also ends the sessions that are still open. */
export async function createTestDatabase(): Promise<{ databaseUrl: string; drop(): Promise<void> }> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await onServer(`CREATE DATABASE ${name}`);
  const url = new URL(variable('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return { databaseUrl: url.href, drop: () => dropped(name) };
}

const DROP_AGAIN_MS = 200;
const DROPS_AT_MOST = 50;

/** Autovacuum may be at work in it, which only a superuser may end: it is soon done. */
async function dropped(name: string): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      return await onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    } catch (error) {
      const isForbidden = (error as { code?: string }).code === '42501';
      if (!isForbidden || tries === DROPS_AT_MOST) throw error;
      await sleep(DROP_AGAIN_MS);
    }
  }
}

/** The program's way to a new database that is migrated already; `end` closes and drops it. */
export async function openTestDatabase(): Promise<{ database: Database; end(): Promise<void> }> {
  const { databaseUrl, drop } = await createTestDatabase();
  const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl }));
  await database.onModuleInit();
  return { database, end: () => database.onApplicationShutdown().then(drop) };
}

/** The same server for its superuser, as whom the program never asks. @param folder its data folder */
export function asSuperuser(url: string, folder: string): string {
  const superuser = new URL(url);
  superuser.username = 'monscale_superuser';
  superuser.password = readFileSync(join(folder, 'postgres-superuser-password'), 'utf8').trim();
  return superuser.href;
}

/** An empty logical Redis database, used by nobody else until 63 more were asked for. */
export async function testRedisUrl(): Promise<{ redisUrl: string; release(): Promise<void> }> {
  const url = new URL(variable('TEST_REDIS_URL'));
  const counter = new Redis(url.href);
  const number = ((await counter.incr('databases-given-out')) % REDIS_DATABASES) + 1;
  await counter.quit();
  url.pathname = `/${number}`;
  const redisUrl = url.href;
  await flush(redisUrl);
  return { redisUrl, release: () => flush(redisUrl) };
}

async function flush(redisUrl: string): Promise<void> {
  const client = new Redis(redisUrl);
  await client.flushdb();
  await client.quit();
}

async function onServer(sql: string): Promise<void> {
  const client = new Client({ connectionString: variable('TEST_DATABASE_URL') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the specs by npm test`);
  return value;
}
