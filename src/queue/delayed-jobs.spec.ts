import Bull, { type Queue } from 'bull';
import { testRedisUrl } from '../../test/databases';
import { ManualClock } from '../common/clock';
import { delayByClock, hastenDelayed } from './delayed-jobs';

const HOUR = 3_600_000;

describe('jobs that wait for their moment', () => {
  let redis: { redisUrl: string; release(): Promise<void> };
  const queues: Queue[] = [];
  const done: string[] = [];

  beforeAll(async () => {
    redis = await testRedisUrl();
  });
  afterAll(async () => {
    await Promise.all(queues.map((queue) => queue.close()));
    await redis.release();
  });

  /** A process whose own clock does not count, as it knows the time. */
  function processAt(now: number): { queue: Queue; clock: ManualClock } {
    const clock = new ManualClock(new Date(now));
    const queue = new Bull('waiting', redis.redisUrl, { settings: { guardInterval: 200 } });
    delayByClock(queue, clock);
    queues.push(queue);
    return { queue, clock };
  }
  const settled = async (queue: Queue): Promise<void> => {
    await (queue as unknown as { updateDelayTimer(): Promise<void> }).updateDelayTimer();
    await new Promise((resolve) => setTimeout(resolve, 300));
  };

  test.each([-HOUR, HOUR])('come due by the clock they are given, %i ms off the machine', async (off) => {
    done.length = 0;
    const start = Date.now() + off;
    const { queue, clock } = processAt(start);
    void queue.process((job) => void done.push(String(job.id))).catch(() => undefined);
    await queue.add({}, { jobId: `a${off}`, delay: 2_000, timestamp: start } as object);
    await settled(queue);
    expect(done).toEqual([]);
    clock.advance(1.9);
    await settled(queue);
    expect(done).toEqual([]);
    clock.advance(0.2);
    await settled(queue);
    expect(done).toEqual([`a${off}`]);
    await queue.close();
  });

  test('one that a clock an hour ahead put there is due at once, one that is near is left', async () => {
    done.length = 0;
    const now = Date.now();
    const { queue } = processAt(now);
    await queue.add({}, { jobId: 'far', delay: 1_000, timestamp: now + HOUR } as object);
    await queue.add({}, { jobId: 'near', delay: 50_000, timestamp: now } as object);
    expect(await hastenDelayed(queue, now + 62_000)).toBe(1);
    expect(await hastenDelayed(queue, now + 62_000)).toBe(0);
    const waiting = await queue.getWaiting();
    const delayed = await queue.getDelayed();
    expect([waiting.map(({ id }) => id), delayed.map(({ id }) => id)]).toEqual([['far'], ['near']]);
  });
});
