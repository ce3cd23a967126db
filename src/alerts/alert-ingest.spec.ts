/** The order of reports, through PostgreSQL. */
import fc from 'fast-check';
import { openTestDatabase } from '../../test/databases';
import { newId } from '../common/ids';
import type { Database } from '../database/database';
import type { StatementName } from '../database/sql-pool';
import type { Queues } from '../queue/queues';
import type { IncomingAlert } from './alert';
import { LocalAlertDispatch } from './local-alert-dispatch';
import { AlertIngest } from './alert-ingest';
import type { SourceActivity } from './source-activity';
import { Subscriptions } from './subscriptions';

const SOURCE = { name: 'sender', format: 'native' };

describe('reports of one alert', () => {
  let database: Database;
  let end: () => Promise<void>;
  /** As of two processes. */
  let intakes: AlertIngest[];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    // Redis only carries: what is kept is the same without it.
    const queues = { addAlerts: () => Promise.resolve(true), addServices: () => Promise.resolve(true) };
    const activity = { count: () => undefined };
    intakes = [0, 1].map(
      () =>
        new AlertIngest(
          database,
          queues as unknown as Queues,
          activity as unknown as SourceActivity,
          new Subscriptions(database),
          new LocalAlertDispatch(),
          { now: () => new Date() },
        ),
    );
  });
  afterAll(() => end());

  const report = (dedupKey: string, [secondsAgo, isFiring]: Told): IncomingAlert => {
    const saidAt = new Date(Date.now() - secondsAgo * 1000);
    saidAt.setMilliseconds(0);
    return {
      dedupKey,
      status: isFiring ? 'firing' : 'resolved',
      value: secondsAgo,
      labels: { alertname: 'WebDown' },
      annotations: {},
      at: saidAt,
      saidAt,
    };
  };
  type Told = readonly [secondsAgo: number, isFiring: boolean];

  const current = (dedupKey: string) =>
    database.rows(
      'SELECT status, value, labels, reported_at AS "reportedAt" FROM alerts WHERE dedup_key = $1 AND is_current',
      [dedupKey],
    );

  const told = fc.uniqueArray(
    fc.tuple(
      fc.integer({ min: 1, max: 4 }).map((n) => n * 600),
      fc.boolean(),
    ),
    {
      minLength: 2,
      maxLength: 8,
      selector: String,
    },
  );
  const orders = told.chain((reports) => {
    const twice = [...reports, ...reports];
    return fc.tuple(
      fc.constant(reports),
      fc.shuffledSubarray(twice, { minLength: twice.length }),
      fc.integer({ min: 1, max: 5 }),
    );
  });

  test.each(['one after the other', 'at once'] as const)(
    '%s come to the same end, in whatever requests',
    async (how) => {
      await fc.assert(
        fc.asyncProperty(orders, async ([reports, order, size]) => {
          const [key, other] = [newId(), newId()];
          // The last to be said is what is to be left.
          const [secondsAgo, isFiring] = [...reports].sort(
            ([a, f], [b, g]) => a - b || Number(f) - Number(g),
          )[0]!;
          const requests: IncomingAlert[][] = [];
          for (let from = 0; from < order.length; from += size)
            requests.push(order.slice(from, from + size).map((one) => report(key, one)));
          const send = (alerts: IncomingAlert[], index: number) => intakes[index % 2]!.accept(SOURCE, alerts);
          if (how === 'at once') await Promise.all(requests.map(send));
          else for (const [index, alerts] of requests.entries()) await send(alerts, index);
          await intakes[0]!.accept(SOURCE, [report(other, [secondsAgo, isFiring])]);
          expect(await current(key)).toMatchObject([
            { status: isFiring ? 'firing' : 'resolved', value: secondsAgo, labels: { alertname: 'WebDown' } },
          ]);
        }),
        { numRuns: 25, seed: 20_261_122 },
      );
    },
  );

  test('one that is overtaken is accepted as the alert that overtook it, and told apart', async () => {
    const key = newId();
    const [kept] = await intakes[0]!.accept(SOURCE, [report(key, [20, true])]);
    expect(await intakes[1]!.accept(SOURCE, [report(key, [600, false])])).toEqual([
      { ...kept, isOvertaken: true },
    ]);
    expect(await intakes[1]!.accept(SOURCE, [report(key, [10, false]), report(key, [600, true])])).toEqual([
      kept,
      { ...kept, isOvertaken: true },
    ]);
  });

  test('an alert of before there were such times counts from its beginning', async () => {
    const key = newId();
    await intakes[0]!.accept(SOURCE, [report(key, [60, true])]);
    await database.rows('UPDATE alerts SET reported_at = NULL WHERE dedup_key = $1', [key]);
    await intakes[0]!.accept(SOURCE, [report(key, [600, false])]);
    expect(await current(key)).toMatchObject([{ status: 'firing' }]);
    await intakes[0]!.accept(SOURCE, [report(key, [30, false])]);
    expect(await current(key)).toMatchObject([{ status: 'resolved' }]);
  });

  describe('many in one request', () => {
    const MANY = 6_000;
    const moment = (seconds: number) => new Date(Date.UTC(2099, 0, 1) + seconds * 1000);
    const several = (run: string, begin: number, text = ''): IncomingAlert[] =>
      Array.from({ length: MANY }, (_, index) => ({
        dedupKey: `${run}-${(index * 7_919) % MANY}`,
        status: 'firing',
        labels: { alertname: 'WebDown', host: `web-${index}` },
        annotations: { text },
        endsAt: moment(begin + ((index * 7_919) % MANY) * 2),
      }));
    const kept = (run: string) =>
      database.rows<{ key: number; ends: Date; seen: Date }>(
        `SELECT split_part(dedup_key, '-', 2)::int AS key, ends_at AS ends, last_seen_at AS seen
         FROM alerts WHERE dedup_key LIKE $1 AND is_current ORDER BY 1`,
        [`${run}-%`],
      );

    test('seen again by a few statements, each alert ends when its own report says', async () => {
      const run = newId().replaceAll('-', '');
      await intakes[0]!.accept(SOURCE, several(run, 0));
      const before = await kept(run);
      const statements = jest.spyOn(database.keyed, 'rows');
      const transactions = jest.spyOn(database, 'transaction');
      // Later by more than a second: all of them are written.
      const accepted = await intakes[0]!.accept(SOURCE, several(run, 10));
      expect(accepted).toHaveLength(MANY);
      expect(transactions).not.toHaveBeenCalled();
      // A sample to see whether they are new, and 2,500 alerts each.
      expect(statements.mock.calls.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(MANY / 2_500));
      jest.restoreAllMocks();
      const after = await kept(run);
      expect(after.map(({ key }) => key)).toEqual(Array.from({ length: MANY }, (_, index) => index));
      expect(after.every(({ key, ends }) => ends.getTime() === moment(10 + key * 2).getTime())).toBe(true);
      expect(after.every(({ seen }, index) => seen > before[index]!.seen)).toBe(true);
    });

    test('those that changed, and are new, among those that did not', async () => {
      const run = newId().replaceAll('-', '');
      const first = several(run, 0).slice(0, MANY / 2);
      await intakes[0]!.accept(SOURCE, first);
      const mixed = several(run, 10).map((alert, index) =>
        index % 3 === 0 ? { ...alert, annotations: { text: 'other' } } : alert,
      );
      const accepted = await intakes[1]!.accept(SOURCE, mixed);
      expect(accepted.map(({ dedupKey }) => dedupKey)).toEqual(mixed.map(({ dedupKey }) => dedupKey));
      expect(
        (await kept(run)).every(({ key, ends }) => ends.getTime() === moment(10 + key * 2).getTime()),
      ).toBe(true);
    });
  });
});

/** How PostgreSQL means to run statements whose batches may be of any size, whatever it knows of the tables. */
describe('plans of batches', () => {
  test.each(['empty', 'of a few rows', 'of thousands'])(
    'where tables are %s nothing is compared each with each',
    async (size) => {
      const { database, end } = await openTestDatabase();
      try {
        const count = { empty: 0, 'of a few rows': 3, 'of thousands': 20_000 }[size]!;
        await database.rows(
          `INSERT INTO alerts (id, source, format, dedup_key, status, labels, annotations, at, received_at, last_seen_at, is_current,
           revision, content, processed)
         SELECT gen_random_uuid(), 's', 'native', n::text, 'firing', '{}', '{}', now(), now(), now(), true, 1, '', 1
         FROM generate_series(1, $1::int) n`,
          [count],
        );
        await database.rows('VACUUM ANALYZE alerts');
        const texts: string[] = [];
        const ingest = new AlertIngest(
          {
            keyed: {
              rows: (text: string, values: unknown[], name: StatementName) => {
                texts.push(text);
                return database.keyed.rows(text, values, name);
              },
            },
            rows: database.rows.bind(database),
            transaction: database.transaction.bind(database),
            copying: database.copying.bind(database),
          } as unknown as Database,
          {
            addAlerts: () => Promise.resolve(true),
            addServices: () => Promise.resolve(true),
          } as unknown as Queues,
          { count: () => undefined } as unknown as SourceActivity,
          new Subscriptions(database),
          new LocalAlertDispatch(),
          { now: () => new Date() },
        );
        const alert: IncomingAlert = {
          dedupKey: 'a',
          status: 'firing',
          labels: { a: 'b' },
          annotations: {},
          endsAt: new Date('2099-01-01'),
        };
        await ingest.accept(SOURCE, [alert]);
        await ingest.accept(SOURCE, [{ ...alert, endsAt: new Date('2099-01-02') }]);
        const seen = texts.find((text) => text.includes('WITH seen'))!;
        const plan = await database.keyed.rows<{ 'QUERY PLAN': string }>(`EXPLAIN (GENERIC_PLAN) ${seen}`);
        const lines = plan.map((row) => row['QUERY PLAN']);
        const written = lines.slice(lines.findIndex((line) => line.includes('Update on alerts')));
        expect(written.join('\n')).not.toMatch(/Nested Loop|Join Filter/);
        expect(written.join('\n')).toMatch(/Index Cond: \(id = ANY/);
      } finally {
        await end();
      }
    },
  );
});
