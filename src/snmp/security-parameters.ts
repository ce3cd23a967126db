import { BerReader, Tag } from './ber';

const AUTHENTICATED = 1;

/** What a version 3 message says of its security, in plain (RFC 3412, 6; RFC 3414, 2.4). Nothing of it is proven yet. */
export interface SecurityParameters {
  /** The claim that it is authenticated. */
  isAuthenticated: boolean;
  /** Of traps it is the sender's, of informs the receiver's. In hexadecimal. */
  engineId: string;
  boots: number;
  /** Seconds since the engine's last boot. */
  time: number;
  user: string;
  authentication: Buffer;
}

/** @throws BerError */
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
