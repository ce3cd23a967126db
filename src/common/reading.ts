/** Result of reading one metric at one moment: a finite number, or why there is none. */
export type Reading = { value: number; counter32?: Counter32 } | { error: string };

/** Mark of a number that counts up and wraps at 2^32 (RFC 2578, 7.1.6). */
export interface Counter32 {
  /** Moment at which it began to count, ms since 1970; undefined when unknown. */
  readonly since?: number;
}
