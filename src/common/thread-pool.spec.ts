import { monitorEventLoopDelay } from 'node:perf_hooks';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import Piscina from 'piscina';
import { TooCostly, Unavailable } from './errors';
import { telemetry } from './telemetry';
import { stopThreads, threadTask } from './thread-pool';
import type { Asked } from '../../test/stand-ins/thread-task';

const file = join(__dirname, '../../test/stand-ins/thread-task');
const task = threadTask<Asked, number>('metrics', file);
const limits = { timeoutMs: 20_000, bytes: 10, what: 'the test', deed: 'read' } as const;

const outcomes = async (): Promise<Record<string, number>> => {
  const { values } = await telemetry.threadTasks.get();
  return Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
};

beforeEach(() => telemetry.threadTasks.reset());
afterAll(stopThreads);

test('a loop without an end is ended at its deadline, and the event loop goes on meanwhile', async () => {
  await task({}, limits);
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  await expect(task({ spinMs: 1e9 }, { ...limits, timeoutMs: 300 })).rejects.toThrow(
    new TooCostly('the test took too long to read: it was given up after 0.3 s'),
  );
  delay.disable();
  expect(delay.max / 1e6).toBeLessThan(200);
  expect(await outcomes()).toEqual({ done: 1, late: 1 });
});

test('what waited for others until its deadline may be asked for again', async () => {
  const threads = Math.min(2, availableParallelism());
  const others = Array.from({ length: threads }, () =>
    task({ spinMs: 1e9 }, { ...limits, timeoutMs: 1_000 }),
  );
  const ended = Promise.allSettled(others);
  await expect(task({}, { ...limits, timeoutMs: 200 })).rejects.toThrow(Unavailable);
  expect((await ended).map((one) => (one as PromiseRejectedResult).reason.constructor)).toEqual(
    Array(threads).fill(TooCostly),
  );
});

test('threads that were ended, ran out of memory or left are replaced, also for what waits', async () => {
  const ended = [
    ...[1, 2, 3].map(() => task({ spinMs: 1e9 }, { ...limits, timeoutMs: 200 })),
    task({ megabytes: 10_000 }, limits),
    task({ exits: true }, limits),
  ];
  const waiting = [1, 2, 3, 4].map(() => task({ spinMs: 5 }, limits));
  const whys = (await Promise.allSettled(ended)).map((one) => (one as PromiseRejectedResult).reason.message);
  expect(whys.slice(0, 2)).toEqual(
    Array(2).fill('the test took too long to read: it was given up after 0.2 s'),
  );
  expect(whys[3]).toBe('the test took more than 256 MB of memory to read');
  expect(whys[4]).toMatch(/exited/);
  expect(await Promise.all(waiting)).toEqual([0, 0, 0, 0]);
});

test('a signal ends it with its own reason, running or not begun', async () => {
  const abort = new AbortController();
  const some = [1, 2, 3, 4].map(() => task({ spinMs: 1e9 }, { ...limits, signal: abort.signal }));
  setTimeout(() => abort.abort(new Error('no longer wanted')), 50);
  for (const one of await Promise.allSettled(some))
    expect((one as PromiseRejectedResult).reason.message).toBe('no longer wanted');
  await expect(task({}, { ...limits, signal: abort.signal })).rejects.toThrow('no longer wanted');
});

test('more than may wait is refused and counted, by number and by size', async () => {
  const abort = new AbortController();
  const many = { ...limits, signal: abort.signal };
  const some = Array.from({ length: 600 }, () => task({ spinMs: 1e9 }, many));
  const settled = Promise.allSettled(some);
  await expect(task({}, limits)).rejects.toThrow(Unavailable);
  abort.abort();
  await settled;
  expect((await outcomes()).refused).toBeGreaterThan(90);

  const large = { ...limits, bytes: 60 * 1024 * 1024 };
  const first = task({ spinMs: 200 }, large);
  await expect(task({}, large)).rejects.toThrow('too much else is waiting to be');
  await first;
  await task({}, large);
});

test('its own error keeps its message; what is transferred is not copied', async () => {
  await expect(task({ fails: 'no such thing' }, limits)).rejects.toThrow('no such thing');
  const buffer = new ArrayBuffer(1024);
  await expect(task({ buffer }, { ...limits, transfer: [buffer] })).resolves.toBe(1024);
  expect(buffer.byteLength).toBe(0);
});

test('what is under way when the threads are stopped fails, and stopping does not wait for it', async () => {
  const under = task({ spinMs: 1e9 }, limits);
  const failed = expect(under).rejects.toThrow();
  await new Promise((resolve) => setTimeout(resolve, 100));
  await stopThreads();
  await failed;
  await expect(task({}, limits)).resolves.toBe(0);
});

test('threads without work end after half a minute, and new ones are there for whoever comes then', async () => {
  const destroy = jest.spyOn(Piscina.prototype, 'destroy');
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'performance'] });
  try {
    await task({}, limits);
    jest.advanceTimersByTime(29_000);
    await task({}, limits);
    jest.advanceTimersByTime(29_000);
    expect(destroy).not.toHaveBeenCalled();
    jest.advanceTimersByTime(1_000);
    expect(destroy).toHaveBeenCalledTimes(1);
    expect(await task({}, limits)).toBe(0);
  } finally {
    jest.useRealTimers();
    destroy.mockRestore();
  }
});
