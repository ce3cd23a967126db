import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { TlsParams } from '../../targets/http/params';
import { MetricMapping, type Metric, type ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { TargetReader } from '../reader/target-reader';
import { hostText, sqlAddress, sqlUrlProblem } from '../sql/sql-url';
import { reasonOfAbort } from '../../common/unless-aborted';

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
    directs: 'nothing',
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
export class SqlQuery implements Metric<SqlQueryParams> {
  constructor(private readonly reader: TargetReader) {}

  async read(params: SqlQueryParams, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  /** Returns a digest of the url, which holds a password. */
  target({ url, tls }: SqlQueryParams): string {
    return createHash('sha256')
      .update(JSON.stringify([url, tls]))
      .digest('base64url');
  }

  /** Reads the queries of one database; equal queries are asked once. */
  async readMany(params: readonly SqlQueryParams[], { signal, timeoutMs }: ReadContext): Promise<Reading[]> {
    const [first] = params;
    if (first === undefined) return [];
    // A url that is kept in a file or in the environment is seen here first.
    const problem = sqlUrlProblem(first.url);
    if (problem) return params.map(() => ({ error: `cannot read the query: its url ${problem}` }));
    const { url, tls } = first;
    const where = whereOf(first.url);
    const asks = [...new Set(params.map(({ query }) => query))];
    let answers: Reading[];
    try {
      const asking = {
        protocol: 'sql',
        target: this.target(first),
        where,
        url,
        tls,
        asks,
        timeoutMs,
      } as const;
      answers = await this.reader.read(asking, signal);
    } catch (error) {
      const why = signal.aborted ? reasonOfAbort(signal, timeoutMs) : messageOf(error);
      answers = asks.map(() => ({ error: why }));
    }
    const told = new Map(asks.map((query, index) => [query, sentenceOf(answers[index]!, where)]));
    return params.map(({ query }) => told.get(query)!);
  }
}

function sentenceOf(reading: Reading, where: string): Reading {
  return 'error' in reading ? { error: `cannot read the query from ${where}: ${reading.error}` } : reading;
}

/** Names the database of a url in sentences, without user and password. */
function whereOf(url: string): string {
  const { hosts, database } = sqlAddress(url);
  return `${hosts.map(hostText).join(',')}/${database}`;
}
