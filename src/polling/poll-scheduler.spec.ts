import { ManualClock } from '../common/clock';
import { SLOTS } from '../common/ids';
import { telemetry } from '../common/telemetry';
import type { Database } from '../database/database';
import type { PollJob } from '../queue/jobs';
import type { Queues } from '../queue/queues';
import { PollScheduler } from './poll-scheduler';

const NOON = Date.parse('2026-01-01T12:00:00Z') / 1_000;

describe('the poll scheduler', () => {
  const clock = new ManualClock(new Date(NOON * 1_000));
  let tickedUntil: number | null;
  let monotonic = 0;
  let isRedisThere: boolean;
  let put: PollJob[];
  let intervals: number[];
  let waitingJobs: number;
  let looks: number;
  /** Intervals and ranges of slots of which it was asked what is due. */
  let asked: number[][][];
  let scheduler: PollScheduler;

  const database = {
    rows: (text: string, values: number[] = []) => {
      if (text.startsWith('UPDATE poll_clock')) {
        const isBack = text.includes('RETURNING');
        const mayMove = isBack ? tickedUntil! > values[1]! : (tickedUntil ?? -Infinity) < values[0]!;
        if (mayMove) tickedUntil = values[0]!;
        return Promise.resolve(mayMove && isBack ? [{}] : []);
      }
      if (text.startsWith('WITH RECURSIVE')) return Promise.resolve([{ after: tickedUntil, intervals }]);
      asked.push(values as unknown as number[][]);
      return Promise.resolve([{ intervalSeconds: 2, fromSlot: 0, toSlot: 10, services: 3 }]);
    },
  };
  const queues = {
    addPolls: (jobs: PollJob[]) => {
      if (isRedisThere) put.push(...jobs);
      return Promise.resolve(isRedisThere);
    },
    waitingPolls: () => {
      looks += 1;
      return Promise.resolve({ jobs: waitingJobs });
    },
  };
  const lastTick = async (): Promise<number> => (await telemetry.lastTick.get()).values[0]!.value;
  async function pass(seconds: number): Promise<void> {
    clock.advance(seconds);
    monotonic += seconds * 1_000;
    await scheduler.round();
  }

  beforeEach(() => {
    [tickedUntil, isRedisThere, put] = [NOON - 1, true, []];
    [intervals, waitingJobs, looks, asked] = [[2], 0, 0, []];
    clock.set(new Date(NOON * 1_000));
    jest.spyOn(performance, 'now').mockImplementation(() => monotonic);
    scheduler = new PollScheduler(database as unknown as Database, queues as unknown as Queues, clock);
  });
  afterEach(() => jest.restoreAllMocks());

  test.each([3, 600, 3_600, 86_400])(
    'ticks that lie %i s ahead are set right, counted, and polls go on at once',
    async (seconds) => {
      tickedUntil = NOON + seconds;
      const before =
        (await telemetry.momentsAhead.get()).values.find(({ labels }) => labels.what === 'tick')?.value ?? 0;
      await scheduler.round();
      expect(put.map(({ dueAt }) => dueAt)).toEqual([NOON * 1_000]);
      const { values } = await telemetry.momentsAhead.get();
      expect(values.find(({ labels }) => labels.what === 'tick')!.value - before).toBe(1);
      expect(tickedUntil).toBe(NOON);
      await pass(1);
      expect(put).toHaveLength(2);
    },
  );

  test('another scheduler that knows the time a second better has ticked', async () => {
    tickedUntil = NOON + 1;
    await scheduler.round();
    expect([put, tickedUntil, await lastTick()]).toEqual([[], NOON + 1, NOON]);
    expect(scheduler.problem()).toBeUndefined();
  });

  test('is ready as long as polls are put on the queue, not as long as it runs', async () => {
    expect(scheduler.problem()).toBe('it has put no polls on the queue yet');
    await scheduler.round();
    expect(scheduler.problem()).toBeUndefined();
    isRedisThere = false;
    for (let second = 1; second <= 12; second++) await pass(1);
    expect(scheduler.problem()).toBe('it has put no polls on the queue for 12 s: Redis is away');
    expect(await lastTick()).toBe(NOON);
    isRedisThere = true;
    await pass(1);
    expect([scheduler.problem(), await lastTick()]).toEqual([undefined, NOON + 13]);
  });

  test('a queue on which nothing is put and nothing waits is looked at each five seconds', async () => {
    intervals = [];
    await scheduler.round();
    for (let second = 1; second <= 10; second++) await pass(1);
    expect(looks).toBe(3);
    waitingJobs = 2;
    for (let second = 11; second <= 17; second++) await pass(1);
    expect(looks).toBe(6);
    intervals = [2];
    waitingJobs = 0;
    for (let second = 18; second <= 20; second++) await pass(1);
    expect(looks).toBe(9);
  });

  test('a second in which nothing was due costs no commit; what comes due meanwhile is seen', async () => {
    intervals = [];
    await scheduler.round();
    for (let second = 1; second <= 3; second++) await pass(1);
    expect([tickedUntil, await lastTick(), put]).toEqual([NOON - 1, NOON + 3, []]);
    await pass(1);
    expect(tickedUntil).toBe(NOON + 4);
    await pass(1);
    await pass(1);
    intervals = [4];
    await pass(1);
    // Of three seconds: three quarters of the slots.
    const [[, from, to]] = asked as [number[][]];
    expect(from!.reduce((sum, first, index) => sum + to![index]! + 1 - first, 0)).toBe((SLOTS * 3) / 4);
    expect([tickedUntil, put.length]).toEqual([NOON + 7, 1]);
  });

  test('time that goes back under it is no tick of the future', async () => {
    await scheduler.round();
    clock.set(new Date((NOON - 3_600) * 1_000));
    await pass(1);
    expect([scheduler.problem(), await lastTick()]).toEqual([undefined, NOON - 3_599]);
    monotonic += 11_000;
    expect(scheduler.problem()).toMatch(/^it has put no polls on the queue for 11 s/);
  });
});
