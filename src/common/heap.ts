import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const GROWTH_PERCENT = 30;

/**
 * Makes V8 collect garbage when the heap has grown by 30 % over the live objects, instead of by 100 % or more: with
 * many long-lived objects that saves much memory. Costs a few per cent of a core.
 */
export function keepHeapTight(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}

/** Pause between two looks, milliseconds. */
const LOOK_MS = 5_000;
/** Share of time that the event loop works, below which the process is quiet. */
const QUIET_SHARE = 0.05;
/** Number of quiet looks in a row after which the heap is given back. */
const QUIET_LOOKS = 2;
/** Growth of the heap since it was last given back that is worth a collection, bytes. */
const WORTH_BYTES = 24 * 1024 * 1024;
/** Least number of looks from one collection to the next. */
const LOOKS_BETWEEN = 12;
/** Time that a collection may take, milliseconds: after one that took longer there is none any more. */
const LONGEST_MS = 200;

/**
 * Decides when a heap that has grown is given back: once the process has been quiet for a while, at most once a minute,
 * and never again where it holds up the event loop for long, as it does with hundreds of MB of live objects.
 */
export class QuietHeap {
  private quietLooks = 0;
  private looksSince = LOOKS_BETWEEN;
  private bytesAfter = 0;
  private isTooLarge = false;

  /**
   * Tells whether the heap should be given back now.
   *
   * @param workedShare share of the time since the last look in which the event loop worked
   * @param bytes size of the heap
   */
  look(workedShare: number, bytes: number): boolean {
    this.quietLooks = workedShare < QUIET_SHARE ? this.quietLooks + 1 : 0;
    this.looksSince += 1;
    if (this.isTooLarge || this.quietLooks < QUIET_LOOKS || this.looksSince < LOOKS_BETWEEN) return false;
    return bytes - this.bytesAfter > WORTH_BYTES;
  }

  /**
   * Notes that the heap was given back.
   *
   * @param tookMs time that it took
   * @param bytes size of the heap afterwards
   */
  noteGivenBack(tookMs: number, bytes: number): void {
    this.looksSince = 0;
    this.bytesAfter = bytes;
    this.isTooLarge = tookMs > LONGEST_MS;
  }
}

/**
 * Gives the memory of a burst, or of the start, back to the system when the process is quiet. V8 by itself keeps the
 * pages of young objects for good, and collects old ones only when they grow in number.
 *
 * @returns function that stops it
 */
export function giveBackWhenQuiet(): () => void {
  const heap = new QuietHeap();
  let before = performance.eventLoopUtilization();
  const timer = setInterval(() => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    if (!heap.look(utilization, heapBytes())) return;
    const begunAt = performance.now();
    collectGarbage();
    heap.noteGivenBack(performance.now() - begunAt, heapBytes());
    // The collection is no work of the next look.
    before = performance.eventLoopUtilization();
  }, LOOK_MS).unref();
  return () => clearInterval(timer);
}

const heapBytes = (): number => getHeapStatistics().total_heap_size;

/** Collects all garbage at once, on the event loop. The young generation shrinks to its least size with it. */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  // Only contexts that are made while the flag is set have the function.
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
}
