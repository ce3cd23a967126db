import { createHash } from 'node:crypto';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { messageOf } from '../../common/errors';
import { Text } from '../../common/fields';
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
      'The server, redis:// or rediss:// (TLS), with user, password and number of the database where needed',
    secret: true,
    check: redisUrlProblem,
    example: 'redis://:password@10.0.0.7:6379/0',
  })
  url: string;

  @Text({ description: 'Key of the list', minLength: 1, example: 'orders:waiting' })
  key: string;
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
  target({ url }: RedisListLengthParams): string {
    return createHash('sha256').update(url).digest('base64url');
  }

  async readMany(params: RedisListLengthParams[], { signal, timeoutMs }: ReadContext): Promise<Reading[]> {
    const [first] = params;
    if (first === undefined) return [];
    // A url that is kept in a file or in the environment is seen here first.
    const problem = redisUrlProblem(first.url);
    if (problem)
      return params.map(({ key }) => ({ error: `cannot read the list ${key}: its url ${problem}` }));
    const target = this.target(first);
    const failed = (key: string, why: string): Reading => {
      return { error: `cannot read the list ${key} from ${new URL(first.url).host}: ${why}` };
    };
    try {
      return await this.servers.use(
        target,
        () => new RedisServer(first.url),
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
