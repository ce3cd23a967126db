import { setTimeout as sleep } from 'node:timers/promises';
import { openTestDatabase } from '../../test/databases';
import { Unavailable } from '../common/errors';
import { registry } from '../common/telemetry';
import type { Database } from '../database/database';
import { Points } from './points';
import type { Sample } from './sample-rows';
import { SampleWriter } from './sample-writer';

const START = Date.parse('2024-05-01T10:00:00Z');
const sample = (series: number, value: number, second = 0): Sample => ({
  series,
  at: new Date(START + second * 1000),
  value,
});

async function metric(name: string, labels: object = {}): Promise<number> {
  const { values } = (await registry.getSingleMetric(`monscale_${name}`)!.get()) as {
    values: { value: number; labels: object }[];
  };
  const fits = values.filter((one) => JSON.stringify(one.labels) === JSON.stringify(labels));
  return fits[0]?.value ?? 0;
}

describe('the writer of samples and PostgreSQL', () => {
  let database: Database;
  let end: () => Promise<void>;
  let writer: SampleWriter;

  beforeAll(async () => {
    ({ database, end } = await openTestDatabase());
    writer = new SampleWriter(database);
  });
  afterAll(() => end());
  beforeEach(() => database.rows('TRUNCATE samples'));

  const kept = async () =>
    (
      await database.rows<{ group_id: number; at: Date; readings: (number | null)[] }>(
        'SELECT * FROM samples ORDER BY group_id, at',
      )
    ).map(({ group_id, at, readings }) => [group_id, (at.getTime() - START) / 1000, readings]);

  test.each(['not there yet', 'there'])(
    'what comes at once is a row per service and moment; its day is %s',
    async () => {
      const values = [0.1, -1e308, 5e-324, 4294967296, 2 ** 53];
      const written = await Promise.all([
        writer.write(values.map((value, place) => sample(100 + place, value))),
        writer.write([sample(203, 7, -0.001), sample(203, 8, 86_400)]),
      ]);
      expect(written).toEqual([true, true]);
      expect(await kept()).toEqual([
        [1, 0, values],
        [2, -0.001, [null, null, null, 7]],
        [2, 86_400, [null, null, null, 8]],
      ]);
    },
  );

  test('moments before 2000 and far ahead are kept as they are', async () => {
    const moments = ['1969-12-31T23:59:59.999Z', '2000-01-01T00:00:00.000Z', '2099-06-01T12:00:00.001Z'];
    for (const series of [100, 200])
      await writer.write(moments.map((at) => ({ series, at: new Date(at), value: 1 })));
    const rows = await database.rows<{ at: Date }>('SELECT at FROM samples ORDER BY group_id, at');
    expect(rows.map(({ at }) => at.toISOString())).toEqual([...moments, ...moments]);
  });

  test('a sample that is there stays as it is; a metric that is missing joins it', async () => {
    await writer.write([sample(100, 1), sample(102, 3)]);
    await writer.write([sample(100, 99), sample(101, 2), sample(104, 5), sample(200, 6)]);
    await writer.write([sample(100, 77)]);
    expect(await kept()).toEqual([
      [1, 0, [1, 2, 3, null, 5]],
      [2, 0, [6]],
    ]);
  });

  test('the same readings of two workers at once are kept once', async () => {
    const other = new SampleWriter(database);
    const many = Array.from({ length: 2_000 }, (_, n) => sample(n * 100, n));
    const written = await Promise.all([
      writer.write(many),
      other.write(many),
      other.write(many.toReversed()),
    ]);
    expect(written).toEqual([true, true, true]);
    expect(await kept()).toEqual(many.map(({ value }) => [value, 0, [value]]));
  });

  test('points of a series are what was read of it', async () => {
    await writer.write([sample(101, 1), sample(101, 2, 10), sample(100, 3, 20)]);
    const [from, to] = [new Date(START), new Date(START + 60_000)];
    const points = await new Points(database).of({ series: 101, from, to, function: 'avg' });
    expect(points.map(([, value]) => value)).toEqual([1, 2]);
  });
});

/** A store that does as it is told; what it took is in `taken`, in statements. */
function standIn() {
  const taken: number[] = [];
  let answer: () => Promise<void> = () => Promise.resolve();
  const copy = async (_text: string, rows: Buffer) => {
    await answer();
    taken.push(rows.length);
  };
  const sql = { copy, rows: () => Promise.resolve([]) };
  const copying = (work: (given: typeof sql) => Promise<void>) => work(sql);
  // Few are written in one statement, with their moments as its second parameter.
  const keyed = {
    rows: async (_text: string, [, moments]: Buffer[]) => {
      await copy('', moments!);
      return [];
    },
  };
  return {
    writer: new SampleWriter({ copying, keyed } as unknown as Database),
    taken,
    answers: (next: () => Promise<void>) => (answer = next),
  };
}

describe('a store that is slow or away', () => {
  test('what comes while statements are under way goes together in the next', async () => {
    const { writer, taken, answers } = standIn();
    let release!: () => void;
    const released = new Promise<void>((resolve) => (release = resolve));
    answers(() => released);
    const written = Array.from({ length: 100 }, (_, n) => writer.write([sample(n * 100, n)]));
    await sleep(100);
    const more = Array.from({ length: 100 }, (_, n) => writer.write([sample(n * 100, n, 1)]));
    await sleep(0);
    expect(await metric('samples_waiting')).toBe(200);
    release();
    expect(new Set(await Promise.all([...written, ...more]))).toEqual(new Set([true]));
    expect(taken.length).toBeLessThanOrEqual(4);
    expect(await metric('samples_waiting')).toBe(0);
    expect(await metric('samples_oldest_waiting_seconds')).toBe(0);
  });

  test('nobody waits longer than two seconds to hear that it is not known; what does not fit is counted', async () => {
    const { writer, answers } = standIn();
    let release!: () => void;
    answers(() => new Promise<void>((resolve) => (release = resolve)));
    const full = await metric('samples_dropped_total', { reason: 'full' });
    const many = Array.from({ length: 100_000 }, (_, n) => sample(n, n));
    let isTold = false;
    const waiting = Array.from({ length: 5 }, () => writer.write(many).finally(() => (isTold = true)));
    expect(await writer.write([sample(1, 1)])).toBe(false);
    expect(isTold).toBe(false);
    expect(await metric('samples_dropped_total', { reason: 'full' })).toBe(full + 1);
    expect(await Promise.all(waiting)).toEqual([false, false, false, false, false]);
    answers(() => Promise.resolve());
    release();
  });

  test('while it is away samples wait, and are written when it is back', async () => {
    const { writer, taken, answers } = standIn();
    let tries = 0;
    answers(async () => {
      if (++tries < 2) throw new Unavailable('PostgreSQL is away');
    });
    expect(await writer.write([sample(1, 1)])).toBe(true);
    expect([tries, taken.length]).toEqual([2, 1]);
  });

  test('what it refuses is not tried for ever', async () => {
    const { writer, answers } = standIn();
    answers(() => Promise.reject(Object.assign(new Error('no such table'), { code: '42P01' })));
    const refused = await metric('samples_dropped_total', { reason: 'refused' });
    expect(await writer.write([sample(1, 1), sample(2, 1)])).toBe(false);
    expect(await metric('samples_dropped_total', { reason: 'refused' })).toBe(refused + 2);
  });

  test('at the end what waits is written', async () => {
    const { writer, taken, answers } = standIn();
    answers(() => sleep(200));
    void writer.write([sample(1, 1)]);
    await sleep(50);
    void writer.write([sample(2, 1)]);
    await writer.onApplicationShutdown();
    expect(taken).toHaveLength(2);
  });

  test('and the end does not wait for a store that says nothing', async () => {
    const { writer, answers } = standIn();
    answers(() => new Promise<never>(() => undefined));
    const lost = await metric('samples_dropped_total', { reason: 'shutdown' });
    void writer.write([sample(1, 1)]);
    await sleep(50);
    const began = performance.now();
    await writer.onApplicationShutdown();
    expect(performance.now() - began).toBeLessThan(20_000);
    expect(await metric('samples_dropped_total', { reason: 'shutdown' })).toBe(lost + 1);
  });
});
