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

/**
 * Makes V8 keep the code that it has compiled. By itself it throws away what was not run between two collections, so that
 * the first alert after a quiet time is compiled anew: 9 ms to its webhook instead of 6.
 */
export function keepCode(): void {
  setFlagsFromString('--no-flush-bytecode');
}

/** Pause between two looks, milliseconds. */
const LOOK_MS = 5_000;
/** Processors that the process uses, below which it is quiet. */
const QUIET_CORES = 0.1;
/** Number of quiet looks in a row after which the heap is given back. */
const QUIET_LOOKS = 2;
/** Growth of the heap since it was last given back that is worth a collection, bytes. */
const WORTH_BYTES = 24 * 1024 * 1024;
/** Processors that a burst uses at least. */
const BURST_CORES = 0.2;
/** Least number of looks from one collection to the next: after a burst, and where there was none. */
const LOOKS_BETWEEN = { burst: 6, none: 120 };
/** CPU time that a collection may take, milliseconds: after one that took more there is none any more. */
const MOST_CPU_MS = 300;

/**
 * Decides when a heap that has grown is given back: once the process has been quiet for a while; every ten minutes at
 * most, after a burst every half a minute; never again where it takes long, as it does with hundreds of MB of live objects, since
 * it holds up the event loop.
 */
export class QuietHeap {
  private quietLooks = 0;
  private looksSince = LOOKS_BETWEEN.none;
  private between = LOOKS_BETWEEN.none;
  private bytesAfter = 0;
  private isTooLarge = false;

  /**
   * Tells whether the heap should be given back now.
   *
   * @param cores processors used since the last look
   * @param bytes size of the heap
   */
  look(cores: number, bytes: number): boolean {
    this.quietLooks = cores < QUIET_CORES ? this.quietLooks + 1 : 0;
    this.looksSince += 1;
    if (cores >= BURST_CORES) this.between = LOOKS_BETWEEN.burst;
    if (this.isTooLarge || this.quietLooks < QUIET_LOOKS || this.looksSince < this.between) return false;
    return bytes - this.bytesAfter > WORTH_BYTES;
  }

  /**
   * Notes that the heap was given back.
   *
   * @param cpuMs CPU time that it took
   * @param bytes size of the heap afterwards
   */
  noteGivenBack(cpuMs: number, bytes: number): void {
    this.looksSince = 0;
    this.between = LOOKS_BETWEEN.none;
    this.bytesAfter = bytes;
    this.isTooLarge = cpuMs > MOST_CPU_MS;
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
  let cpu = process.cpuUsage();
  let lookedAt = performance.now();
  const timer = setInterval(() => {
    const usedMs = cpuMsSince(cpu);
    const passedMs = performance.now() - lookedAt;
    if (heap.look(usedMs / passedMs, heapBytes())) {
      collectGarbage();
      heap.noteGivenBack(cpuMsSince(cpu) - usedMs, heapBytes());
    }
    // The collection is no work of the next look.
    cpu = process.cpuUsage();
    lookedAt = performance.now();
  }, LOOK_MS).unref();
  return () => clearInterval(timer);
}

function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
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
