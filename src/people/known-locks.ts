/** Time that a lock is believed without looking again: one that somebody lifts in PostgreSQL is over soon everywhere. */
const BELIEVED_MS = 60_000;
const LOCKS_AT_MOST = 10_000;

/** Account or address, by its key, that is locked. */
export interface Lock {
  key: Buffer;
  seconds: number;
}

/**
 * Locks that PostgreSQL has told of. Until they end, which they never do early, a flood of guesses at them is refused
 * without asking again.
 */
export class KnownLocks {
  /** Moments until which they are locked, by key; the one learnt last is at the end. */
  private readonly until = new Map<string, number>();

  learn(locks: readonly Lock[], now: number): void {
    for (const { key, seconds } of locks) {
      const name = nameOf(key);
      this.until.delete(name);
      this.until.set(name, now + Math.min(seconds * 1_000, BELIEVED_MS));
      if (this.until.size > LOCKS_AT_MOST) this.until.delete(this.until.keys().next().value!);
    }
  }

  /** Returns for how many seconds any of these is locked, as far as is known; 0 where none is. */
  secondsLeft(keys: readonly Buffer[], now: number): number {
    const ends = keys.map((key) => this.until.get(nameOf(key)) ?? now);
    return Math.max(0, Math.ceil((Math.max(...ends) - now) / 1_000));
  }
}

const nameOf = (key: Buffer): string => key.toString('latin1');
