import { createHash } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { Nested, Text } from '../../common/fields';
import { redisAddress } from '../../queue/redis';
import { TlsParams } from '../../targets/http/params';
import { KeptConnections } from '../kept-connections';
import { MetricMapping, type Metric, type ReadContext, type Reading } from '../metric';
import { RedisServer } from '../redis/redis-server';
import { redisUrlProblem } from '../redis/redis-url';
import { reasonOfAbort, unlessAborted } from '../unless-aborted';

const SERVERS_AT_MOST = 256;
const IDLE_MS = 5 * 60_000;

export class RedisListLengthParams {
  @Text({
    description:
      'The server, its Sentinels or its Cluster: redis://, redis+sentinel://, redis+cluster://; rediss… for TLS; with user, password and number of the database where needed',
    secret: true,
    check: redisUrlProblem,
    example: 'redis://:password@10.0.0.7:6379/0',
  })
  url: string;

  @Text({ description: 'Key of the list', minLength: 1, example: 'orders:waiting' })
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
export class RedisListLength implements Metric<RedisListLengthParams>, OnModuleDestroy {
  private readonly servers = new KeptConnections<RedisServer>({
    atMost: SERVERS_AT_MOST,
    idleMs: IDLE_MS,
    close: (server) => server.close(),
    isAlive: (server) => server.isAlive,
  });

  onModuleDestroy(): void {
    this.servers.closeAll();
  }

  async read(params: RedisListLengthParams, context: ReadContext): Promise<number> {
    const [reading] = await this.readMany([params], context);
    if (reading === undefined || 'error' in reading) throw new Error(reading?.error ?? 'no reading');
    return reading.value;
  }

  /** The url, told by its digest alone: it may hold a password. */
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
    const target = this.target(first);
    const where = hostsOf(first.url);
    const failed = (key: string, why: string): Reading => {
      return { error: `cannot read the list ${key} from ${where}: ${why}` };
    };
    try {
      return await this.servers.use(
        target,
        () => new RedisServer(first.url, first.tls),
        async (server) => {
          try {
            const lengths = await unlessAborted(signal, server.listLengths(params.map(({ key }) => key)));
            return lengths.map((length, index) =>
              'error' in length ? failed(params[index]!.key, length.error) : length,
            );
          } catch (error) {
            this.servers.drop(target, server);
            throw error;
          }
        },
      );
    } catch (error) {
      const why = signal.aborted ? reasonOfAbort(signal, timeoutMs) : messageOf(error);
      return params.map(({ key }) => failed(key, why));
    }
  }
}

/** For sentences. */
function hostsOf(url: string): string {
  const { hosts, master } = redisAddress(url);
  const names = hosts.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  return master === undefined ? names : `${master} of ${names}`;
}
