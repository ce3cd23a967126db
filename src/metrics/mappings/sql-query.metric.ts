import { createHash } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { Nested, Text } from '../../common/fields';
import { plainNumber } from '../../common/plain-number';
import { TlsParams } from '../../targets/http/params';
import { KeptConnections } from '../kept-connections';
import { MetricMapping, type Metric, type ReadContext, type Reading } from '../metric';
import { SqlDatabase } from '../sql/sql-database';
import { hostText, sqlAddress, sqlUrlProblem, type SqlAddress } from '../sql/sql-url';
import { sqlWords, Told } from '../sql/sql-words';
import { reasonOfAbort } from '../unless-aborted';

const DATABASES_AT_MOST = 128;
const IDLE_MS = 5 * 60_000;
const EXCERPT_CHARACTERS = 40;

export class SqlQueryParams {
  @Text({
    description:
      'The database, postgres://, with user and password; ?sslmode=require for TLS; several hosts, by commas, are tried in order',
    secret: true,
    check: sqlUrlProblem,
    example: 'postgres://reader:password@10.0.0.8:5432/shop',
  })
  url: string;

  @Text({
    description: 'SELECT that has one row; its first column counts',
    minLength: 1,
    example: "SELECT count(*) FROM orders WHERE state = 'waiting'",
  })
  query: string;

  @Nested(() => TlsParams, { description: 'TLS to the database', optional: true })
  tls?: TlsParams;
}

@MetricMapping({
  type: 'sql_query',
  title: 'SQL query',
  description: 'The first column of the one row of a query to PostgreSQL, which can not write',
  params: SqlQueryParams,
})
@Injectable()
export class SqlQuery implements Metric<SqlQueryParams>, OnModuleDestroy {
  private readonly databases = new KeptConnections<SqlDatabase>({
    atMost: DATABASES_AT_MOST,
    idleMs: IDLE_MS,
    close: (database) => database.close(),
  });

  onModuleDestroy(): void {
    this.databases.closeAll();
  }

  async read(params: SqlQueryParams, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  /** Told by its digest alone: it holds a password. */
  target({ url, tls }: SqlQueryParams): string {
    return createHash('sha256')
      .update(JSON.stringify([url, tls]))
      .digest('base64url');
  }

  /** The same query is asked once. */
  async readMany(params: readonly SqlQueryParams[], context: ReadContext): Promise<Reading[]> {
    const [first] = params;
    if (first === undefined) return [];
    // A url that is kept in a file or in the environment is seen here first.
    const problem = sqlUrlProblem(first.url);
    if (problem) return params.map(() => ({ error: `cannot read the query: its url ${problem}` }));
    const address = sqlAddress(first.url, first.tls);
    const answers = new Map<string, Promise<Reading>>();
    return this.databases
      .use(
        this.target(first),
        () => new SqlDatabase(address),
        (database) => {
          for (const { query } of params) {
            if (!answers.has(query)) answers.set(query, answerTo(query, database, address, context));
          }
          return Promise.all(params.map(({ query }) => answers.get(query)!));
        },
      )
      .catch((error) => params.map(() => ({ error: sentence(address, error) })));
  }
}

async function answerTo(
  query: string,
  database: SqlDatabase,
  address: SqlAddress,
  { signal, timeoutMs }: ReadContext,
): Promise<Reading> {
  try {
    const text = await database.only(query, timeoutMs, signal);
    const value = text === null ? undefined : plainNumber(text);
    if (value !== undefined) return { value };
    return {
      error: sentence(address, text === null ? 'the value is null' : `the value is ${excerptOf(text)}`),
    };
  } catch (error) {
    return { error: sentence(address, signal.aborted ? new Told(reasonOfAbort(signal, timeoutMs)) : error) };
  }
}

const excerptOf = (text: string): string => `${JSON.stringify(text.slice(0, EXCERPT_CHARACTERS))}, no number`;

function sentence({ hosts, database, password }: SqlAddress, error: unknown): string {
  const at = `${hosts.map(hostText).join(',')}/${database}`;
  return `cannot read the query from ${at}: ${sqlWords(error, password)}`;
}
