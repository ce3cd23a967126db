import { SilentObjects } from './silent-objects';

/** Most objects of one question: keeps question and answer below the 1472 bytes that Ethernet carries unfragmented. */
const OBJECTS_AT_MOST = 40;
/** Time after which a known limit is tried again, as another agent may have the address by now. */
const COUNTS_MS = 6 * 3_600_000;

/**
 * Number of objects that an agent answers in one question, as far as is known. RFC 3416, 4.2.1, has no limit and has
 * tooBig for an answer that doesn't fit; but many agents take ten or one and silently drop larger questions.
 *
 * - Without a known limit, `OBJECTS_AT_MOST` are asked for.
 * - A question that got no answer, or none that can be used, sets the limit; below it the size is found by doubling
 *   what was answered.
 * - The limit is dropped when a question of that size is answered, or after `COUNTS_MS`.
 */
export class QuestionSize {
  /** Most objects that were answered in one question: since the last silence, or, with a limit, since that was met. */
  private answered = 0;
  /** Fewest objects that were too many. */
  private tooMany = Infinity;
  private metAt = 0;
  /** Whether the last silence was explained by an object, and none of several objects was answered since. */
  private isInDoubt = false;
  /** Objects that are no measure of it, as any question that holds one of them is lost. */
  readonly silent = new SilentObjects();

  /** Returns the number of objects to ask for in one question. */
  atMost(now: number): number {
    if (now - this.metAt > COUNTS_MS) this.tooMany = Infinity;
    if (this.tooMany === Infinity) return OBJECTS_AT_MOST;
    const twice = Math.max(1, this.answered * 2);
    return twice < this.tooMany ? twice : Math.max(1, Math.min(this.answered, this.tooMany - 1));
  }

  get isLimited(): boolean {
    return this.tooMany !== Infinity;
  }

  /** Tells whether it knows anything that would be found out anew by asking in vain. */
  get isLearned(): boolean {
    return this.isLimited || !this.silent.isEmpty;
  }

  /** Number of objects that the agent is known to answer in one question. */
  get proven(): number {
    return Math.max(1, this.answered);
  }

  /** Tells whether the agent is known to answer a question of so many objects. */
  hasAnswered(objects: number): boolean {
    return objects === 1 || objects <= this.answered;
  }

  noteAnswer(objects: number): void {
    if (objects > 1) this.isInDoubt = false;
    this.answered = Math.max(this.answered, objects);
    if (this.answered >= this.tooMany) this.tooMany = Infinity;
  }

  /** Notes that a question of so many objects got no answer, or none that can be used. */
  noteTooMany(objects: number, now: number): void {
    this.tooMany = Math.min(this.tooMany, objects);
    this.answered = Math.min(this.answered, objects - 1);
    this.metAt = now;
  }

  /**
   * Notes that a question got no answer, which an object explains that got none alone either. The second in a row counts
   * as too many all the same: an agent that is asked too much at once may lose one at a time, too.
   */
  noteExplained(objects: number, now: number): void {
    if (this.isInDoubt) this.noteTooMany(objects, now);
    this.isInDoubt = true;
  }

  noteSilence(): void {
    if (!this.isLimited) this.answered = 0;
  }
}
