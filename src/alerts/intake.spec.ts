/** The order of reports, through PostgreSQL. */
import fc from 'fast-check';
import { openTestDatabase } from '../../test/databases';
import { newId } from '../common/ids';
import type { Database } from '../database/database';
import type { Queues } from '../queue/queues';
import type { IncomingAlert } from './alert';
import { AlertHandover } from './alert-handover';
import { Intake } from './intake';
import type { Receipts } from './receipts';
import { Subscriptions } from './subscriptions';

const SOURCE = { name: 'sender', format: 'native' };

describe('reports of one alert', () => {
  let database: Database;
  let end: () => Promise<void>;
  /** As of two processes. */
  let intakes: Intake[];

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    // Redis only carries: what is kept is the same without it.
    const queues = { addAlerts: () => Promise.resolve(true), addServices: () => Promise.resolve(true) };
    const receipts = { count: () => undefined };
    intakes = [0, 1].map(
      () =>
        new Intake(
          database,
          queues as unknown as Queues,
          receipts as unknown as Receipts,
          new Subscriptions(database),
          new AlertHandover(),
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
});
