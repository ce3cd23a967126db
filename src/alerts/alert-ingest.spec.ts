/** The order of reports, through PostgreSQL. */
import fc from 'fast-check';
import { openTestDatabase } from '../../test/databases';
import { whileHeld } from '../../test/middle/while-held';
import { until } from '../../test/program';
import { newId } from '../common/ids';
import type { Database } from '../database/database';
import type { Sql, StatementName } from '../database/sql-pool';
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
  /** Alerts that rules must evaluate. */
  const news: string[] = [];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    // Redis only carries: what is kept is the same without it.
    const queues = {
      addAlerts: (ids: string[]) => Promise.resolve(news.push(...ids)),
      addServices: () => Promise.resolve(true),
    };
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

  describe('of two processes at once', () => {
    const storm = (run: string, count = 300): IncomingAlert[] =>
      Array.from({ length: count }, (_, index) => ({
        dedupKey: `${run}-${index}`,
        status: 'firing',
        labels: { alertname: 'WebDown', host: `web-${index}` },
        annotations: {},
      }));
    /** Has both take most of what comes for new, as they do in a storm. */
    async function inStorm(): Promise<void> {
      for (const intake of intakes) await intake.accept(SOURCE, storm(newId()));
    }
    const rowsOf = (run: string) =>
      database.rows<{ id: string; key: string; isCurrent: boolean; revision: number; processed: number }>(
        `SELECT id, dedup_key AS key, is_current AS "isCurrent", revision, processed FROM alerts WHERE dedup_key LIKE $1 ORDER BY 2`,
        [`${run}-%`],
      );
    const holdRules = (sql: Sql) => sql.rows('SELECT FROM definition_revision FOR UPDATE');

    test('the same new alerts are copied by one; the other answers with what that has kept', async () => {
      await inStorm();
      const run = newId();
      const copying = jest.spyOn(database, 'copying');
      const [first, second] = await whileHeld(database, {
        hold: holdRules,
        begin: () => Promise.all(intakes.map((intake) => intake.accept(SOURCE, storm(run)))),
        waiting: 2,
      });
      const copies = await Promise.allSettled(
        copying.mock.results.map(({ value }) => value as Promise<unknown>),
      );
      copying.mockRestore();
      expect(copies.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(first).toHaveLength(300);
      expect(second).toEqual(first);
      const rows = await rowsOf(run);
      expect(rows).toHaveLength(300);
      expect(rows.every(({ isCurrent, revision }) => isCurrent && revision === 1)).toBe(true);
    });

    test('of new alerts that overlap each is kept once', async () => {
      await inStorm();
      const run = newId();
      const all = storm(run, 450);
      const [first, second] = await whileHeld(database, {
        hold: holdRules,
        begin: () =>
          Promise.all([
            intakes[0]!.accept(SOURCE, all.slice(0, 300)),
            intakes[1]!.accept(SOURCE, all.slice(150).reverse()),
          ]),
        waiting: 2,
      });
      const rows = await rowsOf(run);
      expect(rows).toHaveLength(450);
      const ids = new Map(rows.map(({ key, id }) => [key, id]));
      for (const { id, dedupKey } of [...first, ...second]) expect(id).toBe(ids.get(dedupKey));
    });

    test.each([
      ['inserted', 1],
      ['copied', 300],
    ])('alerts that are %s while rules change are evaluated, whoever asks for them', async (_, count) => {
      await inStorm();
      const run = newId();
      news.length = 0;
      const accepted = await whileHeld(database, {
        hold: (sql) => sql.rows('UPDATE definition_revision SET revision = revision + 1'),
        begin: () => intakes[0]!.accept(SOURCE, storm(run, count)),
      });
      const ids = accepted.map(({ id }) => id).sort();
      expect(ids).toHaveLength(count);
      expect((await rowsOf(run)).every(({ processed }) => processed === 0)).toBe(true);
      expect([...news].sort()).toEqual(ids);
      // Known to them then, the new rules ask for none.
      const later = newId();
      await until(async () => {
        news.length = 0;
        await intakes[0]!.accept(SOURCE, storm(later + newId(), count));
        return news.length === 0;
      }, 2_000);
    });

    describe('seen again by one while another changes it', () => {
      const host = (dedupKey: string, text: string, saidAt?: Date): IncomingAlert => ({
        dedupKey,
        status: 'firing',
        labels: { alertname: 'WebDown' },
        annotations: { text },
        saidAt,
      });
      const NOW = Math.floor(Date.now() / 1_000) * 1_000;
      const minutesAgo = (minutes: number) => new Date(NOW - minutes * 60_000);
      const KEPT = minutesAgo(9);
      const keptAs = async (key: string) =>
        (
          await database.rows<{ text: string; reported: Date }>(
            `SELECT annotations->>'text' AS text, reported_at AS reported FROM alerts WHERE dedup_key = $1 AND is_current`,
            [key],
          )
        )[0]!;
      /** Keeps an alert that was last seen a minute ago; both take what comes next for something repeated. */
      async function kept(key: string): Promise<string> {
        const [accepted] = await intakes[0]!.accept(SOURCE, [host(key, 'old', KEPT)]);
        for (const intake of intakes) await intake.accept(SOURCE, [host(key, 'old', KEPT)]);
        const { id } = accepted!;
        await database.rows(`UPDATE alerts SET last_seen_at = now() - interval '1 minute' WHERE id = $1`, [
          id,
        ]);
        return id;
      }

      test.each([
        ['the other says it later', KEPT, minutesAgo(2), 'new'],
        ['the other says it late', KEPT, minutesAgo(20), 'old'],
        ['both say it later, and the other last', minutesAgo(5), minutesAgo(2), 'new'],
        ['both say it later, and the other first', minutesAgo(2), minutesAgo(5), 'old'],
      ])('what was said last is left: %s', async (_, seenAt, changedAt, text) => {
        const key = newId();
        const id = await kept(key);
        const accepted = await whileHeld(database, {
          hold: (sql) => sql.rows('SELECT FROM alerts WHERE id = $1 FOR UPDATE', [id]),
          begin: () =>
            Promise.all([
              intakes[0]!.accept(SOURCE, [host(key, 'old', seenAt)]),
              intakes[1]!.accept(SOURCE, [host(key, 'new', changedAt)]),
            ]),
          waiting: 2,
        });
        expect(accepted.flat().map((one) => one.id)).toEqual([id, id]);
        const now = await keptAs(key);
        expect(now.text).toBe(text);
        expect(now.reported).toEqual(new Date(Math.max(...[KEPT, seenAt, changedAt].map(Number))));
      });

      test('it is not taken for seen with a text that nobody repeated', async () => {
        const key = newId();
        const id = await kept(key);
        const [accepted] = await whileHeld(database, {
          // Another process changes it, and has not committed.
          hold: (sql) =>
            sql.rows(
              `UPDATE alerts SET annotations = '{"text": "new"}', content = 'another', revision = 2 WHERE id = $1`,
              [id],
            ),
          begin: () => intakes[0]!.accept(SOURCE, [host(key, 'old', KEPT)]),
        });
        expect(accepted!.id).toBe(id);
        expect((await keptAs(key)).text).toBe('old');
      });
    });
  });

  describe('of which PostgreSQL refuses one', () => {
    const good = (dedupKey: string): IncomingAlert => ({
      dedupKey,
      status: 'firing',
      labels: { alertname: 'WebDown' },
      annotations: {},
    });
    /** With a key that is longer than an index takes. */
    const bad = (dedupKey: string): IncomingAlert =>
      good(dedupKey + Array.from({ length: 300 }, newId).join());

    test('the delivery that has it is refused as a whole, and no other of its batch', async () => {
      const run = newId();
      const [intake] = intakes;
      const sent = [
        // What comes while this one is committed goes together.
        intake!.accept(SOURCE, [good(`${run}-before`)]),
        intake!.accept(SOURCE, [good(`${run}-1`)]),
        intake!.accept(SOURCE, [good(`${run}-2`), bad(`${run}-bad`), good(`${run}-3`)]),
        intake!.accept(SOURCE, [good(`${run}-4`)]),
      ];
      const results = await Promise.allSettled(sent);
      expect(results.map(({ status }) => status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
      ]);
      const kept = await database.rows<{ key: string }>(
        'SELECT dedup_key AS key FROM alerts WHERE dedup_key LIKE $1 ORDER BY 1',
        [`${run}-%`],
      );
      expect(kept.map(({ key }) => key)).toEqual([`${run}-1`, `${run}-4`, `${run}-before`]);
    });

    test('a storm that has it is refused, and can be sent again without it', async () => {
      const run = newId();
      const many = Array.from({ length: 400 }, (_, index) => good(`${run}-${index}`));
      const [intake] = intakes;
      await intake!.accept(
        SOURCE,
        many.map(({ dedupKey }) => good(`${dedupKey}-other`)),
      );
      await expect(intake!.accept(SOURCE, [...many, bad(`${run}-bad`)])).rejects.toThrow('index row');
      expect(await intake!.accept(SOURCE, many)).toHaveLength(400);
      // Places in memory are given back.
      expect(intake!['inMemory']).toBe(0);
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
