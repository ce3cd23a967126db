import { setImmediate as others } from 'node:timers/promises';

/** Long enough that waiting for one's turn costs little, short enough that nobody else notices. */
const TURN_MS = 10;

/** Work in slices: `await turns.next()` between its steps lets others have their turn whenever a slice is over. */
export class Turns {
  private endsAt = performance.now() + TURN_MS;
  private readonly deadline: number;

  /** @param late what is thrown when all of it takes longer than the milliseconds given */
  constructor(
    timeoutMs = Infinity,
    private readonly late?: () => Error,
  ) {
    this.deadline = performance.now() + timeoutMs;
  }

  get isOver(): boolean {
    return performance.now() >= this.endsAt;
  }

  /** For what is asked often: nothing is to be awaited while the slice lasts. */
  next(): Promise<void> | undefined {
    return this.isOver ? this.yield() : undefined;
  }

  private async yield(): Promise<void> {
    await others();
    const now = performance.now();
    if (now > this.deadline && this.late !== undefined) throw this.late();
    this.endsAt = now + TURN_MS;
  }
}
