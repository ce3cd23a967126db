const FIRST_PAUSE_MS = 15_000;
const LONGEST_PAUSE_MS = 3_600_000;
/**
 * Number of good answers in a row after which a target is asked together with others again; doubled by each accusation.
 */
const CLEAN_ANSWERS = 5;
const DOUBLINGS_AT_MOST = 8;
const SUSPECTS_AT_MOST = 1_000;

interface Suspicion {
  accused: number;
  /** Number of times it ended a process that nobody else had asked anything. */
  convicted: number;
  clean: number;
  /** Moment until which it is not asked, by `performance.now()`. */
  asideUntil: number;
}

/**
 * Targets whose answers may have ended a process that reads.
 *
 * - Trusted: asked together with others.
 * - Suspect (`accuse`): asked alone, until enough good answers cleared it.
 * - Aside (`convict`): its answer ended a process that read it alone; it is not asked for a while, twice as long each
 *   time.
 */
export class Suspects {
  /** Suspicions by target, the longest accused first. */
  private readonly suspicions = new Map<string, Suspicion>();

  has(target: string): boolean {
    return this.suspicions.has(target);
  }

  /** Returns the milliseconds from now for which a target is not asked; 0 when it may be. */
  pauseOf(target: string, now: number): number {
    return Math.max(0, (this.suspicions.get(target)?.asideUntil ?? 0) - now);
  }

  /** Counts the targets that are not asked now. */
  asideAt(now: number): number {
    let aside = 0;
    for (const { asideUntil } of this.suspicions.values()) if (asideUntil > now) aside++;
    return aside;
  }

  /** Notes that a target was being read, among others, when a process ended. */
  accuse(target: string): void {
    const suspicion = this.suspicionOf(target);
    suspicion.accused = Math.min(suspicion.accused + 1, DOUBLINGS_AT_MOST);
    suspicion.clean = 0;
  }

  /** Notes that a target was asked alone, and the process ended. @returns milliseconds for which it is not asked */
  convict(target: string, now: number): number {
    const suspicion = this.suspicionOf(target);
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** suspicion.convicted, LONGEST_PAUSE_MS);
    suspicion.convicted = Math.min(suspicion.convicted + 1, DOUBLINGS_AT_MOST);
    suspicion.clean = 0;
    suspicion.asideUntil = now + pauseMs;
    return pauseMs;
  }

  /** Notes that a target was asked alone, and all went well. */
  clear(target: string): void {
    const suspicion = this.suspicions.get(target);
    if (suspicion === undefined) return;
    suspicion.clean++;
    if (suspicion.clean >= CLEAN_ANSWERS * 2 ** (suspicion.accused + suspicion.convicted - 1))
      this.suspicions.delete(target);
  }

  private suspicionOf(target: string): Suspicion {
    let suspicion = this.suspicions.get(target);
    if (suspicion === undefined) {
      suspicion = { accused: 0, convicted: 0, clean: 0, asideUntil: 0 };
      this.suspicions.set(target, suspicion);
      const [longest] = this.suspicions.keys();
      if (this.suspicions.size > SUSPECTS_AT_MOST) this.suspicions.delete(longest!);
    }
    return suspicion;
  }
}
