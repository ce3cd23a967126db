import { BerError, BerReader, signed64 } from './ber';
import { exact } from './plain-value';

const HEAD = 0x9f;
/** Types of draft-perkins-opaque-01, as Net-SNMP's asn1.h has them. */
const COUNTER64 = 0x76;
const FLOAT = 0x78;
const DOUBLE = 0x79;
const INTEGER64 = 0x7a;
const UNSIGNED64 = 0x7b;

/** Returns the number that Net-SNMP wraps in an Opaque, as in UCD-SNMP's laLoadFloat; undefined when it is none. */
export function numberInOpaque(opaque: Buffer): number | undefined {
  if (opaque[0] !== HEAD) return undefined;
  const type = opaque[1]!;
  try {
    const reader = new BerReader(opaque, 1);
    const outer = reader.enter(type);
    const bytes = reader.octetsInside();
    if (type === FLOAT || type === DOUBLE)
      return opaque.length === 3 + bytes.length ? floatIn(bytes) : undefined;
    if (type === INTEGER64) return integer64(bytes);
    const number = type === COUNTER64 || type === UNSIGNED64 ? reader.unsigned64Inside() : undefined;
    reader.leave(outer);
    return number;
  } catch (error) {
    if (error instanceof BerError) return undefined;
    throw error;
  }
}

/** Returns the same, as text where a JavaScript number would be rounded. */
export function exactInOpaque(opaque: Buffer): string | number | undefined {
  const number = numberInOpaque(opaque);
  const type = opaque[1];
  if (number === undefined || type === FLOAT || type === DOUBLE) return number;
  const reader = new BerReader(opaque, 1);
  reader.enter(type!);
  return exact(number, reader.octetsInside(), type === INTEGER64);
}

/**
 * Reads a signed number of up to eight bytes, or of nine when the first is zero; the sign is then that of the other
 * eight.
 */
function integer64(bytes: Buffer): number | undefined {
  if (bytes.length > 9 || (bytes.length === 9 && bytes[0] !== 0)) return undefined;
  return signed64(bytes.length === 9 ? bytes.subarray(1) : bytes);
}

/** Reads an IEEE 754 number of four or eight bytes. */
export function floatIn(bytes: Buffer): number | undefined {
  if (bytes.length === 4) return bytes.readFloatBE(0);
  return bytes.length === 8 ? bytes.readDoubleBE(0) : undefined;
}
