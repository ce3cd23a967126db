import { BerError, type BerReader, Tag } from './ber';
import { exactInOpaque, floatIn } from './opaque';
import type { PlainVarbind } from './notification';
import { exact, hex, textOrHex, unreadable } from './plain-value';

/** Types of floats without the Opaque around them, which Net-SNMP takes too. */
const FLOAT = 0x78;
const DOUBLE = 0x79;

/**
 * Reads the objects of a notification. An object whose name or value can't be read costs the others nothing: it is
 * listed with its bytes, and as `varbind.<number>` if it has no name.
 *
 * @throws BerError when the list itself is broken
 */
export function varbindsIn(reader: BerReader): PlainVarbind[] {
  const varbinds: PlainVarbind[] = [];
  const list = reader.enter(Tag.Sequence);
  while (!reader.isAtEnd) {
    const outer = reader.enter(Tag.Sequence);
    varbinds.push(varbindInside(reader, varbinds.length + 1));
    reader.leave(outer);
  }
  reader.leave(list);
  return varbinds;
}

/**
 * Reads the object the reader is inside.
 *
 * @param number position in the list, from 1
 */
function varbindInside(reader: BerReader, number: number): PlainVarbind {
  let oid = `varbind.${number}`;
  let bytes = reader.octetsInside();
  try {
    const name = oidOf(reader);
    if (name === undefined) return { oid, value: unreadable(bytes) };
    oid = name;
    bytes = reader.octetsInside();
    const tag = reader.peek();
    const varbind = reader.enter(tag);
    const value = valueInside(reader, tag) ?? unreadable(reader.octetsInside());
    reader.leave(varbind);
    return { oid, value };
  } catch (error) {
    if (error instanceof BerError) return { oid, value: unreadable(bytes) };
    throw error;
  }
}

function oidOf(reader: BerReader): string | undefined {
  const varbind = reader.enter(Tag.Oid);
  const oid = reader.oidInside();
  reader.leave(varbind);
  return oid;
}

function valueInside(reader: BerReader, tag: number): string | number | undefined {
  switch (tag) {
    case Tag.Integer:
      return reader.signedInside();
    case Tag.OctetString:
      return textOrHex(reader.octetsInside());
    case Tag.Oid:
      return reader.oidInside();
    case Tag.Counter32:
    case Tag.Gauge32:
    case Tag.TimeTicks:
    case Tag.UInteger32:
      return reader.unsignedInside();
    case Tag.IpAddress: {
      const bytes = reader.octetsInside();
      return bytes.length === 4 ? bytes.join('.') : hex(bytes);
    }
    case Tag.Counter64:
      return exact(reader.unsigned64Inside(), reader.octetsInside());
    case Tag.Opaque:
      return exactInOpaque(reader.octetsInside()) ?? hex(reader.octetsInside());
    case FLOAT:
    case DOUBLE:
      return floatIn(reader.octetsInside());
    case Tag.BitString:
      return hex(reader.octetsInside());
    case Tag.Null:
    case Tag.NoSuchObject:
    case Tag.NoSuchInstance:
    case Tag.EndOfMibView:
      return '';
    default:
      return undefined;
  }
}
