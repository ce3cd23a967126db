/** Bytes that are not BER, or not the BER of SNMP. */
export class BerError extends Error {}

/** Tags of SNMP: universal ones, and those of RFC 2578, 7.1. */
export const Tag = {
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Sequence: 0x30,
  IpAddress: 0x40,
  Counter32: 0x41,
  Gauge32: 0x42,
  TimeTicks: 0x43,
  Opaque: 0x44,
  Counter64: 0x46,
  /** Type of SNMPv2p, RFC 1442: some agents still send it. */
  UInteger32: 0x47,
  NoSuchObject: 0x80,
  NoSuchInstance: 0x81,
  EndOfMibView: 0x82,
} as const;

const LONG_FORM = 0x80;
const MAX_LENGTH_BYTES = 8;
const MAX_ARCS = 128;
const MAX_ARC = 0xffff_ffff;
const HIGH = 2 ** 32;
const MAX_SIGNED = 2 ** 31;

/**
 * Reads the BER of SNMP (RFC 3417, 8; X.690) from a datagram, field by field, without copying it.
 *
 * State: the offset of the next field, and the end of the field the reader is inside. The offset never goes beyond that
 * end; `enter` narrows it to a field, and `leave` widens it again.
 *
 * What agents get wrong is read as Net-SNMP reads it, which is what their makers tried them with: lengths and arcs with
 * leading zeros, numbers in up to eight bytes (of which the last 32 bits count), and bytes behind the last part of a
 * field, which are passed over. Lengths are definite, and a field that reaches beyond the one it stands in throws a
 * `BerError`, as nothing behind it can be found. An error in the contents of a field alone makes that field's value
 * `undefined`; the fields after it are still read.
 */
export class BerReader {
  private end: number;

  constructor(
    private readonly bytes: Buffer,
    private at = 0,
  ) {
    this.end = bytes.length;
  }

  get isAtEnd(): boolean {
    return this.at >= this.end;
  }

  /** Offset of the next field; inside a field without fields, of its contents. */
  get offset(): number {
    return this.at;
  }

  /** Returns the next field's tag without consuming it. */
  peek(): number {
    if (this.at >= this.end) throw new BerError('the message is cut off');
    return this.bytes[this.at]!;
  }

  /** Goes into the next field, and returns what `leave` needs to come out again. */
  enter(tag: number): number {
    const inner = this.contents(tag);
    const outer = this.end;
    this.end = inner;
    return outer;
  }

  /** Goes into a field that may be cut off, as `enter` does: its end is then the end of the message. */
  enterCutOff(tag: number): number {
    const inner = this.contents(tag, true);
    const outer = this.end;
    this.end = inner;
    return outer;
  }

  /** Leaves a field, and skips what was not read of it. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Skips `length` bytes if they equal the expected ones; returns whether it did. */
  passIfSame(expected: Buffer, from: number, length: number): boolean {
    const { bytes, at } = this;
    if (at + length > this.end) return false;
    for (let n = 0; n < length; n++) if (bytes[at + n] !== expected[from + n]) return false;
    this.at = at + length;
    return true;
  }

  /** Reads the bytes of the next field, without copying them. */
  octets(tag: number): Buffer {
    const end = this.contents(tag);
    const octets = this.bytes.subarray(this.at, end);
    this.at = end;
    return octets;
  }

  /** Reads the next field, an INTEGER. Throws a `BerError` when its length is wrong. */
  integer(): number {
    const outer = this.enter(Tag.Integer);
    const value = this.signedInside();
    if (value === undefined) throw new BerError('a number is of no known length');
    this.leave(outer);
    return value;
  }

  /** Reads the next field, a number without a sign. Throws as `integer`. */
  unsigned(tag: number): number {
    const outer = this.enter(tag);
    const value = this.unsignedInside();
    if (value === undefined) throw new BerError('a number is of no known length');
    this.leave(outer);
    return value;
  }

  /** Reads the next field, an OID: dotted, without a leading dot. */
  oid(tag: number = Tag.Oid): string {
    const outer = this.enter(tag);
    const oid = this.oidInside();
    if (oid === undefined)
      throw new BerError('an OID is cut off, has more than 128 arcs, or one of more than 32 bits');
    this.leave(outer);
    return oid;
  }

  /** Returns the contents of the field the reader is inside. */
  octetsInside(): Buffer {
    return this.bytes.subarray(this.at, this.end);
  }

  /**
   * Returns the number in the field the reader is inside: 32 bits with a sign, or what Net-SNMP makes of a wider one.
   */
  signedInside(): number | undefined {
    const { bytes, end } = this;
    let { at } = this;
    const length = end - at;
    if (length < 1 || length > 8) return undefined;
    if (length > 4) return narrowed(...halves(bytes, at, end));
    let value = bytes[at]! >= 0x80 ? -1 : 0;
    while (at < end) value = (value << 8) | bytes[at++]!;
    return value;
  }

  /**
   * Returns the number in the field the reader is inside, without a sign. Some agents omit the leading zero byte for
   * the sign.
   */
  unsignedInside(): number | undefined {
    const { bytes, end } = this;
    const length = end - this.at;
    if (length < 1 || length > 9 || (length === 9 && bytes[this.at] !== 0)) return undefined;
    let at = length > 4 ? end - 4 : this.at;
    let value = 0;
    while (at < end) value = value * 256 + bytes[at++]!;
    return value;
  }

  /** Returns the number of 64 bits without a sign in the field; above 2^53 it is rounded. Empty contents are 0. */
  unsigned64Inside(): number | undefined {
    const { bytes, end } = this;
    const length = end - this.at;
    if (length > 9 || (length === 9 && bytes[this.at] !== 0)) return undefined;
    let value = 0;
    let at = this.at;
    const middle = Math.max(at, end - 4);
    while (at < middle) value = value * 256 + bytes[at++]!;
    let low = 0;
    while (at < end) low = low * 256 + bytes[at++]!;
    return value * HIGH + low;
  }

  /** Returns the OID in the field the reader is inside: dotted, without a leading dot. */
  oidInside(): string | undefined {
    const { bytes, end } = this;
    let { at } = this;
    if (at === end) return '0.0';
    let oid = '';
    for (let arcs = 1; at < end; arcs++) {
      let arc = 0;
      let byte = LONG_FORM;
      while (byte >= LONG_FORM) {
        if (at === end || arc > MAX_ARC) return undefined;
        byte = bytes[at++]!;
        arc = arc * 128 + (byte & 0x7f);
      }
      if (arc > MAX_ARC || arcs === MAX_ARCS) return undefined;
      oid += oid === '' ? firstArcs(arc) : `.${arc}`;
    }
    return oid;
  }

  /** Reads tag and length, and returns the offset at which the contents end. */
  private contents(tag: number, mayBeCutOff = false): number {
    if (this.peek() !== tag) throw new BerError('a field is of another type');
    this.at++;
    let length = this.byte();
    if (length >= LONG_FORM) {
      const count = length - LONG_FORM;
      if (count === 0 || count > MAX_LENGTH_BYTES) throw new BerError('a length is of no known form');
      length = 0;
      for (let n = 0; n < count; n++) length = length * 256 + this.byte();
    }
    const end = this.at + length;
    if (end <= this.end) return end;
    if (mayBeCutOff) return this.end;
    throw new BerError('the message is cut off');
  }

  private byte(): number {
    if (this.at >= this.end) throw new BerError('the message is cut off');
    return this.bytes[this.at++]!;
  }
}

/** Returns the signed number in up to eight bytes; beyond 2^53 it is rounded. No bytes are 0. */
export function signed64(bytes: Buffer): number {
  const [high, low] = halves(bytes, 0, bytes.length);
  return high * HIGH + low;
}

/** Returns the upper bits of a number with a sign, and its last 32 bits without one. */
function halves(bytes: Buffer, from: number, to: number): [high: number, low: number] {
  const middle = Math.max(from, to - 4);
  const isNegative = from < to && bytes[from]! >= 0x80;
  let high = isNegative ? -1 : 0;
  for (let at = from; at < middle; at++) high = high * 256 + bytes[at]!;
  let low = isNegative ? 2 ** (32 - 8 * (to - middle)) - 1 : 0;
  for (let at = middle; at < to; at++) low = low * 256 + bytes[at]!;
  return [high, low];
}

/** Narrows a number of more than 32 bits to its last 32, as Net-SNMP's `CHECK_OVERFLOW_S` does. */
function narrowed(high: number, low: number): number {
  if (high >= 0) return low;
  return high === -1 && low >= MAX_SIGNED ? low - HIGH : 0 - low;
}

/** Splits the first number of an encoded OID into its first two arcs, X.690, 8.19.4. */
const firstArcs = (number: number): string =>
  number < 80 ? `${number < 40 ? 0 : 1}.${number % 40}` : `2.${number - 80}`;
