import { randomUUID } from 'node:crypto';
import { openTestDatabase } from '../../test/databases';
import { ManualClock } from '../common/clock';
import type { Database } from '../database/database';
import { Unpolled } from './unpolled';

const NOBODY = undefined as never;

describe('polls of the future', () => {
  let database: Database;
  let end: () => Promise<void>;
  let unpolled: Unpolled;
  const range = { intervalSeconds: 2, fromSlot: 0, toSlot: 100 };

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    unpolled = new Unpolled(database, NOBODY, NOBODY, NOBODY, NOBODY, new ManualClock(new Date()));
    await database.rows(
      `INSERT INTO services (id, name, description, labels, enabled, interval_seconds, slot, polled, metrics, series, condition, hold_seconds,
         wisdom_seconds, repeat, missing_data, policy, action_ids, mode, approval_ttl_seconds, version, created_at, updated_at)
       VALUES ($1, 'polled', '', '{}', true, 2, 50, true, '{}', '{}', 'true', 0, 0, true, 'hold', '{}', '{}', 'auto', 60, 1,
         now() - interval '1 day', now() - interval '1 day')`,
      [randomUUID()],
    );
  });
  beforeEach(() => database.rows('DELETE FROM polled_ranges'));
  afterAll(() => end());

  const poll = (when: string) =>
    database.rows(`INSERT INTO polled_ranges VALUES (2, 0, 100, now() + interval '${when}')`);

  test.each([
    ['-1 second', 0],
    ['-7 seconds', 1],
    ['3 seconds', 1],
    ['1 hour', 1],
  ])('polled %s from now: %i services are not known to be looked at', async (when, late) => {
    await poll(when);
    expect(await unpolled.count()).toBe(late);
  });

  test('the next poll counts, whatever was said of one to come', async () => {
    await poll('1 hour');
    await unpolled.polled(range, new Date());
    const [{ ago }] = (await database.rows(
      'SELECT extract(epoch FROM now() - polled_at)::float8 AS ago FROM polled_ranges',
    )) as [{ ago: number }];
    expect(ago).toBeGreaterThanOrEqual(0);
    expect(await unpolled.count()).toBe(0);
  });

  test('a service that was changed in the future is no excuse', async () => {
    await poll('-1 hour');
    await database.rows(`UPDATE services SET updated_at = now() + interval '1 hour'`);
    expect(await unpolled.count()).toBe(1);
  });
});
