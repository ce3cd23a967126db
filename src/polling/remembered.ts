import type { Clock } from '../common/clock';

const MAX_REMEMBERED = 1_000;

interface Asked<T> {
  answer: Promise<T>;
  /** Begin and length of the time in which it serves; undefined while it is under way: then it serves all who ask. */
  serves?: { from: number; ms: number };
}

/**
 * Answers by key, each of which serves all who ask while it is under way or fresh, such as the services of one batch.
 */
export class Remembered<T> {
  private readonly asked = new Map<string, Asked<T>>();

  constructor(
    private readonly clock: Clock,
    private readonly options: {
      /** Time after its end for which an answer serves, milliseconds. */
      freshMs: number;
      /**
       * Time after its end for which a failure serves, milliseconds, so that callers do not wait for it again at once.
       */
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

  /** Tells whether an answer still serves; not for longer than it may when the clock goes back. */
  private serves({ serves }: Asked<T>): boolean {
    if (serves === undefined) return true;
    const elapsed = this.now() - serves.from;
    return elapsed >= 0 && elapsed < serves.ms;
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
