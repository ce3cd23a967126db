/** Counts permits. `acquire` takes what is free and never waits; `idle` waits until all are back. */
export class Semaphore {
  private free: number;
  private whenIdle?: () => void;

  constructor(private readonly permits: number) {
    this.free = permits;
  }

  /**
   * Takes up to `wanted` permits.
   *
   * @returns how many it took
   */
  acquire(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.free -= taken;
    return taken;
  }

  release(count: number): void {
    this.free += count;
    if (this.free === this.permits) this.whenIdle?.();
  }

  /** Resolves once all permits have been released. */
  async idle(): Promise<void> {
    if (this.free < this.permits) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }
}
