import { randomBytes } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { Secrets } from '../common/secrets';
import { readConfig, type Config } from '../config/config';
import type { Database } from './database';
import { assertSameKey, fingerprintOf, SEALED_IN, WrongKey, type Ask } from './secret-key';

const [OLD, YOUNG, OTHER] = [randomBytes(32), randomBytes(32), randomBytes(32)];

describe('the key of stored secrets', () => {
  let database: Database;
  let end: () => Promise<void>;
  let ask: Ask;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    ask = (text, values) => database.rows(text, values) as Promise<never>;
  });
  afterAll(() => end());
  beforeEach(async () => {
    await database.rows('TRUNCATE secret_key');
    for (const table of Object.keys(SEALED_IN)) await database.rows(`DELETE FROM ${table}`);
  });

  const config = (given: Partial<Config>): Config => ({ ...readConfig({}), ...given });
  const start = (...[secretKey, secretKeyPrevious]: (Buffer | undefined)[]) =>
    assertSameKey(ask, config({ secretKey, secretKeyPrevious }));
  const noted = async () =>
    (await database.rows<{ fingerprint: string }>('SELECT fingerprint FROM secret_key')).map(
      ({ fingerprint }) => fingerprint,
    );

  /** A source with a secret of that key. */
  async function sealBy(key: Buffer, name = 'sealed'): Promise<void> {
    const sealing = new Secrets([key]) as unknown as { encrypt(key: Buffer, value: unknown): object };
    const params = JSON.stringify({ secret: sealing.encrypt(key, 'hunter2') });
    await database.rows(
      `INSERT INTO sources (id, name, format, params, token_hash, version, created_at, updated_at)
       VALUES (gen_random_uuid(), $1, 'grafana', $2, decode(md5(random()::text), 'hex'), 1, now(), now())`,
      [name, params],
    );
  }

  test('is noted at the first start, by what tells nothing about it', async () => {
    await start(OLD);
    expect(await noted()).toEqual([fingerprintOf(OLD)]);
    expect(fingerprintOf(OLD)).toMatch(/^[0-9a-f]{16}$/);
    expect(OLD.toString('hex')).not.toContain(fingerprintOf(OLD));
    await start(OLD);
    expect(await noted()).toEqual([fingerprintOf(OLD)]);
  });

  test('is noted once, of several that start at once; those with another are refused', async () => {
    const starts = [OLD, OTHER, OLD, YOUNG].map((key) => start(key));
    const ends = await Promise.allSettled(starts);
    const [first] = await noted();
    const keys = [OLD, OTHER, OLD, YOUNG];
    expect(ends.map(({ status }) => status)).toEqual(
      keys.map((key) => (fingerprintOf(key) === first ? 'fulfilled' : 'rejected')),
    );
    for (const one of ends) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(WrongKey);
  });

  test('is another: refused in a sentence that says whose is whose, and what to do', async () => {
    await start(OLD);
    await expect(start(OTHER)).rejects.toThrow(WrongKey);
    await expect(start(OTHER)).rejects.toThrow(
      new RegExp(`its fingerprint is ${fingerprintOf(OTHER)}, theirs is ${fingerprintOf(OLD)}\\. .*MONSCALE_SECRET_KEY_PREVIOUS.*rotate-key.*--lost`),
    );
    await expect(start(OTHER, YOUNG)).rejects.toThrow(WrongKey);
    // Nothing that is sealed is needed for that.
    expect(await noted()).toEqual([fingerprintOf(OLD)]);
  }); // prettier-ignore

  test('is another, or lost, where none was noted yet: told by what is stored', async () => {
    await sealBy(OLD);
    await expect(start(OTHER)).rejects.toThrow(/it opens none of them/);
    expect(await noted()).toEqual([]);
    await start(OLD);
    await expect(start()).rejects.toThrow(/MONSCALE_SECRET_KEY is not set, and stored secrets are encrypted/);
  });

  test('is lost, and nothing is stored under it: it goes on', async () => {
    await start(OLD);
    await start();
    await sealBy(OLD);
    await expect(start()).rejects.toThrow(WrongKey);
    // Who says what is due opens no secrets; who does anything else may.
    await assertSameKey(ask, config({ roles: ['scheduler'] }));
    for (const role of ['api', 'worker', 'trap'] as const)
      await expect(assertSameKey(ask, config({ roles: ['scheduler', role] }))).rejects.toThrow(WrongKey);
    await expect(assertSameKey(ask, config({ roles: ['scheduler'], secretKey: OTHER }))).rejects.toThrow(WrongKey);
  }); // prettier-ignore

  test('is being changed: old and new are accepted together, the new one alone is not yet', async () => {
    await start(OLD);
    await start(YOUNG, OLD);
    expect(await noted()).toEqual([fingerprintOf(OLD)]);
    await expect(start(YOUNG)).rejects.toThrow(WrongKey);
    await start(OLD);
  });

  test('is being changed where none was noted yet: the old one counts as long as anything is under it', async () => {
    await sealBy(OLD, 'one');
    await sealBy(YOUNG, 'two');
    await start(YOUNG, OLD);
    expect(await noted()).toEqual([fingerprintOf(OLD)]);
    await database.rows('TRUNCATE secret_key');
    await database.rows(`DELETE FROM sources WHERE name = 'one'`);
    await start(YOUNG, OLD);
    expect(await noted()).toEqual([fingerprintOf(YOUNG)]);
  });

  test.each(Object.entries(SEALED_IN))('is missed wherever secrets are stored: in %s', async (table, columns) => {
    for (const column of columns) {
      const asked: string[] = [];
      const stored: Ask = async (text) => {
        asked.push(text);
        return (text.includes('UNION') ? [{ params: [{ deep: { sealed: 'AAAA' } }] }] : []) as never;
      };
      await expect(assertSameKey(stored, config({ secretKey: OTHER }))).rejects.toThrow(WrongKey);
      expect(asked.find((text) => text.includes('UNION'))).toContain(`SELECT ${column} AS params FROM ${table} `);
    }
  }); // prettier-ignore
});
