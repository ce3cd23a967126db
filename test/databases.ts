/** Databases of a spec's own, on the servers that `global-setup.ts` started. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Logger } from '@nestjs/common';
import Redis from 'ioredis';
import { Client } from 'pg';
import type { Database } from '../src/database/database';

/** As many as the embedded Redis has, less number 0, which counts. */
const REDIS_DATABASES = 63;

export interface TestDatabase {
  databaseUrl: string;
  /** Also ends the sessions that are still open. */
  drop(): Promise<void>;
}

/** A new, empty PostgreSQL database. */
export const createTestDatabase = (): Promise<TestDatabase> => copyOf('template1');

/** One that is as the program leaves a new database that it has migrated. */
export async function createMigratedDatabase(): Promise<TestDatabase> {
  await withClient(makeMigrated);
  return copyOf(MIGRATED);
}

/** Copied as files, and by the kernel: a tenth of what it costs PostgreSQL to read and write them. */
async function copyOf(template: string): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await withClient(async (client) => {
    if (process.platform !== 'win32') await client.query('SET file_copy_method = clone');
    await client.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY file_copy`);
  });
  return { databaseUrl: urlOf(name), drop: () => dropped(name) };
}

function urlOf(name: string): string {
  const url = new URL(variable('TEST_DATABASE_URL'));
  url.pathname = `/${name}`;
  return url.href;
}

/** Made by the first that asks for one; the others wait for it. */
const MIGRATED = 'migrated';
const MAKE_LOCK = 1;

async function makeMigrated(client: Client): Promise<void> {
  await client.query('SELECT pg_advisory_lock($1)', [MAKE_LOCK]);
  const { rowCount } = await client.query('SELECT FROM pg_database WHERE datname = $1', [MIGRATED]);
  if (rowCount === 1) return;
  const { databaseUrl } = await createTestDatabase();
  // Tells each migration, which belongs to no spec.
  Logger.overrideLogger(['error']);
  const database = await opened(databaseUrl);
  // Of the copies each is what it is, and not a restored one.
  await database.rows(
    'UPDATE installation SET system_identifier = NULL, database_oid = NULL, table_oid = NULL',
  );
  await database.onApplicationShutdown();
  Logger.overrideLogger(['log', 'warn', 'error', 'debug', 'verbose']);
  // Nobody may be connected to what is copied, an autovacuum neither.
  const name = new URL(databaseUrl).pathname.slice(1);
  await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await client.query(`ALTER DATABASE ${name} RENAME TO ${MIGRATED}`);
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
  const { databaseUrl, drop } = await createMigratedDatabase();
  const database = await opened(databaseUrl);
  return { database, end: () => database.onApplicationShutdown().then(drop) };
}

/** Loaded when it is needed: most specs of the whole program need only the template that another has made. */
async function opened(databaseUrl: string): Promise<Database> {
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { Database } = require('../src/database/database') as typeof import('../src/database/database');
  const { readConfig } = require('../src/config/config') as typeof import('../src/config/config');
  /* eslint-enable */
  const database = new Database(Object.freeze({ ...readConfig({}), databaseUrl }));
  await database.onModuleInit();
  return database;
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

const onServer = (sql: string): Promise<void> => withClient(async (client) => void (await client.query(sql)));

async function withClient(work: (client: Client) => Promise<void>): Promise<void> {
  const client = new Client({ connectionString: variable('TEST_DATABASE_URL') });
  // The server may stop meanwhile, at the end of a short run: whoever asks then is told by the query.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function variable(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set: run the specs by npm test`);
  return value;
}
