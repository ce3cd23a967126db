/** What was read of one metric at one moment: a finite number, or why there is none. */
export type Reading = { value: number; counter32?: Counter32 } | { error: string };

/** Beside a number that counts up and goes round at 2^32 (RFC 2578, 7.1.6). */
export interface Counter32 {
  /** When it began to count, ms; undefined where nobody tells. */
  readonly since?: number;
}
