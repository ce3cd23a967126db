/** An item that waits for its batch. */
interface Waiting<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

interface BatcherOptions<T> {
  /** Of a batch. */
  maxItems?: number;
  /** Batches under way at a time. */
  atOnce?: number;
  /**
   * While less than this waits, a batch waits for the one that is under way, unless that takes long, so that more go
   * together: for work whose beginning costs more than its items.
   */
  heavyFrom?: number;
  weightOf?: (item: T) => number;
}

/** A batch under way for longer than this is stuck: others begin beside it. */
const PATIENCE_MS = 50;

/**
 * Makes one statement of many calls: what is asked for while a batch is under way goes together in the next one. A
 * call that comes alone waits for nobody.
 *
 * @param run answers one result for each item, in order; what it throws, every caller of the batch is thrown
 */
export class Batcher<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private weight = 0;
  private running = 0;
  /** When the last batch began. */
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

  /** Beside so many others. */
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
