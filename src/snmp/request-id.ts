import { BerError, BerReader, Tag } from './ber';

const VERSION_3 = 3;

/**
 * Returns the id in an SNMP message that may be broken further on: `request-id` of a PDU (RFC 1157, 4.1), `msgID` for
 * version 3 (RFC 3412, 6). Undefined when the message is broken before it.
 */
export function requestIdIn(message: Buffer): number | undefined {
  try {
    const reader = new BerReader(message);
    reader.enterCutOff(Tag.Sequence);
    // Version 3: version, { msgID, … }. Before: version, community, { request-id, … }.
    if (reader.integer() !== VERSION_3) reader.octets(Tag.OctetString);
    reader.enterCutOff(reader.peek());
    return reader.integer();
  } catch (error) {
    if (error instanceof BerError) return undefined;
    throw error;
  }
}
