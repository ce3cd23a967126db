import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import { MigrationExecutor, type DataSource, type EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config';
import { programClock } from '../common/clock';
import { heard } from '../common/heard';
import { messageOf, Unavailable } from '../common/errors';
import { assertSameKey, WrongKey } from './secret-key';
import { createCopyPool, createDataSource, createKeyedPool, createMigrationSource } from './data-source';
import {
  assertKnown,
  assertOurs,
  nameOf,
  noteVersions,
  WrongDatabase,
  type Ask,
  type Migration,
} from './schema';
import { asUnavailable, isReadOnly, SqlPool, type Copying, type Sql } from './sql-pool';

/** Any number; the same for every process, so that migrations run one at a time. */
const MIGRATION_LOCK = 0x6d6f6e73;
const RECONNECT_MS = 1_000;
const PING_MS = 3_000;
/** How long the program waits for its first attempt: migrations, its own or another's, may take longer. */
const FIRST_ATTEMPT_MS = 20_000;
const LOCK_AGAIN_MS = 250;
/** Rows that processes write to see whether they can, so that few of them wait for each other. */
const WRITE_SLOTS = 16;
/** The first answers of a new connection take longest, and the shortest of some tells the time best. */
const FIRST_SYNCS = 3;

/**
 * The way to PostgreSQL. When it is away at start the program comes up all the same, not ready, and goes on trying;
 * when it goes away later every query fails with `Unavailable` until it is back.
 */
@Injectable()
export class Database implements Sql, OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly source: DataSource;
  private readonly ownPools: Pool[] = [];
  private readonly general = new SqlPool(() => this.pool);
  private readonly copies: SqlPool;
  /**
   * For statements that find rows by keys alone, and come all the time: planned once, by the indexes, whatever the tables
   * hold at the time. What they look up and write must not depend on a plan that statistics are good for.
   */
  readonly keyed: SqlPool;
  private connecting?: Promise<void>;
  /** Why it can't be used, as long as it never could. */
  private whyNot = 'no connection was made yet';
  /** Migrated, and its time is known: whatever is asked before would go by another clock. */
  private isOpen = false;
  private closed = false;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    this.source = createDataSource(config.databaseUrl!);
    this.copies = this.own(createCopyPool(config.databaseUrl!));
    this.keyed = this.own(createKeyedPool(config.databaseUrl!));
  }

  private own(pool: Pool): SqlPool {
    pool.on('error', (error) => this.noteLost(error));
    this.ownPools.push(pool);
    return new SqlPool(() => {
      this.assertConnected();
      return pool;
    });
  }

  /** @throws WrongDatabase when it is none that this program may use; WrongKey when what is stored is sealed by another key */
  async onModuleInit(): Promise<void> {
    let wrong: WrongDatabase | WrongKey | undefined;
    await new Promise<void>((attempted) => {
      const late = setTimeout(attempted, FIRST_ATTEMPT_MS);
      this.connecting = this.connect((error) => {
        if (error instanceof WrongDatabase || error instanceof WrongKey) wrong = error;
        clearTimeout(late);
        attempted();
      });
    });
    if (wrong === undefined) return;
    this.closed = true;
    throw wrong;
  }

  private async connect(attempted: (error?: unknown) => void): Promise<void> {
    while (!this.closed) {
      try {
        await this.source.initialize();
        this.typeormPool.on('error', (error) => this.noteLost(error));
        this.typeormPool.on('connect', heard);
        await this.migrate();
        await assertSameKey((text, values) => this.source.query(text, values), this.config);
        for (let times = 0; times < FIRST_SYNCS; times++) await this.syncClock();
        this.isOpen = true;
        attempted();
        return;
      } catch (error) {
        this.tellWhyNot(messageOf(error));
        if (this.source.isInitialized) await this.source.destroy().catch(() => undefined);
        attempted(error);
        await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
      }
    }
  }

  private tellWhyNot(why: string): void {
    if (why !== this.whyNot) this.logger.error(`PostgreSQL can't be used yet: ${why}`);
    this.whyNot = why;
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
      const ask: Ask = (sql, values) => runner.query(sql, values) as Promise<never>;
      await this.lockMigrations(ask);
      const tables = this.source.entityMetadatas.map(({ tableName }) => tableName);
      await assertOurs(ask, this.knownMigrations, tables);
      await assertKnown(ask, this.knownMigrations);
      // On the connection that has the lock: when that breaks off, both end.
      const executor = new MigrationExecutor(source, runner);
      executor.transaction = 'all';
      const done = await executor.executePendingMigrations();
      for (const { name } of done) this.logger.log(`migrated the database: ${name}`);
      await noteVersions(ask, source.migrations);
      await runner.release();
    } finally {
      // The lock goes with its connection, whatever happened.
      await source.destroy();
    }
  }

  private async lockMigrations(ask: Ask): Promise<void> {
    while (!this.closed) {
      const [answer] = await ask<{ locked: boolean }>('SELECT pg_try_advisory_lock($1) AS locked', [
        MIGRATION_LOCK,
      ]);
      if (answer!.locked) return;
      this.tellWhyNot('another process migrates it; waiting for that');
      await new Promise((resolve) => setTimeout(resolve, LOCK_AGAIN_MS));
    }
    throw new Error('the program stops');
  }

  private get knownMigrations(): string[] {
    return (this.source.migrations as Migration[]).map(nameOf);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.connecting;
    await Promise.all(this.ownPools.map((pool) => pool.end()));
    if (this.source.isInitialized) await this.source.destroy();
  }

  /** Can PostgreSQL be asked right now? @throws Error saying why not */
  async ping(): Promise<void> {
    const ping = { text: 'SELECT 1', query_timeout: PING_MS };
    await this.pool.query(ping).catch(asUnavailable);
  }

  /**
   * Does what all work comes down to: takes disk, writes, and commits, for real. And looks whether the tables are still
   * such as this program knows.
   *
   * @throws Error saying why it can't
   */
  async able(): Promise<void> {
    try {
      await this.transaction((sql) =>
        Promise.all([
          sql.rows(`SET LOCAL work_mem = '64kB'`),
          sql.rows(TAKE_DISK),
          sql.rows(
            'INSERT INTO readiness_writes VALUES ($1, clock_timestamp()) ON CONFLICT (slot) DO UPDATE SET at = excluded.at',
            [Math.floor(Math.random() * WRITE_SLOTS)],
          ),
        ]),
      );
    } catch (error) {
      if (isReadOnly(error)) this.renew();
      throw error;
    }
    await assertKnown((sql, values) => this.rows(sql, values) as Promise<never>, this.knownMigrations);
  }

  /** Drops the connections that nobody uses: new ones may lead to the server that takes writes by now. */
  private renew(): void {
    for (const pool of [this.typeormPool, ...this.ownPools]) {
      for (let idle = pool.idleCount; idle > 0; idle--) {
        // One that is not made any more is dropped as well.
        void pool.connect().then(
          (client) => client.release(true),
          () => undefined,
        );
      }
    }
  }

  /**
   * Takes PostgreSQL's time as the program's.
   *
   * @returns by how many ms it has moved against the one that was known; 0 where nothing but drift and errors did
   * @throws Error when it can't be asked
   */
  async syncClock(): Promise<number> {
    const client = await this.typeormPool.connect().catch(asUnavailable);
    client.on('error', ignore);
    let failure: Error | undefined;
    try {
      const askedAt = performance.now();
      const { rows } = await client.query<{ ms: number }>({
        text: 'SELECT (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms',
        query_timeout: PING_MS,
      } as { text: string });
      return programClock.sync(rows[0]!.ms, askedAt, performance.now());
    } catch (error) {
      failure = error as Error;
      return asUnavailable(error);
    } finally {
      client.off('error', ignore);
      client.release(failure);
    }
  }

  /** Short work that must not wait: it fails when it is not answered within `timeoutMs`. */
  async within(timeoutMs: number, text: string, values: unknown[]): Promise<void> {
    await this.pool
      .query({ text, values, query_timeout: timeoutMs } as { text: string })
      .catch(asUnavailable);
  }

  rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: string): Promise<R[]> {
    return this.general.rows<R>(text, values, name);
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.general.transaction(work);
  }

  /** A transaction that copies. */
  copying<T>(work: (sql: Copying) => Promise<T>): Promise<T> {
    return this.copies.copying(work);
  }

  /** A transaction over entities. */
  async entities<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.assertConnected();
    return this.source.transaction(work).catch((error: unknown) => {
      if (isReadOnly(error)) this.renew();
      return asUnavailable(error);
    });
  }

  /** Entities, read by statements that are no transaction: each sees what was committed when it began. */
  async readEntities<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.assertConnected();
    return work(this.source.manager).catch(asUnavailable);
  }

  private get pool(): Pool {
    this.assertConnected();
    return this.typeormPool;
  }

  private get typeormPool(): Pool {
    return (this.source.driver as unknown as { master: Pool }).master;
  }

  private assertConnected(): void {
    if (!this.isOpen) throw new Unavailable(`PostgreSQL is away: ${this.whyNot}`);
  }
}

/** Half a megabyte that does not fit into the memory of a query of 64 kB: it is written to a file, which goes with the query. */
const TAKE_DISK = `WITH room AS MATERIALIZED (SELECT repeat(md5(i::text), 16) FROM generate_series(1, 1000) AS i) SELECT count(*) FROM room`;

/** The query under way fails by itself when its connection is lost. */
const ignore = () => undefined;
