/** So many things at a time: takes what is free, waits for nothing but the end. */
export class Semaphore {
  private free: number;
  private whenIdle?: () => void;

  constructor(private readonly permits: number) {
    this.free = permits;
  }

  /** @returns how many of those that are wanted were free; they are taken now */
  acquire(wanted: number): number {
    const taken = Math.min(wanted, this.free);
    this.free -= taken;
    return taken;
  }

  release(count: number): void {
    this.free += count;
    if (this.free === this.permits) this.whenIdle?.();
  }

  /** Once all that are taken have been released. */
  async idle(): Promise<void> {
    if (this.free < this.permits) await new Promise<void>((resolve) => (this.whenIdle = resolve));
  }
}
