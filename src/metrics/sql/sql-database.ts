import { DatabaseError, Pool, type PoolClient } from 'pg';
import { unlessAborted } from '../../common/unless-aborted';
import { hostText, type Session, type SqlAddress, type SqlHost } from './sql-url';
import { sqlWords, Told } from './sql-words';

const CONNECTIONS_AT_MOST = 4;
const IDLE_MS = 60_000;
const CONNECT_MS = 10_000;
/** Longest value that may be a number: the longest double that is written out has 309 digits before the point. */
const CHARACTERS_AT_MOST = 400;

interface Server {
  at: SqlHost;
  pool: Pool;
}

/**
 * PostgreSQL database, on one server or on several that hold the same. It is asked and never changed; queries may run
 * side by side, on at most `CONNECTIONS_AT_MOST` connections per server.
 */
export class SqlDatabase {
  private readonly servers: Server[];
  /** Index of the server that is asked first: the one that served last. */
  private first = 0;

  constructor(private readonly address: SqlAddress) {
    this.servers = address.hosts.map((at) => ({ at, pool: poolOf(at, address) }));
  }

  /**
   * Returns the first column of the query's one row, as a text; null for NULL.
   *
   * @param timeoutMs time after which the server ends the query, whatever becomes of us
   * @throws Error what PostgreSQL said, what is wrong with the answer, or the signal's reason
   */
  async only(query: string, timeoutMs: number, signal: AbortSignal): Promise<string | null> {
    const client = await this.connection(timeoutMs, signal);
    let isBroken = true;
    try {
      const rows = await unlessAborted(signal, answerTo(client, query, timeoutMs));
      isBroken = false;
      return onlyValueIn(rows);
    } catch (error) {
      isBroken &&= !(error instanceof DatabaseError);
      throw error;
    } finally {
      client.release(isBroken);
    }
  }

  close(): void {
    for (const { pool } of this.servers) void pool.end();
  }

  /**
   * Connects to the first server of the wanted kind, or to any for prefer-standby when there is no standby. Each has
   * its share of the time.
   */
  private async connection(timeoutMs: number, signal: AbortSignal): Promise<PoolClient> {
    const { session } = this.address;
    const [only] = this.servers;
    if (this.servers.length === 1 && session === 'any') return connected(only!.pool, signal);
    const failures: string[] = [];
    let nextBest: PoolClient | undefined;
    for (const index of this.order()) {
      const { at, pool } = this.servers[index]!;
      const late = AbortSignal.timeout(timeoutMs / this.servers.length);
      try {
        const client = await connected(pool, AbortSignal.any([signal, late]));
        const misfit = await misfitOf(client, session, AbortSignal.any([signal, late]));
        if (misfit === undefined) {
          nextBest?.release();
          this.first = index;
          return client;
        }
        if (session === 'prefer-standby' && nextBest === undefined) nextBest = client;
        else client.release();
        failures.push(`${hostText(at)}: ${misfit}`);
      } catch (error) {
        if (signal.aborted) {
          nextBest?.release();
          throw error;
        }
        const why = late.aborted ? 'no answer in time' : sqlWords(error, this.address.password);
        failures.push(`${hostText(at)}: ${why}`);
      }
    }
    if (nextBest !== undefined) return nextBest;
    throw new Told(failures.join('; '));
  }

  private order(): number[] {
    const indexes = this.servers.map((_, index) => index);
    // A standby that is back is preferred again.
    if (this.address.session === 'prefer-standby') return indexes;
    return [...indexes.slice(this.first), ...indexes.slice(0, this.first)];
  }
}

function poolOf({ host, port }: SqlHost, { user, password, database, ssl }: SqlAddress): Pool {
  const pool = new Pool({
    host,
    port,
    user,
    password,
    database,
    ssl: ssl && { ...ssl },
    application_name: 'monscale',
    max: CONNECTIONS_AT_MOST,
    idleTimeoutMillis: IDLE_MS,
    connectionTimeoutMillis: CONNECT_MS,
  });
  // Of a connection that nobody uses: the next read makes a new one.
  pool.on('error', () => undefined);
  // Of one that is used, the query fails by itself; without a listener the process would end too.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Takes a connection from a pool. One that comes when nobody waits for it any more goes back. */
async function connected(pool: Pool, signal: AbortSignal): Promise<PoolClient> {
  const connecting = pool.connect();
  try {
    return await unlessAborted(signal, connecting);
  } catch (error) {
    connecting.then(
      (client) => client.release(),
      () => undefined,
    );
    throw error;
  }
}

/** Returns why a server is not of the wanted kind, which may have changed since the connection was made. */
async function misfitOf(
  client: PoolClient,
  session: Session,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (session === 'any') return undefined;
  try {
    const asked = client.query<{ isStandby: boolean; isReadOnly: boolean }>(
      `SELECT pg_catalog.pg_is_in_recovery() AS "isStandby", pg_catalog.current_setting('transaction_read_only')::bool AS "isReadOnly"`,
    );
    const { rows } = await unlessAborted(signal, asked);
    const { isStandby, isReadOnly } = rows[0]!;
    const misfits: Record<Exclude<Session, 'any'>, string | false> = {
      'read-write': isReadOnly && 'it is read only',
      'read-only': !isReadOnly && 'it is not read only',
      primary: isStandby && 'it is a standby',
      standby: !isStandby && 'it is no standby',
      'prefer-standby': !isStandby && 'it is no standby',
    };
    return misfits[session] || undefined;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

interface Row {
  text: string | null;
}

/** Runs the query as one statement of a transaction that can't write; what follows a semicolon is an error in it. */
async function answerTo(client: PoolClient, query: string, timeoutMs: number): Promise<Row[]> {
  await client.query(`BEGIN READ ONLY; SET LOCAL statement_timeout = ${Math.ceil(timeoutMs)}`);
  try {
    // With values it is prepared, which PostgreSQL does with one statement alone.
    const { rows } = await client.query<Row>(wrapped(query), [CHARACTERS_AT_MOST + 1]);
    return rows;
  } finally {
    await client.query('ROLLBACK');
  }
}

/** Wraps a query so that no more rows, columns or characters come than tell a number from what is none. */
const wrapped = (query: string): string =>
  `SELECT left(monscale_value::text, $1::int) AS text
   FROM (\n${query.replace(/[;\s]+$/, '')}\n) AS monscale_query (monscale_value) LIMIT 2`;

function onlyValueIn(rows: Row[]): string | null {
  const [first, second] = rows;
  if (first === undefined) throw new Error('the query has no row');
  if (second !== undefined) throw new Error('the query has more than one row');
  const { text } = first;
  if (text !== null && text.length > CHARACTERS_AT_MOST) throw new Error('the value is a long text');
  return text;
}
