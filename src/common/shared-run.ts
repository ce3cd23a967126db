/**
 * One run of some work serves all who asked before it began. Whoever asks while it runs gets the next one: what he
 * wants to be seen may have come too late for this one.
 */
export class SharedRun {
  private running?: Promise<void>;
  private next?: Promise<void>;

  constructor(private readonly work: () => Promise<void>) {}

  /** A run that begins after this call. @throws what the work throws */
  run(): Promise<void> {
    this.next ??= this.begin();
    return this.next;
  }

  private async begin(): Promise<void> {
    // How it ended is told to those who waited for it.
    await this.running?.catch(() => undefined);
    this.next = undefined;
    this.running = this.work();
    await this.running;
  }
}
