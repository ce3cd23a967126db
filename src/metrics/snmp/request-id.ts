const VERSION_3 = 3;

/**
 * The id in an SNMP message that may be broken further on: `request-id` of a PDU (RFC 1157, 4.1), `msgID` for
 * version 3 (RFC 3412, 6). Undefined when the message is broken before it.
 */
export function requestIdIn(message: Buffer): number | undefined {
  try {
    const version = field(message, field(message, 0).start);
    const next = field(message, version.end);
    const isV3 = integer(message, version) === VERSION_3;
    // Version 3: version, { msgID, … }. Before: version, community, { request-id, … }.
    const parent = isV3 ? next : field(message, next.end);
    return integer(message, field(message, parent.start));
  } catch {
    return undefined;
  }
}

interface Field {
  start: number;
  end: number;
}

/** Where the contents of the BER field at that place are. @throws RangeError past the end */
function field(message: Buffer, at: number): Field {
  const first = message.readUInt8(at + 1);
  if (first < 0x80) return { start: at + 2, end: at + 2 + first };
  const sizeOfLength = first & 0x7f;
  const start = at + 2 + sizeOfLength;
  return { start, end: start + message.readUIntBE(at + 2, sizeOfLength) };
}

const integer = (message: Buffer, { start, end }: Field): number => message.readIntBE(start, end - start);
