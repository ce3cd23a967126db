import { ManualClock } from '../common/clock';
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
  let scheduler: PollScheduler;

  const database = {
    rows: (text: string, values: number[] = []) => {
      if (text.startsWith('SELECT CASE')) return Promise.resolve([{ after: tickedUntil }]);
      if (text.startsWith('UPDATE poll_clock')) {
        const isBack = text.includes('RETURNING');
        const mayMove = isBack ? tickedUntil! > values[1]! : (tickedUntil ?? -Infinity) < values[0]!;
        if (mayMove) tickedUntil = values[0]!;
        return Promise.resolve(mayMove && isBack ? [{}] : []);
      }
      if (text.startsWith('WITH RECURSIVE')) return Promise.resolve([{ interval: 2 }]);
      return Promise.resolve([{ intervalSeconds: 2, fromSlot: 0, toSlot: 10, services: 3 }]);
    },
  };
  const queues = {
    addPolls: (jobs: PollJob[]) => {
      if (isRedisThere) put.push(...jobs);
      return Promise.resolve(isRedisThere);
    },
    waitingPolls: () => Promise.resolve({ jobs: 0 }),
  };
  const lastTick = async (): Promise<number> => (await telemetry.lastTick.get()).values[0]!.value;
  async function pass(seconds: number): Promise<void> {
    clock.advance(seconds);
    monotonic += seconds * 1_000;
    await scheduler.round();
  }

  beforeEach(() => {
    [tickedUntil, isRedisThere, put] = [NOON - 1, true, []];
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

  test('time that goes back under it is no tick of the future', async () => {
    await scheduler.round();
    clock.set(new Date((NOON - 3_600) * 1_000));
    await pass(1);
    expect([scheduler.problem(), await lastTick()]).toEqual([undefined, NOON - 3_599]);
    monotonic += 11_000;
    expect(scheduler.problem()).toMatch(/^it has put no polls on the queue for 11 s/);
  });
});
