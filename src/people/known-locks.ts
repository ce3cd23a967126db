import { keepNewest } from '../common/newest';

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
  /** Moments at which they end, and until which they are believed, by key; the one learnt last is at the end. */
  private readonly known = new Map<string, { endsAt: number; believedUntil: number }>();

  learn(locks: readonly Lock[], now: number): void {
    for (const { key, seconds } of locks) {
      const lock = { endsAt: now + seconds * 1_000, believedUntil: now + BELIEVED_MS };
      keepNewest(this.known, nameOf(key), lock, LOCKS_AT_MOST);
    }
  }

  /** Returns for how many seconds any of these is locked, as far as is believed; 0 where none is. */
  secondsLeft(keys: readonly Buffer[], now: number): number {
    const ends = keys.map((key) => {
      const lock = this.known.get(nameOf(key));
      return lock === undefined || now >= lock.believedUntil ? now : lock.endsAt;
    });
    return Math.max(0, Math.ceil((Math.max(...ends) - now) / 1_000));
  }
}

const nameOf = (key: Buffer): string => key.toString('latin1');
