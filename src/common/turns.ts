/**
 * Length of a slice, milliseconds: long enough that waiting for a turn costs little, short enough not to delay other
 * work noticeably.
 */
const TURN_MS = 10;
/**
 * Largest number of steps between two looks at the clock, which takes as long as a short step. As many only once steps
 * are so short that all of them take less than `SHORT_MS`.
 */
const UNLOOKED_AT_MOST = 8;
const SHORT_MS = 0.1;

/**
 * Splits long work into slices: `await turns.next()` between its steps gives other work its turn whenever a slice is
 * over.
 */
export class Turns {
  private endsAt: number;
  private readonly deadline: number;
  private lookedAt: number;
  /** Number of steps from one look at the clock to the next, and those of them that are left. */
  private stride = 1;
  private left = 1;

  /**
   * @param timeoutMs time for the whole work, milliseconds
   * @param late returns the error to throw when it takes longer
   */
  constructor(
    timeoutMs = Infinity,
    private readonly late?: () => Error,
  ) {
    const now = performance.now();
    this.lookedAt = now;
    this.endsAt = now + TURN_MS;
    this.deadline = now + timeoutMs;
  }

  /** Tells whether the slice is over; asked after each step. */
  get isOver(): boolean {
    if (--this.left > 0) return false;
    const now = performance.now();
    const isOver = now >= this.endsAt;
    const areShort = !isOver && now - this.lookedAt < SHORT_MS;
    this.stride = areShort ? Math.min(2 * this.stride, UNLOOKED_AT_MOST) : 1;
    this.left = this.stride;
    this.lookedAt = now;
    return isOver;
  }

  /** Returns undefined while the slice lasts, so that frequent callers need not await. */
  next(): Promise<void> | undefined {
    return this.isOver ? this.yield() : undefined;
  }

  private async yield(): Promise<void> {
    await turn();
    const now = performance.now();
    if (now > this.deadline && this.late !== undefined) throw this.late();
    this.lookedAt = now;
    this.endsAt = now + TURN_MS;
  }
}

/**
 * Work that waits for its next slice, of all `Turns`. Each round of the event loop runs one slice, however many wait.
 */
const waiting: (() => void)[] = [];

function turn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(goOn);
  });
}

function goOn(): void {
  const next = waiting.shift()!;
  if (waiting.length > 0) setImmediate(goOn);
  next();
}

/** Like `map`, in slices: other work gets its turn between the items. */
export async function mapInTurns<T, R>(
  items: readonly T[],
  change: (item: T, index: number) => R,
): Promise<R[]> {
  const turns = new Turns();
  const changed: R[] = [];
  for (const [index, item] of items.entries()) {
    changed.push(change(item, index));
    if (turns.isOver) await turns.next();
  }
  return changed;
}

/** Runs a generator to its end and returns its result; other work gets its turn between the steps. */
export async function inTurns<T>(steps: Generator<unknown, T>): Promise<T> {
  const turns = new Turns();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (turns.isOver) await turns.next();
  }
}
