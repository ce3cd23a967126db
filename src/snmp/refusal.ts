/** Why a datagram was not taken. A word for logs, metrics and people alike; none holds what the sender said. */
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
  /** The source that would have taken it, where one is to be told. */
  source?: string;
  /** Of a replayed one: the engine that it says it is from, in hexadecimal. */
  engineId?: string;
}

export const refusal = (reason: RefusalReason, source?: string): Refusal => ({
  reason,
  ...(source === undefined ? {} : { source }),
});
