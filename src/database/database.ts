import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import type { Pool, QueryResultRow } from 'pg';
import type { DataSource, EntityManager } from 'typeorm';
import { CONFIG, type Config } from '../config/config';
import { programClock } from '../common/clock';
import { heard } from '../common/heard';
import { messageOf, Unavailable } from '../common/errors';
import { assertSameKey, WrongKey } from './secret-key';
import { createCopyPool, createDataSource, createKeyedPool, openKept, type OnConnect } from './data-source';
import { DatabaseGuard, recognise, restorationText } from './installation';
import { assertMigrated, knownTo, migrate } from './migrate';
import { assertKnown, WrongDatabase, type Ask } from './schema';
import {
  asUnavailable,
  isReadOnly,
  SqlPool,
  type Copying,
  type Sql,
  type StatementName,
  type Transactions,
} from './sql-pool';

const RECONNECT_MS = 1_000;
const PING_MS = 3_000;
/**
 * Longest time start-up waits for the first attempt to connect, milliseconds; migrations, also another process's, may
 * take longer.
 */
const FIRST_ATTEMPT_MS = 20_000;
/** Number of rows that processes write to test whether they can, so that few wait for each other. */
const WRITE_SLOTS = 16;
/**
 * Number of clock questions at start: the first answers of a new connection are slow, and the fastest answer is the
 * most exact.
 */
const FIRST_SYNCS = 3;

/**
 * Access to PostgreSQL.
 *
 * Not open yet: start-up goes on after 20 s at most, the process is not ready, and connecting is tried every second.
 * Open: migrated, the key checked, recognised, the clock synced. Closed: at shutdown, or when the database is another program's.
 * While PostgreSQL is away every query fails with `Unavailable`.
 */
@Injectable()
export class Database implements Sql, OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger('Database');
  private readonly source: DataSource;
  private readonly ownPools: Pool[] = [];
  private readonly general = new SqlPool(() => this.pool);
  private readonly copies: SqlPool;
  /**
   * Pool for frequent statements that find rows by keys alone: they are planned once, by the indexes, whatever
   * statistics say at the time.
   */
  readonly keyed: Transactions;
  /** A process that finds another database ends: what it remembers is of the one before. */
  private readonly guard = new DatabaseGuard((error) => {
    setImmediate(() => {
      throw error;
    });
  });
  /** Called when definitions were changed by this process, and that is committed. */
  readonly whenDefinitionsChange = new Set<() => void>();
  private connecting?: Promise<void>;
  /** Reason why it can't be used, before it ever could. */
  private whyNot = 'no connection was made yet';
  /** True once the database is migrated and its time known; queries before that would go by another clock. */
  private isOpen = false;
  private closed = false;
  /** True from the moment that it took no writes, until all connections of then are dropped. */
  private wasReadOnly = false;

  constructor(@Inject(CONFIG) private readonly config: Config) {
    const sameDatabase: OnConnect = (client) =>
      this.guard.check(async (text) => (await client.query(text)).rows as never);
    this.source = createDataSource(config.databaseUrl!, sameDatabase);
    this.copies = this.own(createCopyPool(config.databaseUrl!, sameDatabase));
    this.keyed = this.own(createKeyedPool(config.databaseUrl!, sameDatabase));
  }

  private own(pool: Pool): SqlPool {
    pool.on('error', (error) => this.noteLost(error));
    this.ownPools.push(pool);
    return new SqlPool(() => {
      this.assertConnected();
      return pool;
    });
  }

  /**
   * Connects, and waits for the first attempt.
   *
   * @throws WrongDatabase when this program may not use the database
   * @throws WrongKey when stored secrets are encrypted with another key
   */
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
        await this.recognise();
        for (let times = 0; times < FIRST_SYNCS; times++) await this.syncClock();
        await Promise.all(this.ownPools.map(openKept));
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

  /** Holds what was open, where the database was restored, before anything is done with it. */
  private async recognise(): Promise<void> {
    const { identity, restored } = await this.source.transaction((manager) =>
      recognise((text, values) => manager.query(text, values)),
    );
    if (restored !== undefined) this.logger.warn(restorationText(restored));
    this.guard.begin(identity);
  }

  private tellWhyNot(why: string): void {
    if (why !== this.whyNot) this.logger.error(`PostgreSQL can't be used yet: ${why}`);
    this.whyNot = why;
  }

  private noteLost({ message }: Error): void {
    this.logger.warn(`lost an idle connection to PostgreSQL: ${message}`);
  }

  /** Migrates, or checks that another process has. @throws Error when none has yet */
  private async migrate(): Promise<void> {
    const { databaseUrl, migrateAtStart } = this.config;
    if (!migrateAtStart) return assertMigrated(this.source);
    const [first, ...later] = await migrate(databaseUrl!, () => {
      if (this.closed) throw new Error('the program stops');
      this.tellWhyNot('another process migrates it; waiting for that');
    });
    if (first === undefined) return;
    const steps = later.length === 0 ? first : `${later.length + 1} steps, from ${first} to ${later.at(-1)}`;
    this.logger.log(`migrated the database: ${steps}`);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    await this.connecting;
    await Promise.all(this.ownPools.map((pool) => pool.end()));
    if (this.source.isInitialized) await this.source.destroy();
  }

  /**
   * Checks that PostgreSQL answers.
   *
   * @throws Error saying why it does not
   */
  async ping(): Promise<void> {
    const ping = { text: 'SELECT 1', query_timeout: PING_MS };
    await this.pool.query(ping).catch(asUnavailable);
  }

  /**
   * Checks what all work needs: using disk, writing and committing, for real, and that this program knows the present
   * schema.
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
      if (isReadOnly(error)) await this.renew();
      this.wasReadOnly ||= isReadOnly(error);
      throw error;
    }
    if (this.wasReadOnly) {
      // Connections made while it took no writes take none for as long as they live.
      await this.renew();
      this.wasReadOnly = false;
    }
    const ask: Ask = (sql, values) => this.rows(sql, values) as Promise<never>;
    // One that was restored in place has the connections that there were.
    await this.guard.check(ask);
    await assertKnown(ask, knownTo(this.source));
  }

  /** Drops idle connections: new ones may reach the server that accepts writes now. */
  private async renew(): Promise<void> {
    const pools = [this.typeormPool, ...this.ownPools];
    const idle = pools.flatMap((pool) => Array.from({ length: pool.idleCount }, () => pool.connect()));
    // One that is not made any more is dropped as well.
    await Promise.allSettled(idle.map((one) => one.then((client) => client.release(true))));
  }

  /**
   * Sets the program's clock to PostgreSQL's time.
   *
   * @returns how far that time has jumped, milliseconds; 0 while drift and errors explain the difference
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

  /** Runs a statement that fails when it is not answered within `timeoutMs`. */
  async within(timeoutMs: number, text: string, values: unknown[]): Promise<void> {
    await this.pool
      .query({ text, values, query_timeout: timeoutMs } as { text: string })
      .catch(asUnavailable);
  }

  rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: StatementName): Promise<R[]> {
    return this.general.rows<R>(text, values, name);
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.general.transaction(work);
  }

  /** Runs a transaction that may use COPY. */
  copying<T>(work: (sql: Copying) => Promise<T>): Promise<T> {
    return this.copies.copying(work);
  }

  /** Runs a transaction over entities. */
  async entities<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    this.assertConnected();
    return this.source.transaction(work).catch((error: unknown) => {
      if (isReadOnly(error)) void this.renew();
      return asUnavailable(error);
    });
  }

  /** Reads entities outside of a transaction: each statement sees what was committed when it began. */
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

/**
 * Query of half a megabyte that exceeds `work_mem` of 64 kB: PostgreSQL writes it to a file, which it removes
 * afterwards.
 */
const TAKE_DISK = `WITH room AS MATERIALIZED (SELECT repeat(md5(i::text), 16) FROM generate_series(1, 1000) AS i) SELECT count(*) FROM room`;

/** Listener for lost connections; the query under way fails by itself. */
const ignore = () => undefined;
