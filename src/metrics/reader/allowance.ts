import { BrokenAnswer } from './broken-answer';

/** So much at once, and so much a second in the long run. */
export class Allowance {
  private left: number;
  private at = performance.now();

  /** @param what it is that is counted, as the end of a sentence */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private readonly what: string,
  ) {
    this.left = burst;
  }

  /** @throws BrokenAnswer when there is no room for so much */
  take(amount: number): void {
    const now = performance.now();
    this.left = Math.min(this.burst, this.left + ((now - this.at) / 1000) * this.perSecond) - amount;
    this.at = now;
    if (this.left < 0) throw new BrokenAnswer(`its answer has more than ${this.what}`, 'size');
  }
}
