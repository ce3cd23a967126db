/**
 * Reasons for which a datagram is refused: words for logs, metrics and people alike. None holds what the sender said.
 */
export const REFUSALS = [
  'not an SNMP message',
  'not a notification',
  'unknown community',
  'unknown user',
  'security level too low',
  'wrong key',
  'replayed',
  'too many unknown engines',
  'network not allowed',
  'labels not allowed',
] as const;

export type RefusalReason = (typeof REFUSALS)[number];

export interface Refusal {
  reason: RefusalReason;
  /** Id of the source that would have let it in, where it is to be told. */
  source?: string;
  /** Id of the engine that a replayed message claims to be from, in hexadecimal. */
  engineId?: string;
}

export const refusal = (reason: RefusalReason, source?: string): Refusal => ({
  reason,
  ...(source === undefined ? {} : { source }),
});
