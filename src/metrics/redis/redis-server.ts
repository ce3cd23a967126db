import Redis from 'ioredis';
import { messageOf } from '../../common/errors';
import type { Reading } from '../metric';

const DEFAULT_PORT = 6379;
const MASK = '***';

/** One connection to one Redis server. It is not opened again once it broke: make a new one. */
export class RedisServer {
  private readonly client: Redis;
  private readonly credentials: string[];
  private opening: Promise<void> | undefined;
  private hasEnded = false;
  private trouble: Error | undefined;

  /** @param url one that `redisUrlProblem` finds nothing wrong with */
  constructor(private readonly url: string) {
    const { protocol, hostname, port, username, password } = new URL(url);
    const host = hostname.replace(/^\[|\]$/g, '');
    this.credentials = [username, password].map(decodeURIComponent);
    this.client = new Redis({
      host,
      port: Number(port || DEFAULT_PORT),
      ...(protocol === 'rediss:' ? { tls: {} } : {}),
      lazyConnect: true,
      // A read fails at once rather than waiting for better times: the next one tries anew.
      enableOfflineQueue: false,
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
      // What ioredis does unasked hides its failures; `open` asks by itself.
      enableReadyCheck: false,
      disableClientInfo: true,
    });
    this.client.on('error', (error: Error) => (this.trouble = error));
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
  async listLengths(keys: string[]): Promise<Reading[]> {
    try {
      await (this.opening ??= this.open());
      const answers = await this.client.pipeline(keys.map((key) => ['llen', key])).exec();
      if (this.hasEnded) throw new Error('the connection was lost');
      return (answers ?? []).map(([error, length]) => {
        return error ? { error: this.sentence(error) } : { value: Number(length) };
      });
    } catch (error) {
      // ioredis says that the connection is closed; what closed it came as an event.
      // No cause: ioredis keeps the command in it, AUTH and its password included.
      // eslint-disable-next-line preserve-caught-error
      throw new Error(this.sentence(this.trouble ?? error));
    }
  }

  close(): void {
    // On a connection that is closed already it would wait two seconds for the end.
    if (!this.hasEnded) this.client.disconnect();
  }

  private async open(): Promise<void> {
    const [username, password] = this.credentials;
    const database = Number(new URL(this.url).pathname.slice(1));
    await this.client.connect();
    if (username) await this.client.auth(username, password ?? '');
    else if (password) await this.client.auth(password);
    if (database > 0) await this.client.select(database);
  }

  /** Without our password, which old servers repeat in their errors. */
  private sentence(error: unknown): string {
    const message = messageOf(error);
    if (message.startsWith('WRONGTYPE')) return 'it is not a list';
    const [, password] = this.credentials;
    return password ? message.replaceAll(password, MASK) : message;
  }
}
