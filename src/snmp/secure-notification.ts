import { Authentication, AuthProtocols, Encryption, PrivProtocols } from 'net-snmp';
import type { SnmpUser } from './snmp-target';
import { BerReader, Tag } from './ber';
import { field, integerField } from './ber-writer';
import { fromV2, type Notification } from './notification';
import { varbindsIn } from './varbinds';

const RESPONSE = 0xa2;
const INFORM = 0xa6;
const REPORT = 0xa8;
const TRAP = 0xa7;
const AUTHENTICATED = 1;
const ENCRYPTED = 2;
const VERSION = 3;
const USM = 3;
const MAX_MESSAGE = 65_507;

/** Parts of a version 3 message (RFC 3412, 6; RFC 3414, 2.4). Their bytes are no copies. */
interface Parts {
  id: number;
  flags: number;
  engineId: Buffer;
  boots: number;
  time: number;
  user: Buffer;
  authentication: Buffer;
  privacy: Buffer;
  /** Reader at the scoped PDU, or at its encryption. */
  rest: BerReader;
}

export interface OpenedNotification {
  notification: Notification;
  /** Response to send, if it is an inform. */
  answer?: Buffer;
}

/**
 * Opens a notification whose signature and level are right for the user. net-snmp does the cryptography; the objects in
 * it are read by our own code, as in other versions.
 *
 * @returns undefined when it is no notification or something is wrong; net-snmp then says what
 * @throws BerError, Error as `fromV2`
 */
export function openNotification(datagram: Buffer, user: SnmpUser): OpenedNotification | undefined {
  // A copy: checking the signature writes into it for a moment.
  const message = Buffer.from(datagram);
  const parts = partsOf(message);
  if (!isAllowed(parts, message, user)) return undefined;
  const scoped = parts.flags & ENCRYPTED ? decrypted(parts, user) : parts.rest;
  scoped.enter(Tag.Sequence);
  const context = [scoped.octets(Tag.OctetString), scoped.octets(Tag.OctetString)];
  const tag = scoped.peek();
  if (tag !== TRAP && tag !== INFORM) return undefined;
  scoped.enter(tag);
  const pdu = scoped.octetsInside();
  const requestId = scoped.integer();
  scoped.integer();
  scoped.integer();
  const notification = fromV2('3', varbindsIn(scoped));
  if (tag === TRAP) return { notification };
  const answer = answerTo(parts, user, [
    ...context.map((one) => field(Tag.OctetString, one)),
    field(RESPONSE, pdu),
  ]);
  return { notification: { inform: { requestId }, ...notification }, answer };
}

function partsOf(message: Buffer): Parts {
  const reader = new BerReader(message);
  reader.enter(Tag.Sequence);
  reader.integer();
  const header = reader.enter(Tag.Sequence);
  const id = reader.integer();
  reader.integer();
  const [flags = 0] = reader.octets(Tag.OctetString);
  reader.leave(header);
  const usm = new BerReader(reader.octets(Tag.OctetString));
  usm.enter(Tag.Sequence);
  return {
    id,
    flags,
    engineId: usm.octets(Tag.OctetString),
    boots: usm.integer(),
    time: usm.integer(),
    user: usm.octets(Tag.OctetString),
    authentication: usm.octets(Tag.OctetString),
    privacy: usm.octets(Tag.OctetString),
    rest: reader,
  };
}

/** Tells whether a message is signed and encrypted as the user's level asks (RFC 3414, 3.2). */
function isAllowed(
  { flags, user: name, engineId, authentication }: Parts,
  message: Buffer,
  user: SnmpUser,
): boolean {
  const level = { noAuthNoPriv: 0, authNoPriv: AUTHENTICATED, authPriv: AUTHENTICATED | ENCRYPTED }[
    user.level
  ];
  if ((flags & (AUTHENTICATED | ENCRYPTED)) !== level || name.toString('utf8') !== user.user) return false;
  if (user.level === 'noAuthNoPriv') return true;
  return Authentication.isAuthentic(message, authOf(user), user.authKey ?? '', engineId, authentication);
}

const authOf = ({ authProtocol }: SnmpUser) => AuthProtocols[authProtocol ?? 'sha'];
const privOf = ({ privProtocol }: SnmpUser) => PrivProtocols[privProtocol ?? 'aes'];

const engineOf = ({ engineId, boots, time }: Parts) => ({
  engineID: engineId,
  engineBoots: boots,
  engineTime: time,
});

function decrypted(parts: Parts, user: SnmpUser): BerReader {
  const encrypted = parts.rest.octets(Tag.OctetString);
  return new BerReader(
    Encryption.decryptPdu(
      privOf(user),
      encrypted,
      parts.privacy,
      user.privKey ?? '',
      authOf(user),
      engineOf(parts),
    ),
  );
}

/** OIDs of the counters that reports tell (RFC 3414, 5), encoded. */
const COUNTERS = {
  notInTimeWindows: Buffer.from('2b060106030f01010200', 'hex'),
  unknownEngineIDs: Buffer.from('2b060106030f01010400', 'hex'),
};

/** Engine as it stands in messages. */
export interface EngineNow {
  id: Buffer;
  boots: number;
  time: number;
}

/**
 * Makes the Report that tells the sender of an inform our engine and its time, so that it sends the inform anew (RFC
 * 3414, 3.2.3 and 3.2.7 a): signed where the inform was meant for our engine, and never encrypted.
 *
 * @param datagram the inform, whose signature was right
 * @param count value of the counter
 */
export function reportTo(
  datagram: Buffer,
  user: SnmpUser,
  { id, boots, time }: EngineNow,
  requestId: number,
  count: number,
): Buffer {
  const parts = partsOf(datagram);
  const isOurs = parts.engineId.equals(id);
  const counter = integerField(count & 0x7fffffff);
  counter[0] = Tag.Counter32;
  const counters = isOurs ? COUNTERS.notInTimeWindows : COUNTERS.unknownEngineIDs;
  const varbind = field(Tag.Sequence, field(Tag.Oid, counters), counter);
  const pdu = field(
    REPORT,
    integerField(requestId),
    integerField(0),
    integerField(0),
    field(Tag.Sequence, varbind),
  );
  const authentication = isOurs ? parts.authentication : Buffer.alloc(0);
  return answerTo(
    { ...parts, flags: isOurs ? AUTHENTICATED : 0, engineId: id, boots, time, authentication },
    user,
    [field(Tag.OctetString, id), field(Tag.OctetString), pdu],
  );
}

/** Makes the Response to an inform, protected as the inform was (RFC 3416, 4.2.7). */
function answerTo(parts: Parts, user: SnmpUser, contents: Buffer[]): Buffer {
  const scoped = field(Tag.Sequence, ...contents);
  let body = scoped;
  let privacy = Buffer.alloc(0);
  if (parts.flags & ENCRYPTED) {
    const made = Encryption.encryptPdu(
      privOf(user),
      scoped,
      user.privKey ?? '',
      authOf(user),
      engineOf(parts),
    );
    body = field(Tag.OctetString, made.encryptedPdu);
    privacy = Buffer.from(made.msgPrivacyParameters);
  }
  const flags = parts.flags & (AUTHENTICATED | ENCRYPTED);
  const header = field(
    Tag.Sequence,
    integerField(parts.id),
    integerField(MAX_MESSAGE),
    field(Tag.OctetString, Buffer.from([flags])),
    integerField(USM),
  );
  const security = field(
    Tag.Sequence,
    field(Tag.OctetString, parts.engineId),
    integerField(parts.boots),
    integerField(parts.time),
    field(Tag.OctetString, parts.user),
    field(Tag.OctetString, Buffer.alloc(parts.authentication.length)),
    field(Tag.OctetString, privacy),
  );
  const message = field(Tag.Sequence, integerField(VERSION), header, field(Tag.OctetString, security), body);
  if (flags & AUTHENTICATED) {
    const { authentication, engineId } = partsOf(message);
    Authentication.writeParameters(message, authOf(user), user.authKey ?? '', engineId, authentication);
  }
  return message;
}
