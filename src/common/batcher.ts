/** Item that waits for its batch, with the promise of its caller. */
interface Waiting<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

interface BatcherOptions<T> {
  /** Largest number of items in a batch. */
  maxItems?: number;
  /** Largest number of batches that run at the same time. */
  atOnce?: number;
  /**
   * Weight of waiting items from which a batch begins beside one that runs. Lighter batches wait for the running one to
   * end, so that more items go together, but not longer than `PATIENCE_MS`. For work whose start costs more than its
   * items.
   */
  heavyFrom?: number;
  weightOf?: (item: T) => number;
}

/** Time after which a running batch counts as stuck, so that lighter batches begin beside it, milliseconds. */
const PATIENCE_MS = 50;

/**
 * Gathers calls into batches: items that are added while a batch runs go together in the next one. An item that is
 * added while no batch runs starts one at once.
 *
 * Items are waiting, or in one of at most `atOnce` running batches. An item is in one batch only, and batches take
 * items in the order in which they were added. Each promise of `add` is settled by its item's batch.
 *
 * @param run returns one result for each item, in order; if it throws, every caller of the batch gets that error
 */
export class Batcher<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private weight = 0;
  private running = 0;
  /** Moment at which the last batch began, by `performance.now()`. */
  private begunAt = 0;
  private readonly options: Required<BatcherOptions<T>>;

  constructor(
    private readonly run: (items: T[]) => Promise<R[]>,
    options: BatcherOptions<T> = {},
  ) {
    this.options = { maxItems: 500, atOnce: 1, heavyFrom: 0, weightOf: () => 1, ...options };
  }

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      this.weight += this.options.weightOf(item);
      if (this.mayRun(this.running)) void this.drain();
    });
  }

  /** Tells whether another batch may begin beside so many running ones. */
  private mayRun(others: number): boolean {
    const { atOnce, heavyFrom } = this.options;
    if (others === 0) return true;
    const isStuck = performance.now() - this.begunAt > PATIENCE_MS;
    return others < atOnce && (this.weight >= heavyFrom || isStuck);
  }

  private async drain(): Promise<void> {
    this.running++;
    // What is asked for in this turn of the loop goes together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0 && this.mayRun(this.running - 1)) {
      const batch = this.waiting.splice(0, this.options.maxItems);
      for (const { item } of batch) this.weight -= this.options.weightOf(item);
      this.begunAt = performance.now();
      try {
        const results = await this.run(batch.map(({ item }) => item));
        batch.forEach(({ resolve }, index) => resolve(results[index]!));
      } catch (error) {
        batch.forEach(({ reject }) => reject(error));
      }
    }
    this.running--;
  }
}
