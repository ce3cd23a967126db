import { Tag } from './ber';

/** Encodes a field with these contents, with the shortest form of its length. */
export function field(tag: number, ...contents: readonly Buffer[]): Buffer {
  const body = Buffer.concat(contents);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.from([tag, length]), body]);
  if (length < 0x100) return Buffer.concat([Buffer.from([tag, 0x81, length]), body]);
  return Buffer.concat([Buffer.from([tag, 0x82, length >> 8, length & 0xff]), body]);
}

/** Encodes a signed INTEGER of 32 bits. */
export function integerField(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value | 0);
  let from = 0;
  while (from < 3 && bytes[from] === (bytes[from + 1]! >= 0x80 ? 0xff : 0)) from++;
  return field(Tag.Integer, bytes.subarray(from));
}
