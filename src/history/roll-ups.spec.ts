import { openTestDatabase } from '../../test/databases';
import { readConfig } from '../config/config';
import { telemetry } from '../common/telemetry';
import { Database } from '../database/database';
import type { Sql } from '../database/sql-pool';
import { Partitions } from './partitions';
import { POINT_FUNCTIONS, Points, type PointFunction, type Wanted } from './points';
import { Retention } from './retention';
import { RollUps } from './roll-ups';
import { SampleWriter } from './sample-writer';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const START = Date.parse('2024-05-01T00:00:00Z');
const SERIES = 4_203;
/** Of the same row. */
const NEIGHBOUR = 4_200;

describe('roll-ups', () => {
  let database: Database;
  let end: () => Promise<void>;
  let points: Points;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    points = new Points(database);
  });
  afterAll(() => end());
  afterEach(() => jest.restoreAllMocks());
  beforeEach(async () => {
    for (const [table, days] of [
      ['samples', 1],
      ['samples_5m', 7],
      ['samples_1h', 30],
    ] as const)
      await new Partitions(database, table, days).drop(new Date('2100-01-01'));
    await database.rows(
      `UPDATE roll_ups SET done_until = '-infinity', begun_until = NULL, after_group = NULL`,
    );
  });

  const rollUpAt = (now: number, env = {}) =>
    new RollUps(database, readConfig(env), { now: () => new Date(now) }).round();

  /** A reading each so many seconds, some of them missing; times and numbers without a pattern a sum could hide. */
  async function record(from: number, to: number, everyMs: number): Promise<void> {
    const samples = [];
    for (let at = from; at < to; at += everyMs) {
      const n = Math.round((at - START) / everyMs);
      samples.push({ series: NEIGHBOUR, at: new Date(at), value: n });
      if (n % 7 !== 3) samples.push({ series: SERIES, at: new Date(at), value: ((n * 7_919) % 1_009) / 8 });
    }
    expect(await new SampleWriter(database).write(samples)).toBe(true);
  }

  const ask = (from: number, to: number, stepSeconds: number, name: PointFunction = 'avg') =>
    points.of({ series: SERIES, from: new Date(from), to: new Date(to), stepSeconds, function: name });
  const doneUntil = async () =>
    (await database.rows<{ done_until: Date }>('SELECT done_until FROM roll_ups ORDER BY step_seconds')).map(
      ({ done_until }) => new Date(done_until).toISOString(),
    );
  const rolledUp = (table = 'samples_5m') => database.rows(`SELECT * FROM ${table} ORDER BY at`);

  test('points made of them are those of the readings, to the last open step, wherever one looks from', async () => {
    await record(START, START + 5 * HOUR_MS, 20_000);
    const spans = [
      [START, START + 5 * HOUR_MS],
      [START + 7_000, START + 5 * HOUR_MS - 1],
      [START + 61 * MINUTE_MS + 1, START + 185 * MINUTE_MS],
      [START + 2 * HOUR_MS, START + 3 * HOUR_MS],
      [START + 61 * MINUTE_MS, START + 62 * MINUTE_MS],
      [START + 59 * MINUTE_MS, START + 66 * MINUTE_MS],
      [START + 4 * HOUR_MS, START + 9 * HOUR_MS],
    ] as const;
    const all = async () => {
      const answers = [];
      for (const [from, to] of spans)
        for (const step of [300, 600, 3_600, 7_200])
          for (const name of POINT_FUNCTIONS)
            answers.push({ from, step, name, of: await ask(from, to, step, name) });
      return answers;
    };
    const ofReadings = await all();
    await rollUpAt(START + 4.5 * HOUR_MS);
    expect(await doneUntil()).toEqual(['2024-05-01T04:20:00.000Z', '2024-05-01T04:00:00.000Z']);
    const rolled = await all();
    rolled.forEach(({ of, ...asked }, index) => {
      const expected = ofReadings[index]!.of;
      expect({ ...asked, of: of.map(([at]) => at) }).toEqual({ ...asked, of: expected.map(([at]) => at) });
      of.forEach(([, value], n) => expect(value).toBeCloseTo(expected[n]![1], 9));
    });
  });

  test('a step is made when nobody writes into it any more: what is late within the grace is in it', async () => {
    await record(START, START + 5 * MINUTE_MS, 60_000);
    await rollUpAt(START + 14 * MINUTE_MS);
    expect(await rolledUp()).toEqual([]);
    await new SampleWriter(database).write([{ series: SERIES, at: new Date(START + 1), value: 1_000 }]);
    await rollUpAt(START + 15 * MINUTE_MS);
    expect(await ask(START, START + 5 * MINUTE_MS - 1, 300, 'max')).toEqual([
      ['2024-05-01T00:00:00.000Z', 1_000],
    ]);
    expect(await rolledUp()).toHaveLength(1);
  });

  test('after days without a scheduler all of it is made, in turn; made again it is the same', async () => {
    await record(START, START + 3 * DAY_MS, 30 * MINUTE_MS);
    await rollUpAt(START + 10 * DAY_MS);
    const [fine, coarse] = [await rolledUp(), await rolledUp('samples_1h')];
    expect([fine.length, coarse.length]).toEqual([144, 72]);
    await database.rows(`UPDATE roll_ups SET done_until = '2024-05-01T00:00:00Z'`);
    await rollUpAt(START + 10 * DAY_MS);
    expect([await rolledUp(), await rolledUp('samples_1h')]).toEqual([fine, coarse]);
  });

  test('what is closed before the first sample came is not searched later', async () => {
    const installed = START + 5 * HOUR_MS;
    await rollUpAt(installed);
    expect(await doneUntil()).toEqual(
      [10 * MINUTE_MS, HOUR_MS].map((ms) => new Date(installed - ms).toISOString()),
    );
    await record(installed, installed + 20 * MINUTE_MS, 20_000);
    await rollUpAt(installed + 30 * MINUTE_MS);
    const [first] = await rolledUp();
    expect(first!.at).toEqual(new Date(installed));
    expect(await rolledUp()).toHaveLength(4);
  });

  test('four schedulers at once do it once', async () => {
    await record(START, START + DAY_MS, 10 * MINUTE_MS);
    await Promise.all([1, 2, 3, 4].map(() => rollUpAt(START + 2 * DAY_MS)));
    await rollUpAt(START + 2 * DAY_MS);
    const counts = await ask(START, START + DAY_MS, 86_400, 'count');
    expect(counts[0]).toEqual(['2024-05-01T00:00:00.000Z', 144 - Math.ceil((144 - 3) / 7)]);
    expect(await rolledUp('samples_1h')).toHaveLength(24);
  });

  test('a clock that is set back, or far ahead, makes nothing of what is open', async () => {
    const now = Date.now();
    await record(now - HOUR_MS, now, 60_000);
    await rollUpAt(now + DAY_MS);
    const done = Date.parse((await doneUntil())[0]!);
    expect(done).toBeLessThanOrEqual(Date.now() - 10 * MINUTE_MS);
    await rollUpAt(now - 30 * MINUTE_MS);
    expect(Date.parse((await doneUntil())[0]!)).toBe(done);
  });

  test('many groups take few statements, and what was left half done is gone on with', async () => {
    await new Partitions(database, 'samples', 1).prepare(new Date(START), 0);
    await database.rows(
      `INSERT INTO samples SELECT g, $1::timestamptz + make_interval(secs => s), ARRAY[g, s]::float8[]
       FROM generate_series(1, 3000) g, generate_series(0, 280, 20) s`,
      [new Date(START)],
    );
    const now = START + 15 * MINUTE_MS;
    const rollUps = () => new RollUps(database, readConfig({}), { now: () => new Date(now) });
    let pieces = 0;
    const transaction = database.transaction.bind(database);
    const counted = jest.spyOn(database, 'transaction').mockImplementation((work) => {
      if (++pieces > 5) throw new Error('the process ends here');
      return transaction(work);
    });
    await expect(rollUps().round()).rejects.toThrow('the process ends here');
    const made = (await rolledUp()).length;
    expect(made).toBeGreaterThan(0);
    expect(made).toBeLessThan(3_000);
    expect(await database.rows('SELECT FROM roll_ups WHERE begun_until IS NOT NULL')).toHaveLength(1);
    pieces = -1_000;
    await rollUps().round();
    expect(pieces).toBeLessThan(-1_000 + 100);
    counted.mockRestore();
    expect((await doneUntil())[0]).toBe('2024-05-01T00:05:00.000Z');
    const steps = await database.rows<{ group_id: number; numbers: number[][] }>(
      'SELECT group_id, numbers FROM samples_5m ORDER BY group_id',
    );
    expect(steps).toHaveLength(3_000);
    expect(steps[1_999]).toEqual({
      group_id: 2_000,
      numbers: [
        [15, 30_000, 2_000, 2_000, 2_000],
        [15, 2_100, 0, 280, 280],
      ],
    });
  });

  test('how far they are behind is a metric', async () => {
    await record(START, START + HOUR_MS, 60_000);
    const lag = async () =>
      (await telemetry.rollUpLag.get()).values.find(({ labels }) => labels.step === '300')!.value;
    await database.rows('UPDATE roll_ups SET done_until = $1', [new Date(START)]);
    const failing = jest.spyOn(database, 'transaction').mockImplementationOnce((work) =>
      Database.prototype.transaction.call(database, async (sql: Sql) => {
        await work(sql);
        throw new Error('PostgreSQL is away');
      }),
    );
    await expect(rollUpAt(START + HOUR_MS + 10 * MINUTE_MS)).rejects.toThrow('away');
    expect(await lag()).toBe(3_600);
    failing.mockRestore();
    await rollUpAt(START + HOUR_MS + 10 * MINUTE_MS);
    expect(await lag()).toBe(0);
  });

  test('switched off none is made', async () => {
    await record(START, START + HOUR_MS, 60_000);
    await rollUpAt(START + DAY_MS, { MONSCALE_ROLL_UPS: 'off' });
    expect(await rolledUp()).toEqual([]);
  });

  describe('when the readings are gone', () => {
    const now = START + 20 * DAY_MS;
    const wanted = (rest: Partial<Wanted>): Wanted => ({
      series: SERIES,
      from: new Date(START),
      to: new Date(now),
      function: 'avg',
      ...rest,
    });
    const retain = (at = now) => new Retention(database, readConfig({}), { now: () => new Date(at) }).round();

    test('months are told by what was made of them, and what needs readings says since when there are some', async () => {
      await record(START, START + 2 * HOUR_MS, 60_000);
      await record(now - 2 * HOUR_MS, now - HOUR_MS, 60_000);
      await rollUpAt(now);
      const before = await points.of(wanted({ stepSeconds: 3_600 }));
      await retain();
      expect(await database.rows(`SELECT FROM samples WHERE at < '2024-05-02'`)).toEqual([]);
      expect(await points.of(wanted({ stepSeconds: 3_600 }))).toEqual(before);

      const since = {
        message: expect.any(String),
        errors: [
          {
            pointer: '/from',
            detail: expect.stringMatching(
              /^readings are kept since 2024-05-\d\dT00:00:00.000Z; of the time before there are avg, min, max, sum, count, last by steps of a multiple of 300 s$/,
            ),
          },
        ],
      };
      for (const needs of [{}, { stepSeconds: 3_600, function: 'p95' as const }, { stepSeconds: 60 }])
        await expect(points.of(wanted(needs))).rejects.toMatchObject({ errors: since.errors });
      expect(await points.of(wanted({ from: new Date(now - DAY_MS) }))).not.toEqual([]);
      // Of a series that is younger nothing is missing.
      expect(await points.of(wanted({ series: 9_900 }))).toEqual([]);
    });

    test('readings wait to be rolled up before they go, two days at most', async () => {
      await record(START, START + HOUR_MS, 60_000);
      const kept = async () => (await database.rows('SELECT FROM samples')).length > 0;
      await retain(START + 16 * DAY_MS);
      expect(await kept()).toBe(true);
      await retain(START + 18 * DAY_MS);
      expect(await kept()).toBe(false);
    });
  });
});

describe('points', () => {
  let database: Database;
  let end: () => Promise<void>;
  let points: Points;
  const dense = 100;
  const sparse = 200;
  const from = new Date(START);

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    points = new Points(database);
    await new Partitions(database, 'samples', 1).prepare(from, 9);
    await database.rows(
      `INSERT INTO samples SELECT 1, at, '{1}'::float8[] FROM generate_series($1::timestamptz, $1::timestamptz + interval '3 days', '10 s') at
       UNION ALL SELECT 2, at, '{1}'::float8[] FROM generate_series($1::timestamptz, $1::timestamptz + interval '9 days', '1 hour') at`,
      [from],
    );
    await database.rows('ANALYZE samples');
  });
  afterAll(() => end());

  const to = new Date(START + 9 * DAY_MS);
  const refusal = {
    errors: [
      { pointer: '/stepSeconds', detail: 'more than 11000 points; ask for a shorter time or a longer step' },
    ],
  };

  test('more than 11,000 are refused, readings as steps', async () => {
    await expect(points.of({ series: dense, from, to, function: 'avg' })).rejects.toMatchObject(refusal);
    await expect(
      points.of({ series: dense, from, to, stepSeconds: 20, function: 'p95' }),
    ).rejects.toMatchObject(refusal);
  });

  test('a short step over a long time is answered where there is little to tell', async () => {
    const answer = await points.of({ series: sparse, from, to, stepSeconds: 1, function: 'avg' });
    expect(answer).toHaveLength(9 * 24 + 1);
    const exactly = { series: dense, from, to: new Date(START + 109_999_000), function: 'avg' } as const;
    expect(await points.of({ ...exactly, stepSeconds: 10 })).toHaveLength(11_000);
  });

  test('a question that takes too long is given up by PostgreSQL itself', async () => {
    const slow = {
      transaction: (work: (sql: object) => Promise<unknown>) =>
        database.transaction((sql) =>
          work({
            rows: (text: string, values: unknown[]) =>
              text.startsWith('SET')
                ? sql.rows('SET LOCAL statement_timeout = 100')
                : sql.rows(
                    text.includes('LIMIT 11001') ? 'SELECT pg_sleep(5)' : text,
                    text.includes('LIMIT 11001') ? [] : values,
                  ),
          }),
        ),
      rows: database.rows.bind(database),
    } as unknown as Database;
    await expect(new Points(slow).of({ series: dense, from, to, function: 'avg' })).rejects.toMatchObject({
      errors: [{ pointer: '/from', detail: 'takes more than 8 s to answer; ask for a shorter time' }],
    });
  });
});
