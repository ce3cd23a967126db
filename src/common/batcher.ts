/** An item that waits for its batch. */
interface Waiting<T, R> {
  item: T;
  resolve: (result: R) => void;
  reject: (error: unknown) => void;
}

/**
 * Makes one statement of many calls: what is asked for while a batch is under way goes together in the next one. A
 * call that comes alone waits for nobody.
 *
 * @param run answers one result for each item, in order; what it throws, every caller of the batch is thrown
 */
export class Batcher<T, R> {
  private waiting: Waiting<T, R>[] = [];
  private running = 0;

  constructor(
    private readonly run: (items: T[]) => Promise<R[]>,
    private readonly maxItems = 500,
    /** Batches under way at a time. */
    private readonly atOnce = 1,
  ) {}

  add(item: T): Promise<R> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ item, resolve, reject });
      if (this.running < this.atOnce) void this.drain();
    });
  }

  private async drain(): Promise<void> {
    this.running++;
    // What is asked for in this turn of the loop goes together.
    await new Promise(setImmediate);
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.maxItems);
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
