import type { Reading } from '../common/reading';
import type { Metric, ReadContext } from '../metrics/metric';
import { PollRequest } from './poll-request';
import { TimedRead } from './timed-read';

const TIMEOUT_MS = 50;

describe('a read under way', () => {
  let context: ReadContext;
  let answer: (readings: Reading[]) => void;
  let over: (readonly Reading[])[];

  /** Begun, by a mapping that answers when it is told to. */
  function begun(readMany?: Metric['readMany']): TimedRead {
    over = [];
    const strategy: Metric = {
      read: () => Promise.reject(new Error('not used')),
      readMany:
        readMany ??
        ((_, given) => {
          context = given;
          return new Promise((resolve) => (answer = resolve));
        }),
    };
    const group = {
      key: 'a',
      type: 'slow',
      timeoutMs: TIMEOUT_MS,
      strategy,
      asksForNodes: false,
      questions: ['1', '2'],
      params: [{}, {}],
      metrics: ['one', 'two'],
      asks: [0, 1],
    };
    const asker = { polled: {} as never, take: () => undefined, leaveOut: () => undefined };
    const read = new TimedRead(new PollRequest(group, asker), (_, readings) => over.push(readings));
    read.begin();
    return read;
  }

  beforeEach(() => jest.useFakeTimers());
  afterEach(() => jest.useRealTimers());

  const LATE = { error: 'no answer in 0.05 s' };

  it('ends by its answer, and what comes after is of no use', async () => {
    begun();
    answer([{ value: 1 }, { value: 2 }]);
    await jest.advanceTimersByTimeAsync(10 * TIMEOUT_MS);
    expect(over).toEqual([[{ value: 1 }, { value: 2 }]]);
  });

  it('is told to stop at its timeout, and what it has by then counts', async () => {
    begun();
    const heard: string[] = [];
    context.onAbort!(({ message }) => {
      heard.push(message);
      answer([{ value: 1 }, LATE]);
    });
    await jest.advanceTimersByTimeAsync(TIMEOUT_MS);
    expect(heard).toEqual(['no answer in 0.05 s']);
    expect(over).toEqual([[{ value: 1 }, LATE]]);
  });

  it('that ignores its signal is given up a little later', async () => {
    begun();
    await jest.advanceTimersByTimeAsync(TIMEOUT_MS + 200);
    expect(over).toEqual([]);
    await jest.advanceTimersByTimeAsync(100);
    expect(over).toEqual([[LATE, LATE]]);
    answer([{ value: 1 }, { value: 2 }]);
    await jest.advanceTimersByTimeAsync(0);
    expect(over).toHaveLength(1);
  });

  it.each([
    [
      'that throws',
      () => {
        throw new Error('it is broken');
      },
    ],
    ['that fails', () => Promise.reject(new Error('it is broken'))],
  ])('of a mapping %s has the error for each question', async (_, readMany) => {
    begun(readMany);
    await jest.advanceTimersByTimeAsync(0);
    expect(over).toEqual([[{ error: 'it is broken' }, { error: 'it is broken' }]]);
  });

  it('has a signal that aborts, also where a mapping copies what it is given, or looks late', async () => {
    const read = begun();
    const { signal } = { ...context };
    const stop = jest.fn();
    signal.addEventListener('abort', stop);
    expect(signal.aborted).toBe(false);
    read.stop(new Error('the program stops'));
    expect(stop).toHaveBeenCalledTimes(1);
    begun().stop(new Error('the program stops'));
    expect(context.signal.aborted).toBe(true);
    expect((context.signal.reason as Error).message).toBe('the program stops');
  });

  it('tells whoever listens once: of its end from outside alone, or at once', () => {
    const read = begun();
    const [left, stays, late] = [jest.fn(), jest.fn(), jest.fn()];
    context.onAbort!(left)();
    context.onAbort!(stays);
    read.stop(new Error('the program stops'));
    read.stop(new Error('again'));
    context.onAbort!(late);
    expect([left.mock.calls.length, stays.mock.calls.length, late.mock.calls.length]).toEqual([0, 1, 1]);
    expect(late).toHaveBeenCalledWith(new Error('the program stops'));
  });
});
