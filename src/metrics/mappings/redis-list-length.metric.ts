import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { redisAddress } from '../../queue/redis';
import { TlsParams } from '../../targets/http/params';
import { MetricMapping, type Metric, type ReadContext } from '../metric';
import type { Reading } from '../../common/reading';
import { TargetReader } from '../reader/target-reader';
import { redisUrlProblem } from '../redis/redis-url';
import { reasonOfAbort } from '../../common/unless-aborted';

export class RedisListLengthParams {
  @Text({
    description:
      'The server, its Sentinels or its Cluster: redis://, redis+sentinel://, redis+cluster://; rediss… for TLS; with user, password and number of the database where needed',
    secret: true,
    check: redisUrlProblem,
    example: 'redis://:password@10.0.0.7:6379/0',
  })
  url: string;

  @Text({ directs: 'nothing', description: 'Key of the list', minLength: 1, example: 'orders:waiting' })
  key: string;

  @Nested(() => TlsParams, { description: 'TLS to the server', optional: true })
  tls?: TlsParams;
}

@MetricMapping({
  type: 'redis_list_length',
  title: 'Length of a Redis list',
  description: 'Counts the entries of a list in Redis, for instance of a queue',
  params: RedisListLengthParams,
})
@Injectable()
export class RedisListLength implements Metric<RedisListLengthParams> {
  constructor(private readonly reader: TargetReader) {}

  async read(params: RedisListLengthParams, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  /** Returns a digest of the url, which may hold a password. */
  target({ url, tls }: RedisListLengthParams): string {
    return createHash('sha256')
      .update(JSON.stringify([url, tls]))
      .digest('base64url');
  }

  async readMany(
    params: readonly RedisListLengthParams[],
    { signal, timeoutMs }: ReadContext,
  ): Promise<Reading[]> {
    const [first] = params;
    if (first === undefined) return [];
    // A url that is kept in a file or in the environment is seen here first.
    const problem = redisUrlProblem(first.url);
    if (problem)
      return params.map(({ key }) => ({ error: `cannot read the list ${key}: its url ${problem}` }));
    const where = hostsOf(first.url);
    const { url, tls } = first;
    const asks = params.map(({ key }) => key);
    let lengths: Reading[];
    try {
      const asking = {
        protocol: 'redis',
        target: this.target(first),
        where,
        url,
        tls,
        asks,
        timeoutMs,
      } as const;
      lengths = await this.reader.read(asking, signal);
    } catch (error) {
      const why = signal.aborted ? reasonOfAbort(signal, timeoutMs) : messageOf(error);
      lengths = asks.map(() => ({ error: why }));
    }
    return lengths.map((length, index) =>
      'error' in length
        ? { error: `cannot read the list ${asks[index]} from ${where}: ${length.error}` }
        : length,
    );
  }
}

/** Names the servers of a url in sentences, without user and password. */
function hostsOf(url: string): string {
  const { hosts, master } = redisAddress(url);
  const names = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  return master === undefined ? names : `${master} of ${names}`;
}
