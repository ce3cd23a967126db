/**
 * Shares runs of some work between callers: one run serves all callers that asked before it began. A call during a run
 * gets the next one, since the run under way may have missed its change.
 *
 * At most one run is under way, and at most one waits for it to end.
 */
export class SharedRun {
  private running?: Promise<void>;
  private next?: Promise<void>;

  constructor(private readonly work: () => Promise<void>) {}

  /**
   * Waits for a run that begins after this call.
   *
   * @throws what the work throws
   */
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
