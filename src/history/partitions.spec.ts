import { openTestDatabase } from '../../test/databases';
import { readConfig } from '../config/config';
import type { Database } from '../database/database';
import { Partitions } from './partitions';
import { Retention } from './retention';

const DAY_MS = 86_400_000;
const clockAt = (moment: Date) => ({ now: () => moment });

describe('partitions', () => {
  let database: Database;
  let end: () => Promise<void>;
  let days: Partitions;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    days = new Partitions(database, 'samples', 1);
  });
  afterAll(() => end());
  beforeEach(() => days.drop(new Date('2100-01-01')));

  const names = async (table = 'samples') =>
    (
      await database.rows<{ name: string }>(
        'SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass ORDER BY 1',
        [table],
      )
    ).map(({ name }) => name);
  const write = (at: string) =>
    database.rows(`INSERT INTO samples VALUES (1, $1, '{1}') ON CONFLICT DO NOTHING`, [new Date(at)]);

  test.each([
    ['the end of a month', '2023-12-31T23:59:59Z', ['20231231', '20240101', '20240102', '20240103']],
    ['a leap day', '2024-02-28T00:00:00Z', ['20240228', '20240229', '20240301', '20240302']],
    ['a day of 23 hours in Europe', '2024-03-30T22:59:59Z', ['20240330', '20240331', '20240401', '20240402']],
    [
      'a day of 25 hours in America',
      '2024-11-02T12:00:00Z',
      ['20241102', '20241103', '20241104', '20241105'],
    ],
  ])('%s has one for each day of UTC, without a gap', async (_, now, expected) => {
    // Whatever zone the sessions are in.
    await database.rows(`SET TIME ZONE 'America/New_York'`);
    await days.prepare(new Date(now));
    expect(await names()).toEqual(expected.map((day) => `samples_${day}`));
    for (let hour = 0; hour < 72; hour++)
      await write(new Date(Date.parse(now) + hour * 3_600_000).toISOString());
    await database.rows('RESET TIME ZONE');
  });

  test('eight processes at once make each of them once', async () => {
    const processes = Array.from({ length: 8 }, () => new Partitions(database, 'samples', 1));
    await Promise.all(processes.map((one) => one.prepare(new Date('2024-05-01T12:00:00Z'), 5)));
    expect(await names()).toHaveLength(6);
  });

  test('a clock that is set back finds its days again, and drops none that is to come', async () => {
    await days.prepare(new Date('2024-05-10T00:00:00Z'));
    await days.prepare(new Date('2024-05-08T00:00:00Z'));
    expect(await days.drop(new Date('2024-05-01T00:00:00Z'))).toEqual({ dropped: [], busy: [] });
    expect(await names()).toHaveLength(6);
    expect(await days.oldest()).toEqual(new Date('2024-05-08T00:00:00Z'));
  });

  test('a clock that is far ahead drops nothing that PostgreSQL would keep', async () => {
    const now = new Date();
    await days.prepare(now, 0);
    const ahead = new Date(now.getTime() + 400 * DAY_MS);
    await new Retention(database, readConfig({}), clockAt(ahead)).round();
    expect(await names()).toContain(`samples_${now.toISOString().slice(0, 10).replaceAll('-', '')}`);
  });

  test('those that end by then are dropped, and whoever writes or makes one meanwhile is not held up', async () => {
    await days.prepare(new Date('2024-05-01T12:00:00Z'), 4);
    await Promise.all([
      days.drop(new Date('2024-05-03T12:00:00Z')),
      days.prepare(new Date('2024-05-06T12:00:00Z')),
      ...Array.from({ length: 50 }, () => write('2024-05-04T00:00:00Z')),
    ]);
    expect(await names()).toEqual(
      ['20240503', '20240504', '20240505', '20240506', '20240507', '20240508', '20240509'].map(
        (day) => `samples_${day}`,
      ),
    );
  });

  test('one that is read for long is left for later, and nobody waits for it', async () => {
    await days.prepare(new Date('2024-05-01T12:00:00Z'), 1);
    let finish!: () => void;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    let reading!: Promise<void>;
    await new Promise<void>((begun) => {
      reading = database.transaction(async (sql) => {
        await sql.rows(`SELECT FROM samples WHERE at < '2024-05-02T00:00:00Z'`);
        begun();
        await finished;
      });
    });
    const began = performance.now();
    expect(await days.drop(new Date('2024-05-02T00:00:00Z'))).toEqual({
      dropped: [],
      busy: ['samples_20240501'],
    });
    // Not until the reader has finished, which it does below.
    expect(performance.now() - began).toBeLessThan(15_000);
    // A new one beside it waits for no reader either.
    await days.prepare(new Date('2024-05-04T00:00:00Z'), 0);
    finish();
    await reading;
    expect((await days.drop(new Date('2024-05-02T00:00:00Z'))).dropped).toEqual(['samples_20240501']);
  });

  test('longer ones begin at multiples of their days, whenever they are made', async () => {
    const weeks = new Partitions(database, 'samples_5m', 7);
    await weeks.ensure(
      ['2024-05-01', '2024-05-02', '2024-05-07', '2024-05-09'].map((day) => Date.parse(day)),
    );
    expect(await names('samples_5m')).toEqual([
      'samples_5m_20240425',
      'samples_5m_20240502',
      'samples_5m_20240509',
    ]);
  });
});
