import { BerReader, Tag } from './ber';

const AUTHENTICATED = 1;

/** Security fields of a version 3 message, in plain (RFC 3412, 6; RFC 3414, 2.4). Nothing of them is proven yet. */
export interface SecurityParameters {
  /** Whether the message claims to be authenticated. */
  isAuthenticated: boolean;
  /** Engine id in hexadecimal: of traps the sender's, of informs the receiver's. */
  engineId: string;
  boots: number;
  /** Seconds since the engine's last boot. */
  time: number;
  user: string;
  authentication: Buffer;
}

/**
 * Reads the security fields of a version 3 message.
 *
 * @throws BerError
 */
export function securityParametersOf(datagram: Buffer): SecurityParameters {
  const message = new BerReader(datagram);
  message.enter(Tag.Sequence);
  message.integer();
  const header = message.enter(Tag.Sequence);
  message.integer();
  message.integer();
  const [flags = 0] = message.octets(Tag.OctetString);
  message.integer();
  message.leave(header);
  const usm = new BerReader(message.octets(Tag.OctetString));
  usm.enter(Tag.Sequence);
  return {
    isAuthenticated: (flags & AUTHENTICATED) !== 0,
    engineId: usm.octets(Tag.OctetString).toString('hex'),
    boots: usm.integer(),
    time: usm.integer(),
    user: usm.octets(Tag.OctetString).toString('utf8'),
    authentication: Buffer.from(usm.octets(Tag.OctetString)),
  };
}
