const REMEMBERED_MS = 60_000;
const MAX_REMEMBERED = 100_000;

type Fate = 'waits' | 'kept';

/**
 * Informs of the last minute, by key: an inform that is sent again because its acknowledgement was lost is recognised
 * as the same one. It `waits` until it is committed or on disk, and is then `kept`.
 */
export class Informs {
  private readonly fates = new Map<string, { fate: Fate; until: number }>();

  /** Returns what is known of an inform; undefined when it is new: it waits from now on. */
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

  /** Forgets a lost inform, so that it is new when it is sent again. */
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
