/** Time for which the files must stay as they are before they are taken, milliseconds: a copy may be half done. */
export const SETTLE_MS = 2_000;

/** Tells when what is looked at has stayed the same for long enough, by a clock that never jumps. */
export class Settling {
  private hash?: string;
  private sinceMs = 0;
  private others = 0;

  /** Notes a look, and tells whether the same was seen ever since `SETTLE_MS` ago. */
  isSettled(hash: string, nowMs: number): boolean {
    if (hash !== this.hash) {
      if (this.hash !== undefined) this.others++;
      this.hash = hash;
      this.sinceMs = nowMs;
    }
    return nowMs - this.sinceMs >= SETTLE_MS;
  }

  /** True once the files have changed under the eyes of this process. */
  get hasChanged(): boolean {
    return this.others > 0;
  }
}
