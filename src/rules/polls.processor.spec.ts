import type { Job } from 'bull';
import { ManualClock } from '../common/clock';
import type { Polling } from '../polling/polled';
import type { PollJob } from '../queue/jobs';
import { PollsProcessor } from './polls.processor';

const DUE_AT = 1_700_000_000_000;
const INTERVAL_SECONDS = 10;

describe('a job of polls', () => {
  const clock = new ManualClock(new Date(DUE_AT));
  const compiled = { service: { id: 'web', series: {} }, alertMetrics: [], windows: [] };
  /** Ends of reads that are under way. */
  let ends: (() => void)[];
  let evaluated: number;

  const poller = { isStopping: false, poll: reads };

  const processor = new PollsProcessor(
    { due: async () => [{ compiled }] } as never,
    poller as never,
    {
      previousReadings: async () => new Map(),
      observation: () => ({}),
      throughWindows: async () => [],
    } as never,
    { writeRows: async () => true } as never,
    {} as never,
    { of: async () => new Map() } as never,
    { evaluate: async () => void evaluated++ } as never,
    { tellWithin: async () => undefined, polled: async () => undefined } as never,
    clock,
  );

  async function* reads(services: (typeof compiled)[]): AsyncGenerator<Polling<never>[]> {
    if (services.length === 0) return;
    await new Promise<void>((resolve) => ends.push(resolve));
    yield services.map((polled, index) => ({ polled: polled as never, index, readings: {} }));
  }

  const discard = jest.fn();
  const job = (dueAt: number): Job<PollJob> =>
    ({ data: { intervalSeconds: INTERVAL_SECONDS, fromSlot: 0, toSlot: 100, dueAt }, discard }) as never;
  const at = (seconds: number) => clock.set(new Date(DUE_AT + seconds * 1_000));
  const settled = () => new Promise(setImmediate);

  beforeEach(() => {
    ends = [];
    evaluated = 0;
  });

  test.each([0, 3, 7.9])('begins %d s late, and reads', async (late) => {
    at(late);
    const polling = processor.poll(job(DUE_AT));
    await settled();
    ends[0]!();
    await polling;
    expect(evaluated).toBe(1);
  });

  test.each([8.1, 9.9, 10, 3_600])(
    'is dropped %d s late, and the next one finds nothing in hand',
    async (late) => {
      at(late);
      await processor.poll(job(DUE_AT));
      expect(ends).toHaveLength(0);
      const next = DUE_AT + Math.ceil(late / INTERVAL_SECONDS) * INTERVAL_SECONDS * 1_000;
      clock.set(new Date(next));
      const polling = processor.poll(job(next));
      await settled();
      ends[0]!();
      await polling;
      expect(evaluated).toBe(1);
    },
  );

  test('leaves out what another has in hand', async () => {
    at(0);
    const first = processor.poll(job(DUE_AT));
    await settled();
    at(10);
    await processor.poll(job(DUE_AT + 10_000));
    expect(ends).toHaveLength(1);
    ends[0]!();
    await first;
    expect(evaluated).toBe(1);
  });

  test.each([
    [true, 0],
    [false, 1],
  ])('that fails while its worker stops (%s) is left to another worker', async (isStopping, discarded) => {
    at(0);
    discard.mockClear();
    const failing = jest.spyOn(poller, 'poll').mockImplementation(() => {
      throw new Error('the program stops');
    });
    poller.isStopping = isStopping;
    await expect(processor.poll(job(DUE_AT))).rejects.toThrow('the program stops');
    expect(discard).toHaveBeenCalledTimes(discarded);
    poller.isStopping = false;
    failing.mockRestore();
  });

  test('of a tick that a clock ahead has put there gets no more than an interval', async () => {
    at(0);
    const polling = processor.poll(job(DUE_AT + 86_400_000));
    await settled();
    ends[0]!();
    await polling;
    expect(evaluated).toBe(1);
  });
});
