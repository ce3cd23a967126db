import { openTestDatabase } from '../../test/databases';
import type { Database } from './database';
import { isDead, SignOfLife } from './sign-of-life';

describe('signs of life', () => {
  let database: Database;
  let end: () => Promise<void>;
  let skippedMs = 0;
  let system = 0;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    const [monotonic, now] = [performance.now.bind(performance), Date.now];
    jest.spyOn(performance, 'now').mockImplementation(() => monotonic() + skippedMs);
    jest.spyOn(Date, 'now').mockImplementation(() => now() + skippedMs + system);
  });
  beforeEach(() => ([skippedMs, system] = [0, 0]));
  afterAll(async () => {
    jest.restoreAllMocks();
    await end();
  });

  const isTakenForDead = async (id: string): Promise<boolean> =>
    (await database.rows<{ dead: boolean }>(`SELECT ${isDead('$1::uuid')} AS dead`, [id]))[0]!.dead;
  const age = (id: string, seconds: number) =>
    database.rows('UPDATE workers SET seen_at = now() - make_interval(secs => $2) WHERE id = $1', [
      id,
      seconds,
    ]);

  test('one that gives a sign lives until it is older than seven seconds; one that never gave any is not judged', async () => {
    const life = new SignOfLife(database);
    expect(life.isGood).toBe(false);
    expect(await isTakenForDead(life.worker)).toBe(false);
    await life.good();
    expect([life.isGood, await isTakenForDead(life.worker)]).toEqual([true, false]);
    await age(life.worker, 6);
    expect(await isTakenForDead(life.worker)).toBe(false);
    await age(life.worker, 8);
    expect(await isTakenForDead(life.worker)).toBe(true);
  });

  test('a process that slept knows it before others may have taken it for dead, and lives again with its next sign', async () => {
    const life = new SignOfLife(database);
    await life.good();
    skippedMs += 4_900;
    expect(life.isGood).toBe(true);
    skippedMs += 200;
    expect(life.isGood).toBe(false);
    await age(life.worker, 8);
    await life.good();
    expect([life.isGood, await isTakenForDead(life.worker)]).toEqual([true, false]);
  });

  test.each([
    ['a machine that slept: its monotonic clock stood still', 6_000, false],
    ['its clock was set back by an hour', -3_600_000, true],
    ['its clock was set ahead by a second', 1_000, true],
  ])('%s', async (_, ms, isGood) => {
    const life = new SignOfLife(database);
    await life.good();
    system += ms;
    expect(life.isGood).toBe(isGood);
  });

  test('nobody judges before those that live can have given a sign', async () => {
    const life = new SignOfLife(database);
    const pass = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second += 4) {
        skippedMs += 4_000;
        // As its rounds do.
        await life['give'].run();
      }
    };
    await life.good();
    expect(life.canJudge).toBe(false);
    await pass(4);
    expect(life.canJudge).toBe(true);
    // PostgreSQL was away for a minute: all signs are old.
    skippedMs += 60_000;
    expect(life.canJudge).toBe(false);
    await life.good();
    await pass(4);
    expect(life.canJudge).toBe(false);
    await pass(8);
    expect(life.canJudge).toBe(true);
  });

  test('a sign costs no index entry: its row stays on its page', async () => {
    const life = new SignOfLife(database);
    await life.good();
    for (let times = 0; times < 20; times++) await life['give'].run();
    await database.rows('SELECT pg_stat_force_next_flush()');
    const indexes = await database.rows(`SELECT indexname FROM pg_indexes WHERE tablename = 'workers'`);
    expect(indexes).toHaveLength(1);
    const [{ columns }] = (await database.rows(
      `SELECT array_agg(attname::text) AS columns FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
       WHERE i.indrelid = 'workers'::regclass`,
    )) as [{ columns: string[] }];
    expect(columns).toEqual(['id']);
  });
});
