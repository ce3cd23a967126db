/** What is not BER, or not the BER of SNMP. */
export class BerError extends Error {}

/** Tags of SNMP: universal ones, and those of RFC 2578, 7.1. */
export const Tag = {
  Integer: 0x02,
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
  NoSuchObject: 0x80,
  NoSuchInstance: 0x81,
  EndOfMibView: 0x82,
} as const;

const LONG_FORM = 0x80;
const MAX_LENGTH_BYTES = 4;
const MAX_ARCS = 128;
const MAX_ARC = 0xffff_ffff;

/**
 * Reads the BER of SNMP (RFC 3417, 8; X.690) from a datagram, field by field, without copying it. Strict: definite lengths
 * alone, and no field may reach beyond the one it stands in. Everything throws `BerError`.
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
    return this.at === this.end;
  }

  /** Where the next field begins. */
  get offset(): number {
    return this.at;
  }

  /** The next field's tag; it is not consumed. */
  peek(): number {
    if (this.at >= this.end) throw new BerError('the message is cut off');
    return this.bytes[this.at]!;
  }

  /** Goes into a field of fields. Answers what `leave` needs. */
  enter(tag: number): number {
    const inner = this.contents(tag);
    const outer = this.end;
    this.end = inner;
    return outer;
  }

  /** Goes out of it again; nothing may be left in it. */
  leave(outer: number): void {
    if (this.at !== this.end) throw new BerError('a field holds more than it may');
    this.end = outer;
  }

  /** The bytes of the next field; not a copy. */
  octets(tag: number): Buffer {
    const end = this.contents(tag);
    const octets = this.bytes.subarray(this.at, end);
    this.at = end;
    return octets;
  }

  /** A signed number of 32 bits. */
  integer(tag: number = Tag.Integer): number {
    const value = this.number(tag);
    if (value !== (value | 0)) throw new BerError('a number has more than 32 bits');
    return value;
  }

  /** A number of 32 bits without a sign. Some agents send it as if it had one. */
  unsigned(tag: number): number {
    const value = this.number(tag);
    if (value > MAX_ARC || value < -0x8000_0000) throw new BerError('a number has more than 32 bits');
    return value < 0 ? value + MAX_ARC + 1 : value;
  }

  private number(tag: number): number {
    const end = this.contents(tag);
    const length = end - this.at;
    if (length === 0 || length > 5) throw new BerError('a number is of no known length');
    let value = this.bytes[this.at]! >= 0x80 ? -1 : 0;
    while (this.at < end) value = value * 256 + this.bytes[this.at++]!;
    return value;
  }

  /** With dots, none in front. */
  oid(tag: number = Tag.Oid): string {
    const end = this.contents(tag);
    if (this.at === end) return '0.0';
    let oid = '';
    for (let arcs = 1; this.at < end; arcs++) {
      if (arcs === MAX_ARCS) throw new BerError('an OID has more than 128 arcs');
      const arc = this.arc(end);
      oid += oid === '' ? firstArcs(arc) : `.${arc}`;
    }
    return oid;
  }

  private arc(end: number): number {
    let arc = 0;
    for (;;) {
      if (this.at === end) throw new BerError('an OID is cut off');
      const byte = this.bytes[this.at++]!;
      arc = arc * 128 + (byte & 0x7f);
      if (arc > MAX_ARC) throw new BerError('an arc of an OID has more than 32 bits');
      if (byte < 0x80) return arc;
    }
  }

  /** Reads tag and length. Answers where the contents end. */
  private contents(tag: number): number {
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
    if (end > this.end) throw new BerError('the message is cut off');
    return end;
  }

  private byte(): number {
    if (this.at >= this.end) throw new BerError('the message is cut off');
    return this.bytes[this.at++]!;
  }
}

/** The first two arcs are one number, X.690, 8.19.4. */
const firstArcs = (number: number): string =>
  number < 80 ? `${number < 40 ? 0 : 1}.${number % 40}` : `2.${number - 80}`;
