/** Work beside the event loop: what may be long runs on a thread, with a deadline and a bound of memory. */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import Piscina from 'piscina';
import { TooCostly, Unavailable } from './errors';
import { telemetry } from './telemetry';

/**
 * Threads for work of one purpose. None waits behind another: what a target answers a metric can't hold up an action.
 */
const LANES = {
  /** What targets answer metrics. */
  metrics: { threads: Math.min(2, availableParallelism()), heapMegabytes: 256 },
  /** What actions send, and lists of machines. */
  actions: { threads: 1, heapMegabytes: 1_024 },
  /** What the API is sent. */
  requests: { threads: 1, heapMegabytes: 512 },
} as const;

export type Lane = keyof typeof LANES;

/** Under way or waiting, in one lane. Piscina's own bound does not count tasks that have a signal. */
const TASKS_AT_ONCE = 500;
/** Of what they are given; one task alone may be larger. */
const BYTES_AT_ONCE = 64 * 1024 * 1024;
/** Threads that had nothing to do for so long end: the memory that their heaps have grown to is given back. */
const IDLE_MS = 30_000;

export interface TaskLimits {
  /** From now on until it is done, waiting included. */
  timeoutMs: number;
  /** Size of the input. */
  bytes: number;
  /** What it is about, as the subject of a sentence, and what is done to it. */
  what: string;
  deed: 'read' | 'render' | 'write';
  /** Ends it sooner, with its reason. */
  signal?: AbortSignal;
  /** Given away and not copied; nobody may use them any more. */
  transfer?: ArrayBuffer[];
}

const PAST = { read: 'read', render: 'rendered', write: 'written' };

/** Runs a function on a thread. @throws TooCostly, Unavailable, the signal's reason; Error with what it throws itself */
export type ThreadTask<I, O> = (input: I, limits: TaskLimits) => Promise<O>;

/**
 * The function that a file exports by default, run on a thread: the input and what it returns are copied, and its errors
 * keep their message alone.
 *
 * @param file without its extension
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

/** Made when the first needs it: threads take memory. */
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
    // From their sources only in specs.
    execArgv: extname(__filename) === '.ts' ? ['-r', '@swc-node/register'] : [],
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
  const count = (outcome: string) => telemetry.threadTasks.inc({ lane, outcome });
  if (pool.tasks >= TASKS_AT_ONCE || (pool.bytes > 0 && pool.bytes + bytes > BYTES_AT_ONCE)) {
    count('refused');
    throw new Unavailable(`${what} can't be ${PAST[deed]} now: too much else is waiting to be`);
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

async function retire(lane: Lane, pool: Pool): Promise<void> {
  if (pools.get(lane) === pool) pools.delete(lane);
  await pool.threads.destroy();
}

/** Ends all threads; what they have in hand fails. */
export async function stopThreads(): Promise<void> {
  const ending = [...pools.values()];
  pools.clear();
  for (const { idle } of ending) clearTimeout(idle);
  await Promise.all(ending.map(({ threads }) => threads.destroy()));
}
