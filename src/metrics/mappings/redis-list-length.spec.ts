import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import Redis from 'ioredis';
import { testRedisUrl } from '../../../test/databases';
import { check } from '../../common/check';
import type { ReadContext } from '../metric';
import { TargetReader } from '../reader/target-reader';
import { RedisListLength, RedisListLengthParams } from './redis-list-length.metric';

describe('redis_list_length', () => {
  const reader = new TargetReader();
  const metric = new RedisListLength(reader);
  let redis: { redisUrl: string; release(): Promise<void> };
  let client: Redis;

  const context = (timeoutMs = 15_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });

  beforeAll(async () => {
    redis = await testRedisUrl();
    client = new Redis(redis.redisUrl);
    await client.rpush('waiting', 'a', 'b', 'c');
    await client.set('text', 'not a list');
  });

  afterAll(async () => {
    await reader.onApplicationShutdown();
    await client?.quit();
    await redis?.release();
  });

  /** Returns ids of the other connections to this database: other specs use the same server. */
  async function clients(): Promise<string[]> {
    const own = await client.client('ID');
    const database = new URL(redis.redisUrl).pathname.slice(1);
    const lines = String(await client.client('LIST', 'TYPE', 'NORMAL')).split('\n');
    return lines
      .filter((line) => line.split(' ').includes(`db=${database}`))
      .map((line) => /^id=(\d+)/.exec(line)![1]!)
      .filter((id) => id !== String(own));
  }

  it('counts the entries; an absent list has none', async () => {
    expect(await metric.read({ url: redis.redisUrl, key: 'waiting' }, context())).toBe(3);
    expect(await metric.read({ url: redis.redisUrl, key: 'absent' }, context())).toBe(0);
  });

  it('reads several at once, and one of another type costs none of the others', async () => {
    const { host } = new URL(redis.redisUrl);
    const readings = await metric.readMany(
      ['waiting', 'text', 'absent', 'waiting'].map((key) => ({ url: redis.redisUrl, key })),
      context(),
    );
    expect(readings).toEqual([
      { value: 3 },
      { error: `cannot read the list text from ${host}: it is not a list` },
      { value: 0 },
      { value: 3 },
    ]);
  });

  it('opens a new connection after the old one was lost', async () => {
    const params = { url: redis.redisUrl, key: 'waiting' };
    await metric.read(params, context());
    for (const id of await clients()) await client.client('KILL', 'ID', id);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await metric.read(params, context())).toBe(3);
  });

  it('keeps one connection per url', async () => {
    const params = { url: redis.redisUrl, key: 'waiting' };
    await metric.read(params, context());
    await Promise.all(Array.from({ length: 20 }, () => metric.read(params, context())));
    expect(await clients()).toHaveLength(1);
  });

  it('fails at once where nobody listens, and tells no password', async () => {
    const started = performance.now();
    const reading = metric.read({ url: 'redis://:hush-hush@127.0.0.1:1/0', key: 'waiting' }, context());
    await expect(reading).rejects.toThrow(
      /^cannot read the list waiting from 127\.0\.0\.1:1: .*it refuses connections at 127/,
    );
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  it('fails in words on a wrong password or database', async () => {
    const wrong = new URL(redis.redisUrl);
    wrong.password = 'hush-hush';
    const reading = metric
      .read({ url: wrong.href, key: 'waiting' }, context())
      .catch((error: Error) => error.message);
    expect(await reading).toMatch(
      /: (user or password is wrong \(WRONGPASS\)|it has no password, and is given one)$/,
    );
    expect(await reading).not.toContain('hush');
    const elsewhere = new URL(redis.redisUrl);
    elsewhere.pathname = '/99999';
    await expect(metric.read({ url: elsewhere.href, key: 'waiting' }, context())).rejects.toThrow(
      /it has no database of that number/,
    );
  });

  describe('from a server that', () => {
    let server: Server;
    const sockets = new Set<Socket>();
    let answer: (socket: Socket, text: string) => void;

    beforeAll(async () => {
      server = createServer((socket) => {
        sockets.add(socket.on('close', () => sockets.delete(socket)).on('error', () => undefined));
        socket.on('data', (chunk) => answer(socket, chunk.toString()));
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });

    afterAll(() => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
    });

    const url = (credentials = ''): string =>
      `redis://${credentials}127.0.0.1:${(server.address() as AddressInfo).port}/0`;

    it.each(['', ':hush-hush@'])('is silent ends at the timeout (%s)', async (credentials) => {
      answer = () => undefined;
      const started = performance.now();
      const reading = metric.read({ url: url(credentials), key: 'waiting' }, context(200));
      await expect(reading).rejects.toThrow(/no answer in 0\.2 s$/);
      expect(performance.now() - started).toBeLessThan(5_000);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(sockets.size).toBe(0);
    });

    it('repeats our password does not make us tell it', async () => {
      answer = (socket) =>
        socket.write("-ERR unknown command 'AUTH', with args beginning with: 'hush-hush'\r\n");
      const reading = metric.read({ url: url(':hush-hush@'), key: 'waiting' }, context());
      await expect(reading).rejects.toThrow(/beginning with: '\*\*\*'$/);
    });

    it.each([':-1\r\n', ':9007199254740993\r\n', '$-1\r\n'])('answers %j tells no length', async (length) => {
      answer = (socket, text) =>
        text.split(/^\*/m).slice(1).forEach((one) => socket.write(/llen/i.test(one) ? length : '+OK\r\n')); // prettier-ignore
      await expect(metric.read({ url: url(), key: 'waiting' }, context())).rejects.toThrow(
        /not as Redis does/,
      );
    });

    it('hangs up, or talks nonsense, is an error', async () => {
      answer = (socket) => socket.destroy();
      await expect(metric.read({ url: url(), key: 'waiting' }, context())).rejects.toThrow(
        /cannot read the list/,
      );
      answer = (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n');
      await expect(metric.read({ url: url(), key: 'waiting' }, context(300))).rejects.toThrow(
        /cannot read the list/,
      );
      answer = (socket) => socket.write('$5\r\nhello\r\n');
      await expect(metric.read({ url: url(), key: 'waiting' }, context(300))).rejects.toThrow(
        /cannot read the list/,
      );
    });
  });

  it('tells no password in its target', () => {
    expect(metric.target({ url: 'redis://:hush-hush@h', key: 'a' })).not.toContain('hush');
  });

  const detailsOf = (url: unknown) =>
    check(RedisListLengthParams, { url, key: 'k' }).errors.map(({ detail }) => detail);

  it.each([
    'redis://h',
    'rediss://u:p%40@h:1/15',
    'redis://:a,b@h:6379',
    'redis://[::1]:6379/0',
    'redis+sentinel://:p@a:26379,b/mymaster',
    'rediss+sentinel://[::1],b:1/my-master/3',
    'redis+cluster://u:p@a,b:7001,[::1]:7002',
    'rediss+cluster://a/',
  ])('%s is right', (url) => {
    expect(detailsOf(url)).toEqual([]);
  });

  it.each([
    ['http://h', /must be redis:\/\//],
    ['redis://h/zero', /number of the database/],
    ['redis://a:1,b:2/0', /must name one server/],
    ['redis+sentinel://a', /must name the master/],
    ['redis+sentinel://a/m/zero', /must name the master/],
    ['redis+cluster://a/3', /no databases/],
    ['redis+cluster://a,,b', /must name a host/],
    ['redis+cluster://a:70000', /ports from 1/],
    ['redis+ring://a', /must be redis:\/\//],
    ['redis://::1', /must be redis:\/\//],
    ['redis://:50%@h', /%25/],
    ['redis://h?db=3', /must be redis:\/\//],
    [7, /./],
  ])('%s is refused', (url, detail) => {
    expect(detailsOf(url)).toEqual([expect.stringMatching(detail)]);
  });
});
