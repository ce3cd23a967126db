/** `traceparent` of W3C Trace Context (https://www.w3.org/TR/trace-context/): which span a piece of work belongs to. */

/** Place in a trace: ids in hexadecimal, and whether the trace is recorded. */
export interface TracePlace {
  traceId: string;
  spanId: string;
  isSampled: boolean;
}

/** Longest text that is looked at, characters: later versions may say more than version 00. */
const LENGTH_AT_MOST = 256;
const FORM = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const SAMPLED = 1;

/**
 * Reads a `traceparent` from outside. Undefined for what is none: the standard has a new trace begin then.
 *
 * @param given header of a request, or what was kept of one
 */
export function placeIn(given: unknown): TracePlace | undefined {
  if (typeof given !== 'string' || given.length > LENGTH_AT_MOST) return undefined;
  const [, version, traceId, spanId, flags, more] = FORM.exec(given) ?? [];
  if (version === undefined || (version === '00' && more !== undefined)) return undefined;
  return { traceId: traceId!, spanId: spanId!, isSampled: (parseInt(flags!, 16) & SAMPLED) === SAMPLED };
}

/** Returns a place as a `traceparent`, version 00. */
export const traceparentOf = ({ traceId, spanId, isSampled }: TracePlace): string =>
  `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`;
