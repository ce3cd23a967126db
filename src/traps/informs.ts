const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 100_000;

type Fate = 'waits' | 'kept';

/** Informs of the last minute: one that is sent again, as its acknowledgement was lost, is the same one. */
export class Informs {
  private readonly fates = new Map<string, { fate: Fate; until: number }>();

  /** What is known of it; undefined: it is new, and waits from now on. */
  meet(key: string, now: Date): Fate | undefined {
    this.forgetOld(now.getTime());
    const known = this.fates.get(key)?.fate;
    if (known === undefined) this.fates.set(key, { fate: 'waits', until: now.getTime() + REMEMBERED_MS });
    return known;
  }

  keep(key: string): void {
    const known = this.fates.get(key);
    if (known !== undefined) known.fate = 'kept';
  }

  /** It was lost: sent again, it is new. */
  forget(key: string): void {
    this.fates.delete(key);
  }

  private forgetOld(now: number): void {
    for (const [key, { until }] of this.fates) {
      if (until > now && this.fates.size < MAX_REMEMBERED) return;
      this.fates.delete(key);
    }
  }
}
