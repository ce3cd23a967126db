/** Object identifiers as people write them. */
import { oidOfName } from './object-names';

/** Most numbers of an OID; each has 32 bits, RFC 2578, 3.5. */
const OID_NUMBERS = 128;

export const OID = /^\.?[0-2](?:\.\d{1,10}){2,}$/;
export const OID_HINT = 'must be an object identifier in numbers, such as 1.3.6.1.2.1.1.3.0';

/**
 * Returns the OID in numbers, without the leading dot that some tools write. A name that no module has any more stays.
 */
export function normalOid(oid: string): string {
  if (oid.charCodeAt(0) <= NINE) return oid.charCodeAt(0) === DOT ? oid.slice(1) : oid;
  return oidOfName(oid) ?? oid;
}

const DOT = 46;
const NINE = 57;

/** Returns why a text that looks like an object identifier is none, as the end of a sentence. */
export function oidProblem(oid: string): string | undefined {
  const numbers = normalOid(oid).split('.').map(Number);
  if (numbers.length > OID_NUMBERS) return `must have at most ${OID_NUMBERS} numbers`;
  return numbers.some((number) => number > 0xffffffff) ? 'has a number above 4294967295' : undefined;
}
