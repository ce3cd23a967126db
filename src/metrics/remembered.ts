import type { Clock } from '../common/clock';

const MAX_REMEMBERED = 1_000;

interface Asked<T> {
  answer: Promise<T>;
  /** Undefined while it is under way: then it serves everybody. */
  servesUntil?: number;
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
    if (known !== undefined && (known.servesUntil ?? Infinity) > this.now()) return known.answer;
    const begun: Asked<T> = { answer: ask() };
    begun.answer.then(
      () => (begun.servesUntil = this.now() + this.options.freshMs),
      () => (begun.servesUntil = this.now() + this.options.failedMs),
    );
    if (this.asked.size >= MAX_REMEMBERED) this.asked.clear();
    this.asked.set(key, begun);
    return begun.answer;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
