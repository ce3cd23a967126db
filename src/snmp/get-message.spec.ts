import { RequestFailedError, ResponseInvalidError } from 'net-snmp';
import { ber, getIn, integer, responseTo } from '../../test/stand-ins/snmp-agents';
import { encodeGet, idOf, objectsOf, readingsIn, type Get } from './get-message';
import { requestIdIn } from './request-id';
import { BrokenAnswer } from './broken-answer';

const BASE = '1.3.6.1.4.1.8072.9999';
const ID = 0x1234_5678;

const question = (oids: string[], version: 0 | 1 = 1): Get => ({
  version,
  community: Buffer.from('public'),
  oids,
  objects: objectsOf(oids),
});

/** What is read of an answer with these values, whole BER fields. */
function read(...values: Buffer[]) {
  const oids = values.map((_, index) => `${BASE}.${index}`);
  const get = { ...getIn(encodeGet(question(oids), ID)) };
  return readingsIn(
    responseTo(
      get,
      values.map((value, index) => [oids[index]!, value]),
    ),
    question(oids),
  );
}

const bytes = (tag: number, hex: string): Buffer => ber(tag, Buffer.from(hex, 'hex'));

describe('a question', () => {
  it.each([0, 1] as const)('of version %d says what is asked, whatever its length', (version) => {
    for (const count of [1, 2, 5, 7, 40, 200]) {
      const oids = Array.from({ length: count }, (_, index) => `${BASE}.${index}.127.128.16384.4294967295`);
      const message = encodeGet(question(oids, version), ID);
      expect(getIn(message)).toEqual({ version, community: 'public', id: ID, oids });
      expect(requestIdIn(message)).toBe(ID);
    }
  });

  it('has an id of four bytes', () => {
    for (const random of [0, 1, 0x00ff_ffff, 0x0100_0000, 0x7fff_ffff]) {
      const id = idOf(random);
      expect(getIn(encodeGet(question([`${BASE}.1`]), id)).id).toBe(id);
      expect(id).toBeGreaterThanOrEqual(0x0100_0000);
    }
  });
});

describe('an answer', () => {
  it.each([
    ['a number', bytes(0x02, 'd6'), -42],
    ['one in more bytes than it needs', bytes(0x02, '0000000007'), 7],
    ['a Gauge32 written as if it had a sign', bytes(0x42, 'ffffffff'), 4_294_967_295],
    ['a small Gauge32 that looks negative', bytes(0x42, 'd6'), 214],
    ['a Gauge32 in eight bytes', bytes(0x42, '0000000000000007'), 7],
    ['a Gauge32 in nine bytes', bytes(0x42, '00ffffffffffffffff'), 4_294_967_295],
    ['a negative number in eight bytes', bytes(0x02, 'ffffffffffffffd6'), -42],
    ['a number that needs 33 bits', bytes(0x02, '00ffffffff'), 4_294_967_295],
    ['an Unsigned32 of SNMPv2p', bytes(0x47, '07'), 7],
    ['an empty Counter64', bytes(0x46, ''), 0],
    ['a Counter64 that looks negative', bytes(0x46, 'ff'), 255],
    ['an opaque double', bytes(0x44, '9f79083fe0000000000000'), 0.5],
    ['an opaque Integer64', bytes(0x44, '9f7a08ffffffffffffffd6'), -42],
    ['an opaque Integer64 of nine bytes', bytes(0x44, '9f7a0900ffffffffffffffd6'), -42],
    ['a short opaque Integer64', bytes(0x44, '9f7a01ff'), -1],
    ['an opaque Unsigned64', bytes(0x44, '9f7b08ffffffffffffffff'), 2 ** 64],
    ['an opaque Counter64', bytes(0x44, '9f7602ffff'), 65_535],
    ['bytes behind it', Buffer.concat([bytes(0x02, '07'), Buffer.from('0500', 'hex')]), 7],
    ['TimeTicks', bytes(0x43, '3039'), 123.45],
    ['a Counter64', bytes(0x46, '0020000000000000'), 2 ** 53],
    ['the largest Counter64', bytes(0x46, '00ffffffffffffffff'), 2 ** 64],
    ['a small Counter64', bytes(0x46, '07'), 7],
    ['a number in a text', ber(0x04, Buffer.from(' 0.52 ')), 0.52],
    ['an opaque float', bytes(0x44, '9f78043f000000'), 0.5],
  ])('with %s is read', (_, value, expected) => {
    expect(read(integer(1), value, integer(2))).toEqual([{ value: 1 }, { value: expected }, { value: 2 }]);
  });

  it('with a Counter32 is read as one', () => {
    const value = bytes(0x41, '00ffffffff');
    expect(read(integer(1), value)).toEqual([{ value: 1 }, { value: 4_294_967_295, counter32: {} }]);
  });

  it.each([
    ['no such object', bytes(0x80, ''), 'the agent has no such object'],
    ['no such instance', bytes(0x81, ''), 'the agent has no such instance of the object'],
    ['the end of the view', bytes(0x82, ''), 'the agent has no object there: end of its MIB view'],
    ['null', bytes(0x05, ''), 'the agent answered null'],
    ['an OID', bytes(0x06, '2b06'), 'the agent answered OID that is no number'],
    ['an address', bytes(0x40, '7f000001'), 'the agent answered IpAddress that is no number'],
    ['a text', ber(0x04, Buffer.from('Linux')), 'the agent answered OctetString that is no number'],
  ])('with %s costs that object alone', (_, value, error) => {
    expect(read(integer(1), value)).toEqual([{ value: 1 }, { error }]);
  });

  it.each([
    ['no number at all', bytes(0x02, ''), 'Integer'],
    ['a number of nine bytes', bytes(0x02, '000000000000000007'), 'Integer'],
    ['a Counter32 without bytes', bytes(0x41, ''), 'Counter'],
    ['a Counter64 of ten bytes', bytes(0x46, '00000000000000000001'), 'Counter64'],
    ['a Boolean', bytes(0x01, 'ff'), 'Boolean'],
    ['a type that is none', bytes(0x4b, '01'), 'type 75'],
    ['an opaque float without its end', bytes(0x44, '9f78043f00'), 'Opaque'],
    ['an opaque NaN', bytes(0x44, '9f78047fc00000'), 'Opaque'],
    ['a float with bytes behind it', bytes(0x44, '9f78043f00000007'), 'Opaque'],
  ])('with %s costs that object alone', (_, value, type) => {
    const error = `the agent answered ${type} that is no number`;
    expect(read(integer(1), value, integer(2))).toEqual([{ value: 1 }, { error }, { value: 2 }]);
  });

  it.each([
    ['an indefinite length', Buffer.from('02800100', 'hex')],
    ['a length beyond its end', Buffer.from('0204010203', 'hex')],
    ['a length of nine bytes', Buffer.from('028900000000000000000107', 'hex')],
  ])('with %s is broken', (_, value) => {
    expect(() => read(value)).toThrow(BrokenAnswer);
  });

  it.each([
    ['lengths in long form', '06820003', '2b0607'],
    ['lengths in eight bytes', '06880000000000000003', '2b0607'],
    ['arcs with a zero in front', '0604', '2b068007'],
    ['all arcs with zeros in front', '0608', '80802b8006808007'],
    ['both', '06810a', '80802b80068080808007'],
  ])('names its object by %s', (_, head, arcs) => {
    const asked = question(['1.3.6.7']);
    const value = integer(12);
    const answer = (name: Buffer) => {
      const list = ber(0x30, ber(0x30, name, value));
      const pdu = ber(0xa2, integer(ID), integer(0), integer(0), list);
      return ber(0x30, integer(1), ber(0x04, Buffer.from('public')), pdu);
    };
    expect(readingsIn(answer(Buffer.from(head + arcs, 'hex')), asked)).toEqual([{ value: 12 }]);
    const other = Buffer.from(head + arcs.replace(/07$/, '08'), 'hex');
    expect(() => readingsIn(answer(other), asked)).toThrow(ResponseInvalidError);
  });

  const get = { version: 1, community: 'public', id: ID, oids: [`${BASE}.1`, `${BASE}.2`] };
  const answer = (given: Partial<typeof get> = {}, oids = get.oids, status = 0, index = 0) =>
    responseTo(
      { ...get, ...given },
      oids.map((oid) => [oid, integer(1)]),
      status,
      index,
    );
  const asked = question(get.oids);

  it('to another question is refused', () => {
    expect(readingsIn(answer(), asked)).toEqual([{ value: 1 }, { value: 1 }]);
    expect(() => readingsIn(answer({ version: 0 }), asked)).toThrow(BrokenAnswer);
    expect(() => readingsIn(answer({ community: 'publik' }), asked)).toThrow(ResponseInvalidError);
    expect(() => readingsIn(answer({ community: 'public2' }), asked)).toThrow(ResponseInvalidError);
    expect(() => readingsIn(answer({}, [`${BASE}.2`, `${BASE}.1`]), asked)).toThrow(ResponseInvalidError);
    expect(() => readingsIn(answer({}, [`${BASE}.1`]), asked)).toThrow(BrokenAnswer);
    expect(() => readingsIn(answer({}, [...get.oids, `${BASE}.3`]), asked)).toThrow(BrokenAnswer);
    expect(() => readingsIn(encodeGet(asked, ID), asked)).toThrow(BrokenAnswer);
  });

  it('that names what is wrong names the object that was asked', () => {
    expect(() => readingsIn(answer({}, get.oids, 2, 2), asked)).toThrow(
      new RequestFailedError(`NoSuchName: ${BASE}.2`, 2),
    );
    expect(() => readingsIn(answer({}, [], 1), asked)).toThrow(new RequestFailedError('TooBig', 1));
    expect(() => readingsIn(answer({}, [], 2, 77), asked)).toThrow(new RequestFailedError('NoSuchName', 2));
  });

  it('is never more than read or refused, whatever its bytes are', () => {
    const oids = Array.from({ length: 12 }, (_, index) => `${BASE}.${index}`);
    const whole = responseTo(
      { ...get, oids },
      oids.map((oid, index) => [oid, index % 2 ? integer(index) : bytes(0x46, '0102030405060708')]),
    );
    const tryIt = (message: Buffer): void => {
      requestIdIn(message);
      try {
        for (const reading of readingsIn(message, question(oids))) {
          if ('value' in reading) expect(Number.isFinite(reading.value)).toBe(true);
        }
      } catch (error) {
        const isKnown =
          error instanceof BrokenAnswer ||
          error instanceof ResponseInvalidError ||
          error instanceof RequestFailedError;
        if (!isKnown) throw error;
      }
    };
    for (let length = 0; length < whole.length; length++) tryIt(whole.subarray(0, length));
    for (let at = 0; at < whole.length; at++) {
      for (const byte of [0, 1, 0x7f, 0x80, 0x81, 0x84, 0x88, 0xff]) {
        const message = Buffer.from(whole);
        message[at] = byte;
        tryIt(message);
      }
    }
  });
});
