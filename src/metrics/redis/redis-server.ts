import { Cluster, Command, Redis } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import { heard } from '../../common/heard';
import { redisAddress, throughSentinels, type RedisAddress } from '../../queue/redis';
import type { HttpTls } from '../../targets/http/http-call';
import type { Reading } from '../../common/reading';
import { BrokenAnswer } from '../reader/broken-answer';
import { checkedSlots } from './cluster-slots';
import { redisWords } from './redis-words';

/** What does not close by itself is closed. */
const DISCONNECT_MS = 200;

const NOT_MASTER = 'the server that the Sentinels name is not a master';

Command.setReplyTransformer('cluster', checkedSlots);

/** What ioredis says of a reply to no question: whatever comes next may be taken for the answer to the next one. */
const UNASKED = /^Command queue state error/;

/** A read fails at once rather than waiting for better times: the next one tries anew. */
const ONCE = {
  lazyConnect: true,
  enableOfflineQueue: false,
  retryStrategy: () => null,
  maxRetriesPerRequest: 0,
  // What ioredis does unasked hides its failures; `open` asks by itself.
  enableReadyCheck: false,
  disableClientInfo: true,
};

/**
 * The connection to one Redis: a server, the master that Sentinels name, or the nodes of a Cluster. It is not opened
 * again once it broke: make a new one.
 */
export class RedisServer {
  private readonly address: RedisAddress;
  private readonly client: Redis | Cluster;
  private opening: Promise<void> | undefined;
  private hasEnded = false;
  private trouble: Error | undefined;
  private mayAskRole = true;

  /**
   * @param url one that `redisUrlProblem` finds nothing wrong with
   * @param tls by itself asks for TLS, as a url of rediss does
   */
  constructor(url: string, tls?: HttpTls) {
    this.address = redisAddress(url);
    this.client = clientOf(this.address, tls ?? (this.address.isTls ? {} : undefined));
    // Of a Cluster what its nodes say is the reason; its own error is that none of them serves.
    const tells = this.address.form === 'cluster' ? 'node error' : 'error';
    this.client.on(tells, (error: Error) => {
      this.trouble = error;
      if (!UNASKED.test(error.message)) return;
      this.hasEnded = true;
      this.trouble = new BrokenAnswer('it answers what nobody asked', 'form');
      // Thrown inside of the socket's handler, it ends the connection.
      throw this.trouble;
    });
    this.client.on('close', () => (this.hasEnded = true));
  }

  /** False once the connection is lost. */
  get isAlive(): boolean {
    return !this.hasEnded;
  }

  /**
   * The lengths of lists, in order; 0 when there is none of that name. One of another type is an error of its own.
   * Throws when the server can't be asked; pends as long as it is silent, until `close`.
   */
  async listLengths(keys: readonly string[]): Promise<Reading[]> {
    try {
      await (this.opening ??= this.open());
      const lengths = await (this.client instanceof Cluster
        ? this.lengthsInCluster(this.client, keys)
        : this.lengthsOf(this.client, keys));
      if (this.hasEnded) throw new Error('the connection was lost');
      return lengths;
    } catch (error) {
      // ioredis says that the connection is closed; what closed it came as an event.
      // No cause: ioredis keeps the command in it, AUTH and its password included.
      // eslint-disable-next-line preserve-caught-error
      throw new Error(this.sentence(this.trouble ?? error));
    }
  }

  close(): void {
    // On a connection that is closed already it would wait two seconds for the end. A Cluster has more to close.
    if (!this.hasEnded || this.client instanceof Cluster) this.client.disconnect();
  }

  private async lengthsOf(client: Redis, keys: readonly string[]): Promise<Reading[]> {
    const questions = keys.map((key) => ['llen', key]);
    if (this.mayAskRole) questions.push(['role']);
    const answers = (await client.pipeline(questions).exec()) ?? [];
    const stale = this.staleness(answers[keys.length]);
    return keys.map((_, index) => {
      const [error, length] = answers[index] ?? [];
      if (error) return { error: this.sentence(error) };
      if (stale !== undefined) return { error: stale };
      return typeof length === 'number' ? { value: length } : { error: 'it answered, but not as Redis does' };
    });
  }

  /** A replica goes on answering what it knew when it lost its master. Who may not ask for it is not told. */
  private staleness([error, role]: [Error | null, unknown] | [] = []): string | undefined {
    if (error) this.mayAskRole = false;
    if (!Array.isArray(role)) return undefined;
    if (this.address.form === 'sentinel' && role[0] !== 'master') return NOT_MASTER;
    return isStale(role) ? 'it is a replica that has lost its master: what it knows is old' : undefined;
  }

  /** Each node has keys of its own, and one that is down costs no other's. */
  private lengthsInCluster(cluster: Cluster, keys: readonly string[]): Promise<Reading[]> {
    return Promise.all(
      keys.map((key) =>
        cluster.llen(key).then(
          (value): Reading => ({ value }),
          (error): Reading => ({ error: this.sentence(error) }),
        ),
      ),
    );
  }

  private async open(): Promise<void> {
    const { form, username, password, database } = this.address;
    await this.client.connect();
    if (this.client instanceof Cluster) return;
    if (username) await this.client.auth(username, password ?? '');
    else if (password) await this.client.auth(password);
    if (database > 0) await this.client.select(database);
    // Sentinels may name for a while what is no master any more: its lists are not what they were.
    if (form === 'sentinel' && (await this.client.role())[0] !== 'master') throw new Error(NOT_MASTER);
  }

  private sentence(error: unknown): string {
    return redisWords(error, this.address.password);
  }
}

/** As `ROLE` answers; of a replica the fourth part is the state of the link to its master. */
const isStale = ([role, , , link]: unknown[]): boolean => role === 'slave' && link !== 'connected';

function clientOf(
  { form, username, password, hosts, master }: RedisAddress,
  tls: ConnectionOptions | undefined,
): Redis | Cluster {
  if (form === 'cluster') {
    return heard(
      new Cluster(hosts, {
        lazyConnect: true,
        enableOfflineQueue: false,
        enableReadyCheck: false,
        clusterRetryStrategy: () => null,
        redisOptions: { username, password, tls, disableClientInfo: true, disconnectTimeout: DISCONNECT_MS },
      }),
    );
  }
  if (form === 'sentinel') {
    return heard(
      new Redis({
        ...ONCE,
        tls,
        ...throughSentinels(hosts, master, tls),
        sentinelRetryStrategy: () => null,
      }),
    );
  }
  return heard(new Redis({ ...ONCE, ...hosts[0], tls }));
}
