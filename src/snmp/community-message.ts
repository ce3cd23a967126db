import { BerError, BerReader, Tag } from './ber';
import { fromV1, fromV2, type Notification } from './notification';
import { varbindsIn } from './varbinds';

const VERSIONS = { 0: '1', 1: '2c', 3: '3' } as const;

/** Tags of the PDUs that notify: RFC 1157, 4.1.6; RFC 3416, 4.2.6 and 4.2.7. */
const TRAP_V1 = 0xa4;
const INFORM = 0xa6;
const TRAP_V2 = 0xa7;
const RESPONSE = 0xa2;

/** Message of version 1 or 2c of which community and kind are read, but not yet the PDU. */
export interface CommunityMessage {
  version: '1' | '2c';
  community: Buffer;
  /** Whether the PDU is a trap or an inform of the message's version. */
  isNotification: boolean;
  /**
   * Reads the notification in the PDU.
   *
   * @throws BerError, Error when it lacks what a notification needs
   */
  open(): Notification;
}

/**
 * Returns the version of an SNMP message.
 *
 * @throws BerError when there is none; RFC 3412, 7.2, knows no others
 */
export function versionOf(datagram: Buffer): '1' | '2c' | '3' {
  const reader = new BerReader(datagram);
  reader.enter(Tag.Sequence);
  const version = VERSIONS[reader.integer() as keyof typeof VERSIONS];
  if (version === undefined) throw new BerError('there is no such version');
  return version;
}

/**
 * Reads as much of a message as tells who sends it, by RFC 1901, 3. The rest costs more and is read only for senders
 * that are let in.
 *
 * @throws BerError
 */
export function communityMessage(datagram: Buffer): CommunityMessage {
  const reader = new BerReader(datagram);
  reader.enter(Tag.Sequence);
  const version = reader.integer() === 0 ? '1' : '2c';
  const community = reader.octets(Tag.OctetString);
  const tag = reader.peek();
  const isNotification = version === '1' ? tag === TRAP_V1 : tag === TRAP_V2 || tag === INFORM;
  return {
    version,
    community,
    isNotification,
    open: () => (version === '1' ? trapV1(reader) : notificationV2(reader, tag)),
  };
}

/** Makes the Response to an inform: the same message under another tag, RFC 3416, 4.2.7. */
export function acknowledgementOf(inform: Buffer): Buffer {
  const answer = Buffer.from(inform);
  const reader = new BerReader(inform);
  reader.enter(Tag.Sequence);
  reader.integer();
  reader.octets(Tag.OctetString);
  answer[reader.offset] = RESPONSE;
  return answer;
}

function trapV1(reader: BerReader): Notification {
  reader.enter(TRAP_V1);
  const enterprise = reader.oid();
  const address = reader.octets(Tag.IpAddress);
  return fromV1({
    enterprise,
    agentAddress: address.length === 4 ? address.join('.') : undefined,
    generic: reader.integer(),
    specific: reader.integer(),
    upTime: reader.unsigned(reader.peek()),
    varbinds: varbindsIn(reader),
  });
}

function notificationV2(reader: BerReader, tag: number): Notification {
  reader.enter(tag);
  const requestId = reader.integer();
  reader.integer();
  reader.integer();
  const notification = fromV2('2c', varbindsIn(reader));
  return tag === INFORM ? { inform: { requestId }, ...notification } : notification;
}
