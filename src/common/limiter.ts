/**
 * Limits how many run at the same time.
 *
 * Each place is free or taken. `take` waits in order for a place; `acquire` never waits. While somebody waits no place is
 * free: whoever is done hands its place on.
 */
export class Limiter {
  private free: number;
  private readonly queue: (() => void)[] = [];
  private whenIdle?: () => void;

  /**
   * @param waitingAtMost largest number of calls that wait
   * @param full returns the error to throw when so many wait already
   */
  constructor(
    private readonly places: number,
    private readonly waitingAtMost = Infinity,
    private readonly full = () => new Error(`more than ${waitingAtMost} wait already`),
  ) {
    this.free = places;
  }

  get isIdle(): boolean {
    return this.free === this.places;
  }

  /** True when whoever came now would be refused. */
  get isFull(): boolean {
    return this.free === 0 && this.queue.length >= this.waitingAtMost;
  }

  /**
   * Runs the work once there is a place.
   *
   * @throws what `full` returns; what the work throws
   */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free -= 1;
    else if (this.isFull) throw this.full();
    else await new Promise<void>((resolve) => this.queue.push(resolve));
    try {
      return await work();
    } finally {
      this.release(1);
    }
  }

  /**
   * Takes up to `wanted` places that are free; `release` gives them back.
   *
   * @returns how many it took
   */
  acquire(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.free -= taken;
    return taken;
  }

  release(count: number): void {
    for (let left = count; left > 0; left--) {
      const next = this.queue.shift();
      if (next === undefined) {
        this.free += left;
        break;
      }
      next();
    }
    if (this.isIdle) this.whenIdle?.();
  }

  /** Resolves once all places are free. */
  async idle(): Promise<void> {
    if (!this.isIdle) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }
}
