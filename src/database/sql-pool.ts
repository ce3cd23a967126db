import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Query, type Pool, type PoolClient, type QueryResultRow } from 'pg';
import { from } from 'pg-copy-streams';
import { messageOf, Unavailable } from '../common/errors';
import { heard } from '../common/heard';
import { codeOf, READ_ONLY } from './sql-state';

declare const ofStatement: unique symbol;
/** Name of a `Statement`, which nobody else can give: what is prepared is declared, and reviewed. */
export type StatementName = string & { readonly [ofStatement]: true };

/** Runner of SQL: on any connection of a pool, or on one connection. */
export interface Sql {
  /** Returns the rows of a statement. Named statements are prepared once per connection. */
  rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: StatementName): Promise<R[]>;
}

/** Connection in a transaction that can use COPY. */
export interface Copying extends Sql {
  /**
   * Adds rows, at a third of the cost of an INSERT on both sides. A refused row rolls back the transaction.
   *
   * @param text COPY … FROM STDIN BINARY
   * @param rows in that format, in parts
   */
  copy(text: string, rows: Iterable<Buffer> | AsyncIterable<Buffer>): Promise<void>;
}

/** Transaction of three steps, each of which sends what it can together. */
export interface Steps<L, D, R> {
  /**
   * Sends statements that go along with BEGIN: where that fails, nothing may be written, so they only read and lock, or
   * write where they find the locks (`UNDER_LOCKS`).
   */
  lock: (sql: Sql) => Promise<L>;
  /** Decides by what was read under the locks, with statements of its own where it has any. */
  decide: (sql: Sql, locked: L) => Promise<D>;
  /** Sends all its statements before it waits for any: COMMIT goes along with them. */
  write: (sql: Sql, decided: D) => Promise<R>;
}

/** SQL that also runs transactions. */
export interface Transactions extends Sql {
  /**
   * Runs a transaction; rolled back when `work` throws. Statements issued together are sent together, and run one after
   * the other.
   */
  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  /**
   * Runs a transaction of three steps, in two round trips and those of `decide`; rolled back when one of them throws.
   * `write` must not throw by what its statements return.
   */
  inSteps<L, D, R>(steps: Steps<L, D, R>): Promise<R>;
}

/** Pool of equal connections. While PostgreSQL is away everything fails with `Unavailable`. */
export class SqlPool implements Transactions {
  /** @param pool throws while there is none */
  constructor(private readonly pool: () => Pool) {}

  async rows<R extends QueryResultRow>(text: string, values?: unknown[], name?: StatementName): Promise<R[]> {
    return rowsOf<R>(this.pool(), text, values, name);
  }

  transaction<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.on((client) => committed(client, () => work(sqlOf(client))));
  }

  inSteps<L, D, R>(steps: Steps<L, D, R>): Promise<R> {
    return this.on((client) => steppedThrough(client, steps));
  }

  /** Runs a transaction that may use COPY; for connections without pipelining. */
  copying<T>(work: (sql: Copying) => Promise<T>): Promise<T> {
    const copy = (client: PoolClient) => (text: string, rows: Iterable<Buffer> | AsyncIterable<Buffer>) =>
      pipeline(rows, client.query(from(text))).catch(asUnavailable);
    return this.on((client) => committed(client, () => work({ copy: copy(client), ...sqlOf(client) })));
  }

  private async on<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool().connect().catch(asUnavailable);
    // The query under way fails by itself when the connection is lost; without a listener the process would end too.
    client.on('error', ignore);
    try {
      const result = await work(client);
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
}

const sqlOf = (client: PoolClient): Sql => ({
  rows: (...asked) => {
    sendTogether(client);
    return rowsOf(client, ...asked);
  },
});

/** Bytes from which statements are sent while others are being made: PostgreSQL begins with the first meanwhile. */
const SENT_FROM_BYTES = 16_384;

/**
 * Has what is asked of a connection from now on sent in one write, at the end of this turn: one by one, each statement is
 * a system call here, and wakes PostgreSQL up.
 */
function sendTogether(client: PoolClient): void {
  const { stream } = (client as unknown as { connection: { stream: Writable } }).connection;
  if (stream.writableLength > SENT_FROM_BYTES) stream.uncork();
  if (stream.writableCorked > 0) return;
  stream.cork();
  process.nextTick(() => stream.uncork());
}

async function committed<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  const result = await work();
  assertCommitted(await client.query('COMMIT'));
  return result;
}

/** Checks the answer to COMMIT: whoever swallows the failure of a statement can't commit the others. */
function assertCommitted({ command }: { command: string }): void {
  if (command !== 'COMMIT') throw new Error('a statement of this transaction failed: it is rolled back');
}

async function steppedThrough<L, D, R>(
  client: PoolClient,
  { lock, decide, write }: Steps<L, D, R>,
): Promise<R> {
  const sql = sqlOf(client);
  sendTogether(client);
  const [, locked] = await Promise.all([client.query('BEGIN'), lock(sql)]);
  const decided = await decide(sql, locked);
  let isSent = false;
  const rows: Sql['rows'] = (...asked) => {
    if (isSent) throw new Error('a statement came after the COMMIT of its transaction');
    return sql.rows(...asked);
  };
  const written = write({ rows }, decided);
  isSent = true;
  const [result, answer] = await Promise.all([written, client.query('COMMIT')]);
  assertCommitted(answer);
  return result;
}

const ignore = () => undefined;

/**
 * Rolls back after a failure, and tells whether the connection is broken. A silent server is not asked again: closing
 * the connection rolls back as well.
 */
async function isBroken(client: PoolClient, error: unknown): Promise<boolean> {
  if (error instanceof Unavailable || isAway(error)) return true;
  return client.query('ROLLBACK').then(
    () => false,
    () => true,
  );
}

/** `query` of pools and connections, which take a statement that is made already; their types don't say so. */
type Ask<R> = (query: Query, done: (error: Error | undefined, result: { rows: R[] }) => void) => void;

/**
 * Returns the rows of a statement. It is handed to pg made: given its text and name, pg copies them by the descriptors of
 * their properties, which takes as long as sending them.
 */
function rowsOf<R extends QueryResultRow>(
  client: Pool | PoolClient,
  text: string,
  values?: unknown[],
  name?: StatementName,
): Promise<R[]> {
  const query = Object.assign(heard(new Query(text, values)), { name });
  return new Promise<R[]>((resolve, reject) => {
    (client.query as unknown as Ask<R>).call(client, query, (error, result) =>
      error ? reject(error) : resolve(result.rows),
    );
  }).catch(asUnavailable);
}

/**
 * SQLSTATE classes of a server that can't be reached or logged in to, is stopping or starting, is full, or whose disk
 * fails. `AWAY_CODES` are those of sockets.
 */
const AWAY = /^(08|28|3D|53|57P|58)/;
const AWAY_CODES = new Set([
  READ_ONLY,
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);
const AWAY_TEXT =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|Client has encountered a connection error|not queryable|server does not support SSL|not currently accepting connections/;

export function asUnavailable(error: unknown): never {
  if (isAway(error))
    throw new Unavailable(`${stateOf(error)}: ${messageOf(error)}`, undefined, { cause: error });
  throw error;
}

const UNABLE = /^(53|58|25)/;

const stateOf = (error: unknown): string =>
  UNABLE.test(codeOf(error) ?? '') ? 'PostgreSQL can not do it now' : 'PostgreSQL is away';

/** Tells whether an error, or its cause, says that the connection is read-only. */
export const isReadOnly = (error: unknown): boolean =>
  codeOf(error) === READ_ONLY || codeOf((error as Error).cause) === READ_ONLY;

function isAway(error: unknown): boolean {
  const { code } = error as { code?: string };
  return (
    (code !== undefined && (AWAY.test(code) || AWAY_CODES.has(code))) ||
    AWAY_TEXT.test((error as Error).message)
  );
}
