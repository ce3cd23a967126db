import { Cluster, Command, Redis } from 'ioredis';
import type { ConnectionOptions } from 'node:tls';
import { heard } from '../../common/heard';
import { redisAddress, throughSentinels, type RedisAddress } from '../../queue/redis';
import type { HttpTls } from '../../targets/http/http-call';
import type { Reading } from '../../common/reading';
import { BrokenAnswer } from '../reader/broken-answer';
import { checkedSlots } from './cluster-slots';
import { redisWords } from './redis-words';

/** Time after which a connection that does not close by itself is closed, milliseconds. */
const DISCONNECT_MS = 200;

const NOT_MASTER = 'the server that the Sentinels name is not a master';

Command.setReplyTransformer('cluster', checkedSlots);

/**
 * Error of ioredis for a reply to no question: the next reply may then be taken for the answer to the next question.
 */
const UNASKED = /^Command queue state error/;

/** Options that make a read fail at once rather than wait for better times: the next one tries anew. */
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
 * Connection to one Redis: a server, the master that Sentinels name, or the nodes of a Cluster.
 *
 * States: not opened, open, ended. The first read opens it; once it broke it stays ended: make a new one.
 */
export class RedisServer {
  private readonly address: RedisAddress;
  private readonly client: Redis | Cluster;
  private opening: Promise<void> | undefined;
  private hasEnded = false;
  private trouble: Error | undefined;
  private mayAskRole = true;

  /**
   * @param url url without problems by `redisUrlProblem`
   * @param tls asks for TLS when given, as a url of rediss does
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

  /** Whether the connection has not been lost. */
  get isAlive(): boolean {
    return !this.hasEnded;
  }

  /**
   * Returns the lengths of lists, in order; 0 when there is none of that name. One of another type is an error of its
   * own. Throws when the server can't be asked; pends as long as it is silent, until `close`.
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
      return isLength(length) ? { value: length } : { error: 'it answered, but not as Redis does' };
    });
  }

  /**
   * Returns why lengths are stale: a replica that lost its master goes on answering what it knew. Undefined also when
   * the user may not ask for the role.
   */
  private staleness([error, role]: [Error | null, unknown] | [] = []): string | undefined {
    if (error) this.mayAskRole = false;
    if (!Array.isArray(role)) return undefined;
    if (this.address.form === 'sentinel' && role[0] !== 'master') return NOT_MASTER;
    return isStale(role) ? 'it is a replica that has lost its master: what it knows is old' : undefined;
  }

  /**
   * Reads lengths from the nodes of a Cluster: each has keys of its own, and a node that is down fails its own keys
   * alone.
   */
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

/** Tells whether an answer can be the length of a list: what is no Redis may answer -1. */
const isLength = (answer: unknown): answer is number =>
  Number.isSafeInteger(answer) && (answer as number) >= 0;

/**
 * Tells, by the answer of `ROLE`, whether a server is a replica without its master: the fourth part is the state of the
 * link.
 */
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
