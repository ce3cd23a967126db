import { DatabaseError, Pool, type PoolClient } from 'pg';
import { unlessAborted } from '../unless-aborted';
import type { SqlAddress } from './sql-url';

const CONNECTIONS_AT_MOST = 4;
const IDLE_MS = 60_000;
const CONNECT_MS = 10_000;
/** More than a number has: the longest double that is written out has 309 digits before the point. */
const CHARACTERS_AT_MOST = 400;

/** One PostgreSQL database, which is asked and never changed. */
export class SqlDatabase {
  private readonly pool: Pool;

  constructor(address: SqlAddress) {
    this.pool = new Pool({
      ...address,
      application_name: 'monscale',
      max: CONNECTIONS_AT_MOST,
      idleTimeoutMillis: IDLE_MS,
      connectionTimeoutMillis: CONNECT_MS,
    });
    // Of a connection that nobody uses: the next read makes a new one.
    this.pool.on('error', () => undefined);
  }

  /**
   * The first column of the query's one row, as a text; null for NULL.
   *
   * @param timeoutMs the server ends the query by then, whatever becomes of us
   * @throws Error what PostgreSQL said, what is wrong with the answer, or the signal's reason
   */
  async only(query: string, timeoutMs: number, signal: AbortSignal): Promise<string | null> {
    const client = await this.connection(signal);
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
    void this.pool.end();
  }

  /** One that comes when nobody waits for it any more goes back. */
  private async connection(signal: AbortSignal): Promise<PoolClient> {
    const connecting = this.pool.connect();
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
}

interface Row {
  text: string | null;
}

/** As one statement of a transaction that can't write: what follows a semicolon is a mistake in it. */
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

/** Of many rows, columns or characters no more comes than tells a number from what is none. */
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
