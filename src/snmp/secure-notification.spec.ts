import { Authentication, AuthProtocols, Encryption, PrivProtocols } from 'net-snmp';
import { mendDes } from './des';
import type { SnmpUser } from './snmp-target';
import { BerReader, Tag } from './ber';
import { field, integerField } from './ber-writer';
import { openNotification } from './secure-notification';

mendDes();

const ENGINE = Buffer.from('80001f8880c0ffee00', 'hex');
const [authKey, privKey] = ['authenticate-me', 'encrypt-me-too'];
const USERS: SnmpUser[] = [
  { user: 'plain', level: 'noAuthNoPriv' },
  { user: 'signer', level: 'authNoPriv', authProtocol: 'sha256', authKey },
  { user: 'coder', level: 'authPriv', authProtocol: 'sha', authKey, privProtocol: 'aes', privKey },
  { user: 'old', level: 'authPriv', authProtocol: 'md5', authKey, privProtocol: 'des', privKey },
];

const octets = (bytes: Buffer | string) => field(Tag.OctetString, Buffer.from(bytes));
const varbind = (oid: string, ...value: Buffer[]) =>
  field(Tag.Sequence, field(Tag.Oid, Buffer.from(oid, 'hex')), ...value);
const TRAP_OID = varbind('2b060106030101040100', field(Tag.Oid, Buffer.from('2b0601060301010503', 'hex')));

/** A message of the user; `claim` is the level it says it has. */
function secured(user: SnmpUser, pdu: Buffer, { key = user.authKey, claim = user.level } = {}): Buffer {
  const flags = { noAuthNoPriv: 0, authNoPriv: 1, authPriv: 3 }[claim];
  const auth = AuthProtocols[user.authProtocol ?? 'sha'];
  const scoped = field(Tag.Sequence, octets(ENGINE), octets(''), pdu);
  const engine = { engineID: ENGINE, engineBoots: 3, engineTime: 99 };
  const made =
    claim === 'authPriv'
      ? Encryption.encryptPdu(PrivProtocols[user.privProtocol!], scoped, privKey, auth, engine)
      : undefined;
  const code =
    claim === 'noAuthNoPriv' ? Buffer.alloc(0) : Buffer.alloc(Authentication.getParametersLength(auth), 0);
  const security = field(
    Tag.Sequence,
    ...[octets(ENGINE), integerField(3), integerField(99), octets(user.user), octets(code)],
    octets(made?.msgPrivacyParameters ?? ''),
  );
  const header = field(
    Tag.Sequence,
    integerField(4711),
    integerField(65_507),
    octets(Buffer.from([flags])),
    integerField(3),
  );
  const body = made ? octets(made.encryptedPdu) : scoped;
  const message = field(Tag.Sequence, integerField(3), header, octets(security), body);
  if (code.length === 0) return message;
  const digest = Authentication.calculateDigest(message, auth, key!, ENGINE);
  digest.copy(
    message,
    message.indexOf(security) +
      security.length -
      octets(made?.msgPrivacyParameters ?? '').length -
      code.length,
  );
  return message;
}

const pduOf = (tag: number, ...varbinds: Buffer[]) =>
  field(tag, integerField(77), integerField(0), integerField(0), field(Tag.Sequence, TRAP_OID, ...varbinds));

const ODD: [string, Buffer, string | number][] = [
  ['no number', Buffer.from('0200', 'hex'), 'unreadable: 0x'],
  ['a type that is none', Buffer.from('4b0107', 'hex'), 'unreadable: 0x07'],
  ['a Gauge32 that looks negative', Buffer.from('4201d6', 'hex'), 214],
  ['a length in long form', Buffer.from('0282000107', 'hex'), 7],
  ['a length beyond its end', Buffer.from('04096162', 'hex'), 'unreadable: 0x04096162'],
  ['an opaque double', Buffer.from('440b9f79083fe0000000000000', 'hex'), 0.5],
];

describe.each(USERS.map((user) => [user.user, user] as const))('version 3 of %s', (_, user) => {
  const last = varbind('2b07', integerField(42));

  it.each(ODD)('with %s in one object loses nothing else', (_what, value, shown) => {
    const opened = openNotification(secured(user, pduOf(0xa7, varbind('2b06', value), last)), user);
    expect(opened).toEqual({
      notification: {
        version: '3',
        trapOid: '1.3.6.1.6.3.1.1.5.3',
        varbinds: [
          { oid: '1.3.6', value: shown },
          { oid: '1.3.7', value: 42 },
        ],
      },
    });
  });

  it.each(ODD)(
    'with %s in one object of an inform is acknowledged, as protected as it was',
    (_what, value) => {
      const inform = pduOf(0xa6, varbind('2b06', value), last);
      const { notification, answer } = openNotification(secured(user, inform), user)!;
      expect(notification).toMatchObject({ inform: { requestId: 77 } });
      // Under the tag of an inform it would be opened as one: its signature and its contents are right.
      const response = pduOf(0xa2, varbind('2b06', value), last);
      expect(scopedPduIn(answer!, user).includes(response)).toBe(true);
      expect(answer!.includes(integerField(4711))).toBe(true);
    },
  );

  it('is opened by nobody else, nor below or above its level', () => {
    const trap = pduOf(0xa7, last);
    expect(openNotification(secured(user, trap), user)).toBeDefined();
    expect(openNotification(secured(user, trap), { ...user, user: 'another' })).toBeUndefined();
    for (const level of ['noAuthNoPriv', 'authNoPriv', 'authPriv'] as const) {
      if (level === user.level) continue;
      expect(openNotification(secured(user, trap), { ...user, level })).toBeUndefined();
    }
    if (user.level === 'noAuthNoPriv') return;
    expect(openNotification(secured(user, trap, { key: 'another-key' }), user)).toBeUndefined();
    const forged = secured(user, trap);
    forged[forged.length - 1]! ^= 1;
    expect(openNotification(forged, user)).toBeUndefined();
    expect(openNotification(secured(user, trap, { claim: 'noAuthNoPriv' }), user)).toBeUndefined();
  });

  it('is no notification under another tag', () => {
    expect(openNotification(secured(user, pduOf(0xa0, last)), user)).toBeUndefined();
  });
});

/** Opened by what a manager has for that. @throws Error when the signature is wrong */
function scopedPduIn(message: Buffer, user: SnmpUser): Buffer {
  const reader = new BerReader(message);
  reader.enter(Tag.Sequence);
  reader.integer();
  reader.octets(Tag.Sequence);
  const security = new BerReader(reader.octets(Tag.OctetString));
  security.enter(Tag.Sequence);
  security.octets(Tag.OctetString);
  const [engineBoots, engineTime] = [security.integer(), security.integer()];
  security.octets(Tag.OctetString);
  const code = security.octets(Tag.OctetString);
  const privacy = security.octets(Tag.OctetString);
  const auth = AuthProtocols[user.authProtocol ?? 'sha'];
  if (user.level !== 'noAuthNoPriv' && !Authentication.isAuthentic(message, auth, authKey, ENGINE, code))
    throw new Error('its signature is wrong');
  if (user.level !== 'authPriv') return reader.octetsInside();
  const engine = { engineID: ENGINE, engineBoots, engineTime };
  return Encryption.decryptPdu(
    PrivProtocols[user.privProtocol!],
    reader.octets(Tag.OctetString),
    privacy,
    privKey,
    auth,
    engine,
  );
}
