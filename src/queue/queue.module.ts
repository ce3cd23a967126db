import { BullModule } from '@nestjs/bull';
import { Global, Inject, Module, type OnApplicationShutdown } from '@nestjs/common';
import type { QueueOptions } from 'bull';
import type { Cluster, Redis, RedisOptions } from 'ioredis';
import { CONFIG, QUEUES, type Config } from '../config/config';
import { LocalDispatch } from './local-dispatch';
import { Queues } from './queues';
import { Rechecks } from './rechecks';
import { connectRedis } from './redis';

const READ_ONLY_AGAIN_MS = 2_000;

/**
 * Connections of Bull: one client and one subscriber shared by all queues, and one blocking connection for each queue
 * that this process works on.
 */
class Connections {
  private readonly shared = new Map<string, Redis | Cluster>();

  constructor(private readonly url: string) {}

  open(kind: string, options: RedisOptions): Redis | Cluster {
    if (kind === 'bclient')
      return this.connect({ ...options, maxRetriesPerRequest: null, enableReadyCheck: false });
    const known = this.shared.get(kind);
    if (known !== undefined) return known;
    // The subscriber must wait for Redis as long as it takes; a client's command must not.
    const own =
      kind === 'subscriber'
        ? { maxRetriesPerRequest: null, enableReadyCheck: false }
        : { enableReadyCheck: true };
    const connection = this.connect({ ...options, ...own });
    connection.setMaxListeners(50);
    this.shared.set(kind, connection);
    return connection;
  }

  private connect(options: RedisOptions): Redis | Cluster {
    return connectRedis(this.url, {
      ...options,
      connectTimeout: 5_000,
      // A proxy may take connections for a Redis that is away. What ioredis tells of itself is not answered then; when
      // it gives up, it would call itself ready without a connection, and never make another one.
      disableClientInfo: true,
      retryStrategy: (times) => Math.min(times * 100, 1_000),
      reconnectOnError: whenReadOnly(),
    });
  }

  close(): void {
    for (const connection of this.shared.values()) connection.disconnect();
  }
}

/**
 * Returns a function that asks for a new connection after a READONLY error, at most every 2 s: a primary that became a
 * replica accepts no writes, and a new connection may reach the one that does.
 */
function whenReadOnly(): (error: Error) => boolean {
  let lastAt = -Infinity;
  return ({ message }) => {
    if (!message.includes('READONLY') || performance.now() - lastAt < READ_ONLY_AGAIN_MS) return false;
    lastAt = performance.now();
    return true;
  };
}

const CONNECTIONS = Symbol('CONNECTIONS');

@Module({
  providers: [
    {
      provide: CONNECTIONS,
      inject: [CONFIG],
      useFactory: (config: Config) => new Connections(config.redisUrl!),
    },
  ],
  exports: [CONNECTIONS],
})
class ConnectionsModule {}

@Global()
@Module({
  imports: [
    ...QUEUES.map((name) =>
      BullModule.registerQueueAsync({
        name,
        imports: [ConnectionsModule],
        inject: [CONNECTIONS],
        useFactory: (connections: Connections): QueueOptions => ({
          // The hash tag keeps the keys of a queue on one node of a cluster.
          prefix: `{monscale:${name}}`,
          createClient: (kind, options) => connections.open(kind, options ?? {}),
          defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
          // What a dead process had in hand is taken up within seven seconds: before polls every ten are due again.
          settings: { stalledInterval: 1_500, lockDuration: 4_000, maxStalledCount: 3 },
        }),
      }),
    ),
    ConnectionsModule,
  ],
  providers: [Queues, LocalDispatch, Rechecks],
  exports: [Queues, LocalDispatch, Rechecks, BullModule],
})
export class QueueModule implements OnApplicationShutdown {
  constructor(@Inject(CONNECTIONS) private readonly connections: Connections) {}

  onApplicationShutdown(): void {
    this.connections.close();
  }
}
