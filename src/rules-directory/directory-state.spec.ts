import { openTestDatabase } from '../../test/databases';
import type { Database } from '../database/database';
import { DirectoryStates, LeaseLost, type Applied } from './directory-state';

describe('the lease of the rules directory', () => {
  let database: Database;
  let end: () => Promise<void>;
  let one: DirectoryStates;
  let other: DirectoryStates;

  beforeAll(async () => ({ database, end } = await openTestDatabase()));
  afterAll(() => end());
  beforeEach(async () => {
    one = new DirectoryStates(database);
    other = new DirectoryStates(database);
    await database.rows('DELETE FROM rules_directory');
    await database.rows('INSERT INTO rules_directory DEFAULT VALUES');
  });

  const done = (hash: string): Applied => ({
    hash,
    files: 1,
    created: 1,
    updated: 0,
    pruned: { deleted: [], kept: [] },
  });
  const apply = (states: DirectoryStates, hash: string) =>
    database.transaction((sql) => states.applied(sql, done(hash), '/rules'));
  const isMine = async (states: DirectoryStates) => (await states.hold('/rules')).isMine;
  const expire = () => database.rows(`UPDATE rules_directory SET held_until = now() - interval '1 second'`);

  it('is held by one at a time, also when both ask at once', async () => {
    const both = await Promise.all([isMine(one), isMine(other)]);
    expect(both.filter((mine) => mine)).toHaveLength(1);
    expect([await isMine(one), await isMine(other)]).toEqual(both);
  });

  it('goes to another when its holder lets go, or gives no sign for long', async () => {
    expect(await isMine(one)).toBe(true);
    await other.release();
    expect(await isMine(other)).toBe(false);
    await one.release();
    expect(await isMine(other)).toBe(true);
    await expire();
    expect(await isMine(one)).toBe(true);
  });

  it('is asked for in the transaction that applies: who has lost it applies nothing', async () => {
    await one.hold('/rules');
    await expire();
    await expect(apply(one, 'a')).rejects.toThrow(LeaseLost);
    expect((await other.hold('/rules')).applied).toBeNull();
    await expect(apply(one, 'a')).rejects.toThrow(LeaseLost);
    await apply(other, 'b');
    expect((await other.hold('/rules')).applied).toBe('b');
  });

  it('says nothing was applied when the transaction is undone', async () => {
    await one.hold('/rules');
    const dies = database.transaction(async (sql) => {
      await one.applied(sql, done('a'), '/rules');
      throw new Error('killed');
    });
    await expect(dies).rejects.toThrow('killed');
    expect((await one.hold('/rules')).applied).toBeNull();
  });

  it('remembers what was replaced, newest first and no more than twenty, without what is applied now', async () => {
    await one.hold('/rules');
    for (const hash of ['a', 'b', 'a']) await apply(one, hash);
    expect((await one.hold('/rules')).superseded.map(({ hash }) => hash)).toEqual(['b']);
    for (let index = 0; index < 25; index++) await apply(one, `h${index}`);
    const { superseded } = await one.hold('/rules');
    expect(superseded.map(({ hash }) => hash)).toEqual(
      Array.from({ length: 20 }, (_, index) => `h${23 - index}`),
    );
    expect(superseded[0]!.agoMs).toBeGreaterThanOrEqual(0);
  });

  it('tells and audits the same mistakes once, and others again', async () => {
    await one.hold('/rules');
    const mistake = { file: 'a.yaml', line: 1, pointer: '/services/0', detail: 'is wrong' };
    const audited = async () =>
      (
        await database.rows(
          `SELECT outcome FROM audit WHERE object_type = 'rules_directory' AND outcome = 'failed'`,
        )
      ).length;
    expect(await one.mistaken('x', [mistake], '/rules')).toBe(true);
    expect(await one.mistaken('x', [mistake], '/rules')).toBe(false);
    expect(await one.mistaken('x', [{ ...mistake, line: 2 }], '/rules')).toBe(true);
    expect(await other.mistaken('y', [mistake], '/rules')).toBe(false);
    expect(await audited()).toBe(2);
    await one.calm('applied');
    expect(await one.hold('/rules')).toMatchObject({ failed: null, mistakes: [] });
  });
});
