/** Keeps question and answer below the 1472 bytes that Ethernet carries unfragmented. */
const OBJECTS_AT_MOST = 40;
/** After so long an agent is asked for more at once again: it may be another one by now. */
const COUNTS_MS = 6 * 3_600_000;

/**
 * How many objects an agent answers in one question, as far as is known. RFC 3416, 4.2.1, knows no limit and has tooBig for
 * an answer that doesn't fit; agents that take ten or one, and drop what has more without a word, are many.
 */
export class QuestionSize {
  /** The most that were answered since it was silent last; of one that has a limit, since that was met. */
  private answered = 0;
  /** The fewest that were too many. */
  private tooMany = Infinity;
  private metAt = 0;
  private turn = 0;

  /** Objects to ask for in one question. Below what was too many it is found by doubling. */
  atMost(now: number): number {
    if (now - this.metAt > COUNTS_MS) this.tooMany = Infinity;
    if (this.tooMany === Infinity) return OBJECTS_AT_MOST;
    const twice = Math.max(1, this.answered * 2);
    return twice < this.tooMany ? twice : Math.max(1, Math.min(this.answered, this.tooMany - 1));
  }

  get isLimited(): boolean {
    return this.tooMany !== Infinity;
  }

  /** So many it is known to answer. */
  get proven(): number {
    return Math.max(1, this.answered);
  }

  /** Is a question of so many known to be answered, where the agent answers at all? */
  hasAnswered(objects: number): boolean {
    return objects === 1 || objects <= this.answered;
  }

  noteAnswer(objects: number): void {
    this.answered = Math.max(this.answered, objects);
    if (this.answered >= this.tooMany) this.tooMany = Infinity;
  }

  /** Not answered, by an agent that answers others. */
  noteTooMany(objects: number, now: number): void {
    this.tooMany = Math.min(this.tooMany, objects);
    this.answered = Math.min(this.answered, objects - 1);
    this.metAt = now;
  }

  noteSilence(): void {
    if (!this.isLimited) this.answered = 0;
  }

  /** Which of several to ask for alone: each time another, as one of them may be what it is silent about. */
  next(objects: number): number {
    return this.turn++ % objects;
  }
}
