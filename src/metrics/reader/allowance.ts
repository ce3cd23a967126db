import { BrokenAnswer } from './broken-answer';

/** Allowance for what a target may send: a burst at once, and a rate in the long run. */
export class Allowance {
  private left: number;
  private at = performance.now();

  /** @param what unit with its limit, as the end of a sentence */
  constructor(
    private readonly burst: number,
    private readonly perSecond: number,
    private readonly what: string,
  ) {
    this.left = burst;
  }

  /**
   * Takes an amount off the allowance.
   *
   * @throws BrokenAnswer when there is no room for so much
   */
  take(amount: number): void {
    const now = performance.now();
    this.left = Math.min(this.burst, this.left + ((now - this.at) / 1000) * this.perSecond) - amount;
    this.at = now;
    if (this.left < 0) throw new BrokenAnswer(`its answer has more than ${this.what}`, 'size');
  }
}
