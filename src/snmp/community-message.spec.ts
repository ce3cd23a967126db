import { EventEmitter } from 'node:events';
import * as fc from 'fast-check';
import { createReceiver, type Receiver, type ReceiverCallback } from 'net-snmp';
import { ber } from '../../test/stand-ins/snmp-agents';
import { acknowledgementOf, communityMessage, versionOf } from './community-message';
import { notificationIn, type Notification } from './notification';

const RUNS = 3_000;

/** net-snmp reads the same datagrams, and says what it found in them. */
class Oracle {
  private readonly socket = Object.assign(new EventEmitter(), {
    bind: () => undefined,
    send: () => undefined,
  });
  private result?: Parameters<ReceiverCallback>;

  constructor() {
    const options = { dgramModule: { createSocket: () => this.socket }, disableAuthorization: true };
    const take: ReceiverCallback = (...result) => (this.result = result);
    (createReceiver as (...args: unknown[]) => Receiver)(options, take);
  }

  read(datagram: Buffer): Notification | undefined {
    this.result = undefined;
    try {
      this.socket.emit('message', Buffer.from(datagram), {});
      const [, received] = (this.result ?? []) as Partial<Parameters<ReceiverCallback>>;
      return received && notificationIn(received.pdu);
    } catch {
      return undefined;
    }
  }
}

/** Undefined when it is refused; anything but a refusal is a fault. */
function read(datagram: Buffer): Notification | undefined {
  try {
    if (versionOf(datagram) === '3') return undefined;
    const message = communityMessage(datagram);
    return message.isNotification ? message.open() : undefined;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) throw error;
    return undefined;
  }
}

const oidBytes = fc
  .array(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 12 })
  .map((arcs) => Buffer.from([0x2b, ...arcs]));
const oid = oidBytes.map((bytes) => ber(0x06, bytes));
const value = fc.oneof(
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }).map((number) => int(0x02, number)),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((number) => int(0x41, number)),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((number) => int(0x43, number)),
  fc.string({ unit: 'binary', maxLength: 300 }).map((text) => ber(0x04, Buffer.from(text))),
  fc.uint8Array({ maxLength: 40 }).map((bytes) => ber(0x04, Buffer.from(bytes))),
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map((bytes) => ber(0x40, Buffer.from(bytes))),
  fc.uint8Array({ minLength: 1, maxLength: 8 }).map((bytes) => ber(0x46, Buffer.from(bytes))),
  oid,
  fc.constantFrom(0x05, 0x80, 0x81, 0x82).map((tag) => ber(tag)),
);
const varbind = fc.tuple(oid, value).map(([name, content]) => ber(0x30, name, content));
const TRAP_OID = ber(
  0x30,
  ber(0x06, Buffer.from('2b060106030101040100', 'hex')),
  ber(0x06, Buffer.from('2b06010603010105' + '03', 'hex')),
);

const v2 = fc
  .tuple(
    fc.constantFrom(0xa6, 0xa7),
    fc.integer({ min: 0, max: 2 ** 31 - 1 }),
    fc.array(varbind, { maxLength: 8 }),
  )
  .map(([tag, id, varbinds]) =>
    ber(
      0x30,
      int(0x02, 1),
      ber(0x04, Buffer.from('public')),
      ber(tag, int(0x02, id), int(0x02, 0), int(0x02, 0), ber(0x30, TRAP_OID, ...varbinds)),
    ),
  );
const v1 = fc
  .tuple(
    oid,
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc.integer({ min: 0, max: 6 }),
    fc.array(varbind, { maxLength: 8 }),
  )
  .map(([enterprise, address, generic, varbinds]) =>
    ber(
      0x30,
      int(0x02, 0),
      ber(0x04, Buffer.from('public')),
      ber(
        0xa4,
        enterprise,
        ber(0x40, Buffer.from(address)),
        int(0x02, generic),
        int(0x02, 17),
        int(0x43, 4711),
        ber(0x30, ...varbinds),
      ),
    ),
  );
const message = fc.oneof(v1, v2);

/** A signed number, as short as it can be. */
function int(tag: number, number: number): Buffer {
  let length = 1;
  while (number < -(2 ** (8 * length - 1)) || number >= 2 ** (8 * length - 1)) length++;
  const bytes = Buffer.alloc(length);
  bytes.writeIntBE(number, 0, length);
  return ber(tag, bytes);
}

const named = (value: Buffer): Buffer => ber(0x30, ber(0x06, Buffer.from([0x2b, 6])), value);
const shown = (value: string | number) => ({ oid: '1.3.6', value });
const unread = (hex: string) => shown(`unreadable: 0x${hex}`);

describe('messages of version 1 and 2c', () => {
  const oracle = new Oracle();

  it('are read as net-snmp reads them', () => {
    fc.assert(
      fc.property(message, (datagram) => {
        const expected = oracle.read(datagram);
        expect(read(datagram)).toEqual(expected);
        expect(expected).toBeDefined();
      }),
      { numRuns: RUNS },
    );
  });

  it('are read or refused when they are damaged', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(message, damage, fc.option(fc.nat()), (whole, bytes, cut) => {
        const datagram = Buffer.from(cut === null ? whole : whole.subarray(0, cut % whole.length));
        for (const [at, byte] of bytes) if (datagram.length > 0) datagram[at % datagram.length] = byte;
        read(datagram);
      }),
      { numRuns: RUNS },
    );
  });

  it('never fall over garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(Buffer.from(bytes))),
      { numRuns: RUNS },
    );
  });

  it('are acknowledged by themselves under another tag', () => {
    const pdu = (tag: number) => ber(tag, int(0x02, 7), int(0x02, 0), int(0x02, 0), ber(0x30, TRAP_OID));
    const message = (tag: number) => ber(0x30, int(0x02, 1), ber(0x04, Buffer.from('public')), pdu(tag));
    expect(acknowledgementOf(message(0xa6))).toEqual(message(0xa2));
  });

  it.each([
    ['a text with a NUL inside', Buffer.from('a\0b'), '0x610062'],
    ['a text with a NUL at its end', Buffer.from('eth0\0'), 'eth0'],
    ['lines', Buffer.from('a\r\nb'), 'a\r\nb'],
    ['what is no UTF-8', Buffer.from('ff41', 'hex'), '0xff41'],
    ['a text that is too long', Buffer.alloc(20_000, 'x'), 'x'.repeat(10_000)],
  ])('show %s so that it can be kept', (_, bytes, shown) => {
    const varbind = ber(0x30, ber(0x06, Buffer.from([0x2b, 6])), ber(0x04, bytes));
    const pdu = ber(0xa7, int(0x02, 1), int(0x02, 0), int(0x02, 0), ber(0x30, TRAP_OID, varbind));
    const datagram = ber(0x30, int(0x02, 1), ber(0x04, Buffer.from('public')), pdu);
    expect(read(datagram)?.varbinds).toEqual([{ oid: '1.3.6', value: shown }]);
  });

  const odd: [string, Buffer, { oid: string; value: string | number }][] = [
    ['no bytes for a number', named(Buffer.from('0200', 'hex')), unread('')],
    [
      'a number of nine bytes',
      named(Buffer.from('0209000000000000000007', 'hex')),
      unread('000000000000000007'),
    ],
    ['a type that is none', named(Buffer.from('4b0107', 'hex')), unread('07')],
    ['a Boolean', named(Buffer.from('0101ff', 'hex')), unread('ff')],
    ['a length beyond its varbind', named(Buffer.from('04096162', 'hex')), unread('04096162')],
    ['an indefinite length', named(Buffer.from('0480616200', 'hex')), unread('0480616200')],
    ['no value at all', named(Buffer.alloc(0)), unread('')],
    ['a Counter64 of ten bytes', named(ber(0x46, Buffer.alloc(10))), unread('00'.repeat(10))],
    // As a text, for they would be rounded to the same number.
    ['a Counter64 of 2^53 - 1', named(ber(0x46, Buffer.from('1fffffffffffff', 'hex'))), shown(2 ** 53 - 1)],
    ['a Counter64 of 2^53', named(ber(0x46, Buffer.from('20000000000000', 'hex'))), shown('9007199254740992')],
    ['a Counter64 of 2^53 + 1', named(ber(0x46, Buffer.from('20000000000001', 'hex'))), shown('9007199254740993')],
    ['the largest Counter64', named(ber(0x46, Buffer.from('00ffffffffffffffff', 'hex'))), shown('18446744073709551615')],
    ['an opaque Counter64', named(ber(0x44, Buffer.from('9f7608fffffffffffffffe', 'hex'))), shown('18446744073709551614')],
    ['an opaque unsigned one', named(ber(0x44, Buffer.from('9f7b080020000000000001', 'hex'))), shown('9007199254740993')],
    ['the least signed one', named(ber(0x44, Buffer.from('9f7a088000000000000000', 'hex'))), shown('-9223372036854775808')],
    ['a signed one of seven bytes', named(ber(0x44, Buffer.from('9f7a0780000000000001', 'hex'))), shown('-36028797018963967')],
    ['a signed one of nine bytes', named(ber(0x44, Buffer.from('9f7a09008000000000000001', 'hex'))), shown('-9223372036854775807')],
    ['an OID that is cut off', named(Buffer.from('06022b86', 'hex')), unread('2b86')],
    [
      'an Opaque that holds something else',
      named(ber(0x44, Buffer.from('nonsense'))),
      shown('0x6e6f6e73656e7365'),
    ],
    ['a float without its end', named(Buffer.from('44059f78043f00', 'hex')), shown('0x9f78043f00')],
    ['an IPv6 address', named(ber(0x40, Buffer.alloc(16, 1))), shown(`0x${'01'.repeat(16)}`)],
    ['something where nothing belongs', named(Buffer.from('050107', 'hex')), shown('')],
    ['bytes behind its value', named(Buffer.from('02010702', 'hex')), shown(7)],
    ['no name', ber(0x30, Buffer.from('0200', 'hex')), { oid: 'varbind.2', value: 'unreadable: 0x0200' }],
    [
      'a name cut off',
      ber(0x30, Buffer.from('06018002017f', 'hex')),
      { oid: 'varbind.2', value: 'unreadable: 0x06018002017f' },
    ],
  ]; // prettier-ignore

  it.each(odd)('with %s in one object lose nothing else', (_, broken, expected) => {
    const last = ber(0x30, ber(0x06, Buffer.from([0x2b, 7])), int(0x02, 42));
    const v2 = ber(0xa7, int(0x02, 1), int(0x02, 0), int(0x02, 0), ber(0x30, TRAP_OID, broken, last));
    const varbinds = [expected, { oid: '1.3.7', value: 42 }];
    expect(read(ber(0x30, int(0x02, 1), ber(0x04, Buffer.from('public')), v2))?.varbinds).toEqual(varbinds);
    const address = ber(0x40, Buffer.from([10, 9, 9, 9]));
    const enterprise = ber(0x06, Buffer.from([0x2b, 6]));
    const first = ber(0x30, ber(0x06, Buffer.from([0x2b, 8])), int(0x02, 1));
    const list = ber(0x30, first, broken, last);
    const v1 = ber(0xa4, enterprise, address, int(0x02, 6), int(0x02, 9), int(0x43, 4711), list);
    const taken = read(ber(0x30, int(0x02, 0), ber(0x04, Buffer.from('public')), v1));
    expect(taken).toMatchObject({ trapOid: '1.3.6.0.9', agentAddress: '10.9.9.9' });
    expect(taken?.varbinds.slice(1)).toEqual(varbinds);
  });
});
