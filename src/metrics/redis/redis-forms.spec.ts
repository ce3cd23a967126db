/** Redis as it is run in earnest: under Sentinels, as a Cluster, by TLS. Real servers, made here. */
import { setTimeout as sleep } from 'node:timers/promises';
import { EXPIRED, GOOD, OTHER } from '../../../test/stand-ins/certificates';
import {
  startCluster,
  startRedis,
  startSecureRedis,
  startSentinel,
  type RedisStandIn,
} from '../../../test/stand-ins/redis';
import { RedisListLength } from '../mappings/redis-list-length.metric';
import type { ReadContext } from '../metric';
import { TargetReader } from '../reader/target-reader';

const PASSWORD = 'hush-hush';

const never = () => false;

async function eventually(claim: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await claim().catch(never)); tries++) {
    if (tries > 200) throw new Error(`this is still not so: ${String(claim)}`);
    await sleep(50);
  }
}

describe('redis_list_length', () => {
  const reader = new TargetReader();
  const metric = new RedisListLength(reader);
  const running: RedisStandIn[] = [];

  const context = (timeoutMs = 15_000): ReadContext => ({
    signal: AbortSignal.timeout(timeoutMs),
    timeoutMs,
    nodes: () => Promise.reject(new Error('no infrastructure')),
    listNodes: () => Promise.reject(new Error('no infrastructure')),
  });
  const read = (url: string, key = 'waiting', tls?: object) =>
    metric.read({ url, key, tls } as never, context());

  async function keep<T extends RedisStandIn | RedisStandIn[]>(starting: Promise<T>): Promise<T> {
    const started = await starting;
    running.push(...[started].flat());
    return started;
  }

  afterAll(async () => {
    await reader.onApplicationShutdown();
    await Promise.all(running.map((one) => one.stop()));
  });

  describe('from the master that Sentinels name', () => {
    let master: RedisStandIn;
    let replica: RedisStandIn;
    let sentinel: RedisStandIn;
    let url: string;

    beforeAll(async () => {
      const auth = [`requirepass ${PASSWORD}`, `masterauth ${PASSWORD}`];
      master = await keep(startRedis(...auth));
      replica = await keep(startRedis(...auth, `replicaof 127.0.0.1 ${master.port}`));
      await master.client.rpush('waiting', 'a', 'b');
      for (let tries = 0; (await replica.client.llen('waiting')) !== 2; tries++) {
        if (tries > 200) throw new Error('the replica does not follow');
        await sleep(50);
      }
      sentinel = await keep(startSentinel(master, 'main', PASSWORD));
      // The first is not there.
      url = `redis+sentinel://:${PASSWORD}@127.0.0.1:1,127.0.0.1:${sentinel.port}`;
    }, 40_000);

    it('counts, in the database that is named', async () => {
      expect(await read(`${url}/main`)).toBe(2);
      expect(await read(`${url}/main/3`)).toBe(0);
    });

    it('says what is wrong, and tells no password', async () => {
      await expect(read(`${url}/unknown`)).rejects.toThrow(
        `cannot read the list waiting from unknown of 127.0.0.1:1,127.0.0.1:${sentinel.port}: none of its Sentinels can be asked, or knows that master`,
      );
      await expect(read('redis+sentinel://127.0.0.1:1/main')).rejects.toThrow(
        /none of its Sentinels can be asked/,
      );
      await expect(read(`redis+sentinel://127.0.0.1:${sentinel.port}/main`)).rejects.toThrow(/NOAUTH/);
      const wrong = `redis+sentinel://:no-${PASSWORD}@127.0.0.1:${sentinel.port}/main`;
      const message = await read(wrong).catch((error: Error) => error.message);
      expect(message).toMatch(/WRONGPASS/);
      expect(message).not.toContain(PASSWORD);
    });

    it('goes on with the new master when the old one dies', async () => {
      for (
        let tries = 0;
        !String(await sentinel.client.call('SENTINEL', 'replicas', 'main')).includes(String(replica.port));
        tries++
      ) {
        if (tries > 300) throw new Error('the Sentinel does not know the replica');
        await sleep(50);
      }
      expect(await read(`${url}/main`)).toBe(2);
      master.kill();
      await sleep(50);
      let length: number | undefined;
      for (let tries = 0; length === undefined; tries++) {
        // A number or an error, never one that is not got.
        length = await read(`${url}/main`).catch(() => undefined);
        if (tries > 300) throw new Error('no failover');
        await sleep(50);
      }
      expect(length).toBe(2);
      await replica.client.rpush('waiting', 'c');
      expect(await read(`${url}/main`)).toBe(3);
    }, 30_000);
  });

  describe('from a replica', () => {
    it('is a number as long as it follows its master, and missing data from then on', async () => {
      const master = await keep(startRedis());
      const replica = await keep(startRedis(`replicaof 127.0.0.1 ${master.port}`));
      const url = `redis://127.0.0.1:${replica.port}`;
      await master.client.rpush('waiting', 'a', 'b');
      await eventually(() => read(url).then((length) => length === 2));
      master.kill();
      await eventually(() => read(url).then(never, (error: Error) => /lost its master/.test(error.message)));
      expect(await replica.client.llen('waiting')).toBe(2);
      await replica.client.config('SET', 'replica-serve-stale-data', 'no');
      await expect(read(url)).rejects.toThrow('it is a replica that has lost its master (MASTERDOWN)');
    }, 30_000);

    it('of a user who may not ask whether it is one is what it answers', async () => {
      const { port, client } = await keep(startRedis());
      await client.call('ACL', 'SETUSER', 'reader', 'on', `>${PASSWORD}`, '~*', '+llen');
      await client.rpush('waiting', 'a');
      const url = `redis://reader:${PASSWORD}@127.0.0.1:${port}`;
      expect([await read(url), await read(url), await read(url)]).toEqual([1, 1, 1]);
      const refused = (await client.call('ACL', 'LOG')) as unknown[];
      expect(refused).toHaveLength(1);
      expect(JSON.stringify(refused)).toContain('"count",1');
      await client.call('ACL', 'SETUSER', 'reader', '-llen');
      await expect(read(url)).rejects.toThrow(/the user has not the right.*\(NOPERM\)$/);
    }, 20_000);
  });

  describe('from a Cluster', () => {
    const keys = Array.from({ length: 12 }, (_, n) => `queue-${n}`);
    let nodes: RedisStandIn[];
    let url: string;

    beforeAll(async () => {
      nodes = await keep(startCluster(3, PASSWORD));
      url = `redis+cluster://:${PASSWORD}@127.0.0.1:${nodes[0]!.port},127.0.0.1:${nodes[1]!.port}`;
      for (const [n, key] of keys.entries()) {
        const pushed = nodes.map(({ client }) =>
          client.rpush(key, ...Array<string>(n + 1).fill('x')).catch(() => 0),
        );
        expect((await Promise.all(pushed)).filter(Boolean)).toEqual([n + 1]);
      }
      await Promise.all(nodes.map(({ client }) => client.set('text', 'no list').catch(() => 0)));
    }, 40_000);

    const readAll = () =>
      metric.readMany(
        [...keys, 'text'].map((key) => ({ url, key })),
        context(),
      );

    it('counts lists of all its nodes in one go', async () => {
      expect(await readAll()).toEqual([
        ...keys.map((_, n) => ({ value: n + 1 })),
        { error: expect.stringMatching(/: it is not a list$/) },
      ]);
      expect(await read(url, 'absent')).toBe(0);
    });

    it('says that the password is wrong, without it', async () => {
      const wrong = url.replace(PASSWORD, `no-${PASSWORD}`);
      const message = await read(wrong).catch((error: Error) => error.message);
      expect(message).toMatch(
        /cannot read the list waiting from 127\.0\.0\.1:\d+,127\.0\.0\.1:\d+: (user or password is wrong|it asks for a password)/,
      );
      expect(message).not.toContain(PASSWORD);
      await expect(read('redis+cluster://127.0.0.1:1')).rejects.toThrow(/it can not be reached$/);
    });

    it('follows keys that have moved', async () => {
      const slot = Number(await nodes[0]!.client.cluster('KEYSLOT', 'queue-7'));
      const [from, to] =
        slot < 5461 ? [nodes[0]!, nodes[1]!] : slot < 10922 ? [nodes[1]!, nodes[2]!] : [nodes[2]!, nodes[0]!];
      const id = String(await to.client.cluster('MYID'));
      await to.client.call(
        'CLUSTER',
        'SETSLOT',
        slot,
        'IMPORTING',
        String(await from.client.cluster('MYID')),
      );
      await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', id);
      await from.client.call('MIGRATE', '127.0.0.1', to.port, 'queue-7', 0, 1000, 'AUTH', PASSWORD);
      for (const { client } of [to, from]) await client.call('CLUSTER', 'SETSLOT', slot, 'NODE', id);
      expect(await read(url, 'queue-7')).toBe(8);
    });

    it('that lost a node has the lists of the others', async () => {
      nodes[2]!.kill();
      const readings = await metric.readMany(
        keys.map((key) => ({ url, key })),
        context(3_000),
      );
      const values = readings.filter((reading) => 'value' in reading);
      expect(values.length).toBeGreaterThan(0);
      expect(values.length).toBeLessThan(keys.length);
      readings.forEach((reading, n) => {
        if ('value' in reading) expect(reading.value).toBe(n + 1);
        else expect(reading.error).toMatch(/^cannot read the list queue-/);
      });
    }, 10_000);
  });

  describe('by TLS', () => {
    let secure: RedisStandIn;
    let url: string;

    beforeAll(async () => {
      secure = await keep(startSecureRedis(GOOD));
      url = `rediss://127.0.0.1:${secure.port}`;
      await secure.client.rpush('waiting', 'a');
    }, 20_000);

    it('counts, where the certificate is good', async () => {
      expect(await read(url, 'waiting', { ca: GOOD.cert })).toBe(1);
      expect(await read(url, 'waiting', { rejectUnauthorized: false })).toBe(1);
      expect(await read(url.replace('rediss', 'redis'), 'waiting', { ca: GOOD.cert })).toBe(1);
    });

    it.each([
      ['none that is known', undefined],
      ['another than is trusted', { ca: OTHER.cert }],
      ['an expired one', { ca: EXPIRED.cert }],
    ])('refuses %s', async (_, tls) => {
      await expect(read(url, 'waiting', tls)).rejects.toThrow(/its certificate is self-signed/);
    });

    it('that is not spoken fails', async () => {
      await expect(read(url.replace('rediss', 'redis'))).rejects.toThrow(/^cannot read the list/);
    });
  });
});
