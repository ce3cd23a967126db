import { messageOf } from '../../common/errors';
import { KeptConnections } from '../../common/kept-connections';
import type { Reading } from '../../common/reading';
import type { Question } from '../reader/messages';
import type { TargetProtocol } from '../reader/target-protocol';
import { reasonOfAbort, unlessAborted } from '../../common/unless-aborted';
import { RedisServer } from './redis-server';

const SERVERS_AT_MOST = 256;
const IDLE_MS = 5 * 60_000;

/** Reads the lengths of lists from Redis servers, over connections that it keeps. */
export class RedisTargets implements TargetProtocol {
  private readonly servers = new KeptConnections<RedisServer>({
    atMost: SERVERS_AT_MOST,
    idleMs: IDLE_MS,
    close: (server) => server.close(),
    isAlive: (server) => server.isAlive,
  });

  read({ target, url, tls, asks, timeoutMs }: Question, signal: AbortSignal): Promise<Reading[]> {
    return this.servers
      .use(
        target,
        () => new RedisServer(url, tls),
        async (server) => {
          try {
            return await unlessAborted(signal, server.listLengths(asks));
          } catch (error) {
            this.servers.drop(target, server);
            throw error;
          }
        },
      )
      .catch((error) => {
        const why = signal.aborted ? reasonOfAbort(signal, timeoutMs) : messageOf(error);
        return asks.map(() => ({ error: why }));
      });
  }

  close(): void {
    this.servers.closeAll();
  }
}
