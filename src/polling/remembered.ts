import type { Clock } from '../common/clock';

const MAX_REMEMBERED = 1_000;

interface Asked<T> {
  answer: Promise<T>;
  /** From when on, and for how long; undefined while it is under way: then it serves everybody. */
  serves?: { from: number; ms: number };
}

/** Answers that serve, by key, everybody who asks while they are fresh: the services of one batch. */
export class Remembered<T> {
  private readonly asked = new Map<string, Asked<T>>();

  constructor(
    private readonly clock: Clock,
    private readonly options: {
      /** How long after its end an answer serves. */
      freshMs: number;
      /** What fails is not asked again at once: each time somebody waits for it. */
      failedMs: number;
    },
  ) {}

  get(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.asked.get(key);
    if (known !== undefined && this.serves(known)) return known.answer;
    const begun: Asked<T> = { answer: ask() };
    const serve = (ms: number): void => void (begun.serves = { from: this.now(), ms });
    begun.answer.then(
      () => serve(this.options.freshMs),
      () => serve(this.options.failedMs),
    );
    if (this.asked.size >= MAX_REMEMBERED) this.asked.clear();
    this.asked.set(key, begun);
    return begun.answer;
  }

  /** Not for longer than it may, though the clock goes back. */
  private serves({ serves }: Asked<T>): boolean {
    if (serves === undefined) return true;
    const elapsed = this.now() - serves.from;
    return elapsed >= 0 && elapsed < serves.ms;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
