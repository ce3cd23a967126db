import type { Answer, SentAtOnce } from './snmp-agent';

/**
 * Question that was sent. It waits for its answer; then perhaps its first try is over; and it ends once, by an answer,
 * a failure, or because it is given up.
 */
export class SentQuestion implements SentAtOnce {
  private outcome?: Answer;
  private isLate = false;
  private soon?: (answer: Answer | undefined) => void;
  private ended?: (answer: Answer) => void;
  private kept?: Promise<Answer>;

  /** @param whenOver called when it has ended */
  constructor(private readonly whenOver: () => void) {}

  get answer(): Promise<Answer> {
    this.kept ??= new Promise((resolve) => {
      if (this.outcome === undefined) this.ended = resolve;
      else resolve(this.outcome);
    });
    return this.kept;
  }

  whenSoon(listener: (answer: Answer | undefined) => void): void {
    if (this.outcome !== undefined || this.isLate) listener(this.outcome);
    else this.soon = listener;
  }

  giveUp(): void {
    this.end({ failure: new Error('it is asked for less') });
  }

  /** Notes that the first try is over. */
  late(): void {
    if (this.outcome !== undefined || this.isLate) return;
    this.isLate = true;
    this.tellSoon(undefined);
  }

  /** Ends it; what comes after its end is nobody's. */
  end(answer: Answer): void {
    if (this.outcome !== undefined) return;
    this.outcome = answer;
    this.whenOver();
    this.tellSoon(answer);
    this.ended?.(answer);
  }

  private tellSoon(answer: Answer | undefined): void {
    const { soon } = this;
    this.soon = undefined;
    soon?.(answer);
  }
}
