import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { pipeline } from 'node:stream/promises';
import type { Pool, PoolClient, QueryResultRow } from 'pg';
import { from } from 'pg-copy-streams';
import type { DataSource, EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config';
import { messageOf, Unavailable } from '../common/errors';
import { createCopyPool, createDataSource, createMigrationSource } from './data-source';

/** Any number; the same for every process, so that migrations run one at a time. */
const MIGRATION_LOCK = 0x6d6f6e73;
const RECONNECT_MS = 1_000;
const PING_MS = 3_000;

/** Runs SQL: the pool itself, or one connection in a transaction. */
export interface Sql {
  /** Rows of a statement. Named ones are prepared once per connection. */
  rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: string): Promise<R[]>;
}

/** One connection in a transaction that copies. */
export interface Copying extends Sql {
  /**
   * Adds rows, at a third of what an INSERT costs here and there. One that is refused undoes the transaction.
   *
   * @param text COPY … FROM STDIN BINARY
   * @param rows in that format
   */
  copy(text: string, rows: Buffer): Promise<void>;
}

/**
 * The way to PostgreSQL. When it is away at start the program comes up all the same, not ready, and goes on trying;
 * when it goes away later every query fails with `Unavailable` until it is back.
 */
@Injectable()
export class Database implements Sql, OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly source: DataSource;
  private readonly copies: Pool;
  private connecting?: Promise<void>;
  private closed = false;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.source = createDataSource(config.databaseUrl!);
    this.copies = createCopyPool(config.databaseUrl!);
    this.copies.on('error', (error) => this.noteLost(error));
  }

  async onModuleInit(): Promise<void> {
    let firstAttempt!: () => void;
    const attempted = new Promise<void>((resolve) => (firstAttempt = resolve));
    this.connecting = this.connect(firstAttempt);
    await attempted;
  }

  private async connect(attempted: () => void): Promise<void> {
    while (!this.closed) {
      try {
        await this.source.initialize();
        this.pool.on('error', (error) => this.noteLost(error));
        await this.migrate();
        attempted();
        return;
      } catch (error) {
        this.logger.error(`PostgreSQL can't be used yet: ${messageOf(error)}`);
        if (this.source.isInitialized) await this.source.destroy().catch(() => undefined);
        attempted();
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
  }

  private noteLost({ message }: Error): void {
    this.logger.warn(`lost an idle connection to PostgreSQL: ${message}`);
  }

  /** Under an advisory lock: many processes may start at once on an empty database. */
  private async migrate(): Promise<void> {
    const source = createMigrationSource(this.config.databaseUrl!);
    await source.initialize();
    try {
      const runner = source.createQueryRunner();
      await runner.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
      const done = await source.runMigrations({ transaction: 'all' });
      for (const { name } of done) this.logger.log(`migrated the database: ${name}`);
      await runner.release();
    } finally {
      // The lock goes with its connection, whatever happened.
      await source.destroy();
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.connecting;
    await this.copies.end();
    if (this.source.isInitialized) await this.source.destroy();
  }

  /** Can PostgreSQL be asked right now? @throws Error saying why not */
  async ping(): Promise<void> {
    this.assertConnected();
    const ping = { text: 'SELECT 1', query_timeout: PING_MS };
    await this.pool.query(ping).catch(asUnavailable);
  }

  async rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: string): Promise<R[]> {
    this.assertConnected();
    return rowsOf<R>(this.pool, text, values, name);
  }

  /**
   * All or nothing; rolled back when `work` throws. Statements that it asks for at once are sent at once, and run one
   * after the other.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.within(
      () => this.pool,
      (client) => work({ rows: (...asked) => rowsOf(client, ...asked) }),
    );
  }

  /** A transaction that copies. */
  copying<T>(work: (sql: Copying) => Promise<T>): Promise<T> {
    return this.within(
      () => this.copies,
      (client) =>
        work({
          rows: (...asked) => rowsOf(client, ...asked),
          copy: (text, rows) => pipeline([rows], client.query(from(text))).catch(asUnavailable),
        }),
    );
  }

  private async within<T>(pool: () => Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
    this.assertConnected();
    const client = await pool().connect().catch(asUnavailable);
    // The query under way fails by itself when the connection is lost; without a listener the process would end too.
    client.on('error', ignore);
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      client.off('error', ignore);
      client.release();
      return result;
    } catch (error) {
      const broken = await isBroken(client, error);
      if (!broken) client.off('error', ignore);
      client.release(broken);
      return asUnavailable(error);
    }
  }

  /** A transaction over entities. */
  async entities<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.assertConnected();
    return this.source.transaction(work).catch(asUnavailable);
  }

  /** Entities, read by statements that are no transaction: each sees what was committed when it began. */
  async readEntities<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.assertConnected();
    return work(this.source.manager).catch(asUnavailable);
  }

  private get pool(): Pool {
    return (this.source.driver as unknown as { master: Pool }).master;
  }

  private assertConnected(): void {
    if (!this.source.isInitialized) throw new Unavailable('PostgreSQL is away');
  }
}

const ignore = () => undefined;

/** After a failed transaction. What is silent is not asked once more: closing it rolls back as well. */
async function isBroken(client: PoolClient, error: unknown): Promise<boolean> {
  if (error instanceof Unavailable || isAway(error)) return true;
  return client.query('ROLLBACK').then(
    () => false,
    () => true,
  );
}

async function rowsOf<R extends QueryResultRow>(
  client: Pool | PoolClient,
  text: string,
  values?: unknown[],
  name?: string,
): Promise<R[]> {
  const { rows } = await client.query<R>({ text, values, name }).catch(asUnavailable);
  return rows;
}

/** SQLSTATE classes of a server that is going, coming or full; and what sockets say when there is none. */
const AWAY = /^(08|57P|53)/;
const AWAY_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
]);
const AWAY_TEXT =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable/;

function asUnavailable(error: unknown): never {
  if (isAway(error))
    throw new Unavailable(`PostgreSQL is away: ${messageOf(error)}`, undefined, { cause: error });
  throw error;
}

function isAway(error: unknown): boolean {
  const { code } = error as { code?: string };
  return (
    (code !== undefined && (AWAY.test(code) || AWAY_CODES.has(code))) ||
    AWAY_TEXT.test((error as Error).message)
  );
}
