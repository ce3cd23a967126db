/** BER as devices write it: right in what it says, odd in how it says it, and now and then wrong. */
import type { Random } from '../campaigns/seeded';
import { ber } from './snmp-agents';

/** Tags of values, and what stands in them. */
export type OddValue = { tag: number; contents: Buffer };

export class OddBer {
  constructor(
    private readonly random: Random,
    /** The share of fields that are written in another way than the shortest. */
    private readonly oddity = 0.4,
  ) {}

  /** From 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.random() * count);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  private isOdd(share = this.oddity): boolean {
    return this.random() < share;
  }

  bytes(length: number): Buffer {
    return Buffer.from(
      Array.from({ length }, () => (this.isOdd() ? this.pick([0, 0x7f, 0x80, 0xff]) : this.below(256))),
    );
  }

  /** A field, its length in one of its forms. */
  field(tag: number, ...contents: Buffer[]): Buffer {
    const body = Buffer.concat(contents);
    return Buffer.concat([
      Buffer.from([tag]),
      this.isOdd() ? longLength(body.length, this.pick([1, 2, 3, 4, 8])) : shortLength(body.length),
      body,
    ]);
  }

  /** A whole number of 32 bits, in as many bytes as it pleases. */
  integer(value: number, tag = 0x02): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(BigInt(value));
    let from = 7;
    while (from > 0 && !isWhole(bytes, from)) from--;
    if (this.isOdd()) from = this.below(from + 1);
    return this.field(tag, bytes.subarray(from));
  }

  oid(oid: string): Buffer {
    const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
    const arcs = [first * 40 + second, ...rest].map((arc) => {
      const septets = [arc % 128];
      for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
        septets.unshift((left % 128) | 0x80);
      while (this.isOdd(this.oddity / 4)) septets.unshift(0x80);
      return Buffer.from(septets);
    });
    return this.field(0x06, ...arcs);
  }

  /** Any value that an agent may answer. */
  value(): Buffer {
    const tag = this.pick([
      0x02, 0x02, 0x41, 0x41, 0x42, 0x43, 0x46, 0x46, 0x44, 0x44, 0x47, 0x04, 0x05, 0x06, 0x80, 0x81, 0x82,
      0x40, 0x78, 0x79, 0x01, 0x03,
    ]);
    switch (tag) {
      case 0x44:
        return this.field(tag, this.opaque());
      case 0x04:
        return this.field(tag, Buffer.from(this.pick(['7', ' 0.5 ', 'text', '', '1e3', '-2'])));
      case 0x40:
        return this.field(tag, this.bytes(this.isOdd() ? this.below(17) : 4));
      case 0x06:
        return this.oid(`1.3.6.1.${this.below(1000)}.${this.below(100_000)}`);
      case 0x78:
      case 0x79:
        return this.field(tag, floats(this.random, tag === 0x79));
      case 0x05:
      case 0x80:
      case 0x81:
      case 0x82:
        return this.field(tag, this.bytes(this.isOdd(0.1) ? this.below(3) : 0));
      default:
        return this.field(tag, this.bytes(this.isOdd() ? this.below(11) : 1 + this.below(5)));
    }
  }

  private opaque(): Buffer {
    const type = this.pick([0x76, 0x78, 0x79, 0x7a, 0x7b, 0x7c]);
    const length = this.isOdd() ? this.below(11) : type === 0x78 ? 4 : 8;
    const contents =
      type <= 0x79 && type !== 0x76 && (length === 4 || length === 8)
        ? floats(this.random, length === 8)
        : this.bytes(length);
    const inner = this.isOdd(0.1) ? this.field(type, contents) : ber(type, contents);
    return Buffer.concat([Buffer.from([0x9f]), inner, this.extra(0.1)]);
  }

  /** Bytes that nobody asked for. */
  extra(share = this.oddity / 4): Buffer {
    return this.isOdd(share) ? this.bytes(1 + this.below(4)) : Buffer.alloc(0);
  }

  /** An object of a message. */
  varbind(oid: string, value: Buffer): Buffer {
    return this.field(0x30, this.oid(oid), value, this.extra());
  }

  /** The message of version 1 or 2c with a PDU that has an id. */
  message(version: number, tag: number, id: number, varbinds: Buffer[]): Buffer {
    const list = this.field(0x30, ...varbinds);
    const pdu = this.field(tag, this.integer(id), this.integer(0), this.integer(0), list, this.extra(0.05));
    const body = this.field(
      0x30,
      this.integer(version),
      this.field(0x04, Buffer.from('public')),
      pdu,
      this.extra(0.05),
    );
    return Buffer.concat([body, this.extra()]);
  }
}

const shortLength = (length: number): Buffer =>
  Buffer.from(
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff],
  );

function longLength(length: number, bytes: number): Buffer {
  const count = Math.max(bytes, length < 0x100 ? 1 : 2);
  const written = Buffer.alloc(1 + count);
  written[0] = 0x80 | count;
  written.writeUInt16BE(length & 0xffff, count === 1 ? 0 : count - 1);
  written[0] = 0x80 | count;
  return written;
}

/** Do the bytes from there on say the same number as all of them? */
function isWhole(bytes: Buffer, from: number): boolean {
  const sign = bytes[from]! >= 0x80 ? 0xff : 0;
  return bytes.subarray(0, from).every((byte) => byte === sign);
}

function floats(random: Random, isDouble: boolean): Buffer {
  const bytes = Buffer.alloc(isDouble ? 8 : 4);
  const value = Math.round((random() - 0.5) * 20_000) / 8;
  if (isDouble) bytes.writeDoubleBE(value);
  else bytes.writeFloatBE(value);
  return bytes;
}
