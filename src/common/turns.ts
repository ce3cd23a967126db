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
    await turn();
    const now = performance.now();
    if (now > this.deadline && this.late !== undefined) throw this.late();
    this.endsAt = now + TURN_MS;
  }
}

/** Work of all that is done in slices: one of it goes on in each round of the event loop, however much there is. */
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

/** As `map`; others have their turn between the items. */
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

/** What a generator returns; others have their turn between its steps. */
export async function inTurns<T>(steps: Generator<unknown, T>): Promise<T> {
  const turns = new Turns();
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
    if (turns.isOver) await turns.next();
  }
}
