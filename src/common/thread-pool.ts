/** Work on threads beside the event loop, with a deadline and a limit of memory each. */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import Piscina from 'piscina';
import { TooCostly, Unavailable } from './errors';
import { fromSource } from './from-source';
import { telemetry } from './telemetry';

/** Pools of threads by purpose. No lane waits for another: a target's answer to a metric can't delay an action. */
const LANES = {
  /** Answers of targets to metrics. */
  metrics: { threads: Math.min(2, availableParallelism()), heapMegabytes: 256 },
  /** Requests of actions, and lists of machines. */
  actions: { threads: 1, heapMegabytes: 1_024 },
  /** Requests to the API. */
  requests: { threads: 1, heapMegabytes: 512 },
  /** Hashes of passwords, and those that take only what is left of the processors. */
  passwords: { threads: 1, heapMegabytes: 64 },
  idle_passwords: { threads: 1, heapMegabytes: 64 },
} as const;

export type Lane = keyof typeof LANES;

/**
 * Largest number of tasks running or waiting in one lane. Piscina's own limit does not count tasks that have a signal.
 */
const TASKS_AT_ONCE = 500;
/** Largest sum of the inputs of a lane's tasks, bytes; a single task may be larger. */
const BYTES_AT_ONCE = 64 * 1024 * 1024;
/** Time after which threads without work end, milliseconds, to give back the memory of their heaps. */
const IDLE_MS = 30_000;

export interface TaskLimits {
  /** Time until the task must be done, waiting included, milliseconds. */
  timeoutMs: number;
  /** Size of the input, bytes. */
  bytes: number;
  /** Thing that is worked on, as the subject of a sentence; `deed` is what is done to it. */
  what: string;
  deed: 'read' | 'render' | 'write' | 'check';
  /** Signal that ends the task early, with its reason. */
  signal?: AbortSignal;
  /** Buffers that are moved to the thread instead of copied; the caller must not use them any more. */
  transfer?: ArrayBuffer[];
}

const PAST = { read: 'read', render: 'rendered', write: 'written', check: 'checked' };

/**
 * Runs a function on a thread.
 *
 * @throws TooCostly, Unavailable, the signal's reason, or an Error with the message of what the function threw
 */
export type ThreadTask<I, O> = (input: I, limits: TaskLimits) => Promise<O>;

/**
 * Returns a task that runs the default export of a file on a thread. Input and result are copied; of an error only the
 * message is kept.
 *
 * @param file path without its extension
 */
export function threadTask<I, O>(lane: Lane, file: string): ThreadTask<I, O> {
  const filename = file + extname(__filename);
  return (input, limits) => run(lane, filename, input, limits) as Promise<O>;
}

interface Pool {
  threads: Piscina;
  tasks: number;
  bytes: number;
  idle?: NodeJS.Timeout;
}

const pools = new Map<Lane, Pool>();

/** Returns the pool of a lane; makes it at its first use, since threads take memory. */
function poolOf(lane: Lane): Pool {
  const known = pools.get(lane);
  if (known !== undefined) return known;
  const { threads, heapMegabytes } = LANES[lane];
  const made = new Piscina({
    // As many of both: else what waits would wait on when the last thread ends.
    minThreads: threads,
    maxThreads: threads,
    recordTiming: false,
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytes, maxYoungGenerationSizeMb: 64 },
    execArgv: fromSource(__filename),
  });
  // A thread that ends without work is replaced; nobody waits for it.
  made.on('error', () => telemetry.threadTasks.inc({ lane, outcome: 'thread ended' }));
  const pool = { threads: made, tasks: 0, bytes: 0 };
  pools.set(lane, pool);
  return pool;
}

async function run(lane: Lane, filename: string, input: unknown, limits: TaskLimits): Promise<unknown> {
  const { timeoutMs, bytes, what, deed, signal, transfer } = limits;
  signal?.throwIfAborted();
  const pool = poolOf(lane);
  const waits = pool.tasks >= LANES[lane].threads;
  const count = (outcome: string) => telemetry.threadTasks.inc({ lane, outcome });
  if (pool.tasks >= TASKS_AT_ONCE || (pool.bytes > 0 && pool.bytes + bytes > BYTES_AT_ONCE)) {
    count('refused');
    throw crowded(what, deed);
  }
  const end = new AbortController();
  if (signal !== undefined) setMaxListeners(0, signal);
  const late = setTimeout(() => end.abort(), timeoutMs);
  const stop = () => end.abort();
  signal?.addEventListener('abort', stop, { once: true });
  const begun = performance.now();
  clearTimeout(pool.idle);
  pool.tasks += 1;
  pool.bytes += bytes;
  try {
    const result: unknown = await pool.threads.run(input, {
      filename,
      name: 'default',
      signal: end.signal,
      transferList: transfer,
    });
    count('done');
    return result;
  } catch (error) {
    if (signal?.aborted) {
      count('aborted');
      throw signal.reason;
    }
    if (end.signal.aborted) {
      count('late');
      // Its time went to others, and says nothing of what it costs.
      if (waits) throw crowded(what, deed);
      throw new TooCostly(`${what} took too long to ${deed}: it was given up after ${timeoutMs / 1000} s`);
    }
    if ((error as { code?: string }).code === 'ERR_WORKER_OUT_OF_MEMORY') {
      count('out of memory');
      throw new TooCostly(`${what} took more than ${LANES[lane].heapMegabytes} MB of memory to ${deed}`);
    }
    count('failed');
    throw error;
  } finally {
    clearTimeout(late);
    signal?.removeEventListener('abort', stop);
    pool.tasks -= 1;
    pool.bytes -= bytes;
    telemetry.threadSeconds.observe({ lane }, (performance.now() - begun) / 1000);
    if (pool.tasks === 0) pool.idle = setTimeout(() => void retire(lane, pool), IDLE_MS).unref();
  }
}

const crowded = (what: string, deed: TaskLimits['deed']): Unavailable =>
  new Unavailable(`${what} can't be ${PAST[deed]} now: too much else is waiting to be`);

async function retire(lane: Lane, pool: Pool): Promise<void> {
  if (pools.get(lane) === pool) pools.delete(lane);
  await pool.threads.destroy();
}

/** Ends all threads; tasks that run or wait fail. */
export async function stopThreads(): Promise<void> {
  const ending = [...pools.values()];
  pools.clear();
  for (const { idle } of ending) clearTimeout(idle);
  await Promise.all(ending.map(({ threads }) => threads.destroy()));
}
