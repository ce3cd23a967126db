/** Time for which rules that were replaced are not taken again by a process that has not seen them come, milliseconds. */
export const STALE_MS = 5 * 60_000;
/** Time after which files that could not be applied are tried again, milliseconds: what they name may be there by then. */
export const AGAIN_MS = 60_000;

/** What is known when a process decides what to do with the files that it sees. */
export interface Facts {
  /** Hash of the files. */
  hash: string;
  /** Hash of what was applied last; null before the first time. */
  applied: string | null;
  /** Hash of what was found wrong last; null when nothing is. */
  failed: string | null;
  /** What was applied before that, with the milliseconds since it was replaced. */
  superseded: readonly { hash: string; agoMs: number }[];
  /** Whether this process has seen its files change. */
  hasChanged: boolean;
  /** Whether something was kept, since it was in use, or could not be applied. */
  isOpen: boolean;
  /** Milliseconds since the last attempt of this process; Infinity before the first. */
  attemptedMs: number;
}

/**
 * What to do now: `apply` the files; `rest`, as they are applied; `wait`, as they are older than what was applied: another
 * process has newer ones, and this one's mount is behind; `again` to look whether what was left open can be done by now.
 */
export type Turn = 'apply' | 'rest' | 'wait' | 'again';

export function turnOf({ hash, applied, failed, superseded, ...facts }: Facts): Turn {
  if (hash === applied && failed === null)
    return facts.isOpen && facts.attemptedMs >= AGAIN_MS ? 'again' : 'rest';
  if (hash === failed && facts.attemptedMs < AGAIN_MS) return 'rest';
  const isStale = superseded.some((one) => one.hash === hash && one.agoMs < STALE_MS);
  return isStale && hash !== applied && !facts.hasChanged ? 'wait' : 'apply';
}
