import { ErrorStatus, RequestFailedError, ResponseInvalidCode, ResponseInvalidError } from 'net-snmp';
import type { Reading } from '../metric';
import { BrokenAnswer } from './snmp-session';
import { numberOf } from './snmp-value';

/**
 * The GetRequest of versions 1 and 2c and the answer to it, in BER (RFC 1157, 4; RFC 3416, 3; RFC 3417, 8). net-snmp
 * makes objects of every field, which was most of the work of a poll: here an answer is compared with the bytes of its
 * question and gives numbers.
 */

const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const NULL = 0x05;
const OID = 0x06;
const SEQUENCE = 0x30;
const IP_ADDRESS = 0x40;
const COUNTER = 0x41;
const GAUGE = 0x42;
const TIME_TICKS = 0x43;
const OPAQUE = 0x44;
const COUNTER64 = 0x46;
const NO_SUCH_OBJECT = 0x80;
const NO_SUCH_INSTANCE = 0x81;
const END_OF_MIB_VIEW = 0x82;
const GET_REQUEST = 0xa0;
const RESPONSE = 0xa2;

/** A question that is asked of one agent. */
export interface Get {
  /** As it stands in a message: 0 is version 1, 1 is version 2c. */
  version: 0 | 1;
  community: Buffer;
  /** Dotted, without a leading dot. */
  oids: readonly string[];
  /** The same as they stand in a message, `objectsOf(oids)`. */
  objects: readonly Buffer[];
}

/** Ids are of four bytes that need no other form. */
const FIRST_ID = 0x0100_0000;
const ID_BYTES = 4;

/** The id of a question. An answer that nobody was asked for has to guess it. @param random 31 bits */
export const idOf = (random: number): number => (random < FIRST_ID ? random + FIRST_ID : random);

/** @param id of `idOf` */
export function encodeGet({ version, community, objects }: Get, id: number): Buffer {
  let listLength = 0;
  for (const object of objects) listLength += object.length;
  const pduLength = 2 + ID_BYTES + 3 + 3 + sizeOf(listLength);
  const bodyLength = 3 + sizeOf(community.length) + sizeOf(pduLength);
  const message = Buffer.allocUnsafe(sizeOf(bodyLength));
  let at = writeHead(message, 0, SEQUENCE, bodyLength);
  at = writeSmall(message, at, version);
  at = writeHead(message, at, OCTET_STRING, community.length);
  at += community.copy(message, at);
  at = writeHead(message, at, GET_REQUEST, pduLength);
  at = writeHead(message, at, INTEGER, ID_BYTES);
  at = message.writeInt32BE(id, at);
  at = writeSmall(message, at, 0);
  at = writeSmall(message, at, 0);
  at = writeHead(message, at, SEQUENCE, listLength);
  for (const object of objects) {
    message.set(object, at);
    at += object.length;
  }
  return message;
}

/** Thousands of agents are asked for the same objects. */
const known = new Map<string, Buffer>();
const MAX_KNOWN = 50_000;

/** Objects without a value, as a question lists them. */
export function objectsOf(oids: readonly string[]): Buffer[] {
  return oids.map((oid) => {
    let object = known.get(oid);
    if (object === undefined) {
      object = encodedObject(oid);
      if (known.size >= MAX_KNOWN) known.clear();
      known.set(oid, object);
    }
    return object;
  });
}

function encodedObject(oid: string): Buffer {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap(septets);
  const length = sizeOf(bytes.length) + 2;
  const object = Buffer.allocUnsafe(sizeOf(length));
  let at = writeHead(object, 0, SEQUENCE, length);
  at = writeHead(object, at, OID, bytes.length);
  object.set(bytes, at);
  object[at + bytes.length] = NULL;
  object[at + bytes.length + 1] = 0;
  return object;
}

/** A number of an OID in base 128, X.690, 8.19.2. */
function septets(number: number): number[] {
  const bytes = [number % 128];
  for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
    bytes.unshift((left % 128) | 0x80);
  return bytes;
}

/** Bytes of a field with contents of that length. */
const sizeOf = (length: number): number => length + (length < 0x80 ? 2 : length < 0x100 ? 3 : 4);

function writeHead(bytes: Buffer, at: number, tag: number, length: number): number {
  bytes[at++] = tag;
  if (length >= 0x100) {
    bytes[at++] = 0x82;
    bytes[at++] = length >> 8;
  } else if (length >= 0x80) bytes[at++] = 0x81;
  bytes[at++] = length & 0xff;
  return at;
}

function writeSmall(bytes: Buffer, at: number, value: number): number {
  bytes[at] = INTEGER;
  bytes[at + 1] = 1;
  bytes[at + 2] = value;
  return at + 3;
}

/**
 * What the answer says of each object, in the order asked; what has no number says why, as the end of a sentence.
 *
 * @throws BrokenAnswer when it is no answer, RequestFailedError when the agent says why there is none,
 *   ResponseInvalidError when it is one to something else
 */
export function readingsIn(message: Buffer, get: Get): Reading[] {
  return new Answer(message).readings(get);
}

/** Goes through an answer field by field. No field may reach beyond the one it stands in. */
class Answer {
  private at = 0;
  private end: number;

  constructor(private readonly bytes: Buffer) {
    this.end = bytes.length;
  }

  readings(get: Get): Reading[] {
    this.end = this.enter(SEQUENCE);
    if (this.integer() !== get.version)
      // What follows is built otherwise.
      throw new BrokenAnswer('it is of another version of SNMP');
    const community = this.enter(OCTET_STRING);
    if (this.bytes.compare(get.community, 0, get.community.length, this.at, community) !== 0)
      throw new ResponseInvalidError('another community', ResponseInvalidCode.ECommunityNoMatch);
    this.at = community;
    this.end = this.enter(RESPONSE);
    this.integer(); // its id, by which it was found
    const status = this.integer();
    const index = this.integer();
    if (status !== 0) throw failureOf(status, get.oids[index - 1]);
    this.end = this.enter(SEQUENCE);
    const readings = new Array<Reading>(get.objects.length);
    for (let object = 0; object < readings.length; object++)
      readings[object] = this.reading(get.objects[object]!);
    if (this.at !== this.end) throw new BrokenAnswer('it holds other objects than were asked');
    return readings;
  }

  /** @param object as it was asked */
  private reading(object: Buffer): Reading {
    const list = this.end;
    if (this.at === list) throw new BrokenAnswer('it holds no objects');
    this.end = this.enter(SEQUENCE);
    this.skipOidOf(object);
    const value = this.value();
    if (this.at !== this.end) throw new BrokenAnswer('a field holds more than it may');
    this.end = list;
    return value;
  }

  /** The OID must be the one that was asked, byte by byte. */
  private skipOidOf(object: Buffer): void {
    const { bytes } = this;
    // Behind the head of the sequence stands the OID, and behind it the two bytes of no value.
    const from = object[1]! < 0x80 ? 2 : object[1]! === 0x81 ? 3 : 4;
    const length = object.length - 2 - from;
    let isSame = this.at + length <= this.end;
    for (let n = 0; isSame && n < length; n++) isSame = bytes[this.at + n] === object[from + n];
    if (!isSame) throw new ResponseInvalidError('another object', ResponseInvalidCode.EReqResOidNoMatch);
    this.at += length;
  }

  private value(): Reading {
    const tag = this.peek();
    switch (tag) {
      case INTEGER:
        return { value: this.integer() };
      case COUNTER:
      case GAUGE:
        return { value: this.unsigned(tag) };
      case TIME_TICKS:
        return numberOf({ oid: '', type: tag, value: this.unsigned(tag) });
      case COUNTER64:
        return { value: this.counter64() };
      case OCTET_STRING:
      case OPAQUE:
        return numberOf({ oid: '', type: tag, value: this.octets(tag) });
      case NULL:
      case OID:
      case IP_ADDRESS:
      case NO_SUCH_OBJECT:
      case NO_SUCH_INSTANCE:
      case END_OF_MIB_VIEW:
        this.octets(tag);
        return numberOf({ oid: '', type: tag, value: null });
      default:
        throw new BrokenAnswer(`a value is of type ${tag}, which is none of SNMP`);
    }
  }

  /** A signed number of 32 bits. */
  private integer(): number {
    const value = this.number(INTEGER, 5);
    if (value !== (value | 0)) throw new BrokenAnswer('a number has more than 32 bits');
    return value;
  }

  /** A number of 32 bits without a sign. Some agents send it as if it had one. */
  private unsigned(tag: number): number {
    const value = this.number(tag, 5);
    if (value > 0xffff_ffff || value < -0x8000_0000) throw new BrokenAnswer('a number has more than 32 bits');
    return value < 0 ? value + 0x1_0000_0000 : value;
  }

  /** Of 64 bits, in as many bytes as it needs; one more may come first, for the sign that it has not. */
  private counter64(): number {
    const bytes = this.octets(COUNTER64);
    if (bytes.length === 0 || bytes.length > 9) throw new BrokenAnswer('a number is of no known length');
    if (bytes.length <= 6) return bytes.readUIntBE(0, bytes.length);
    return Number(BigInt(`0x${bytes.toString('hex')}`));
  }

  private number(tag: number, maxLength: number): number {
    const end = this.enter(tag);
    const { bytes } = this;
    let at = this.at;
    if (end === at || end - at > maxLength) throw new BrokenAnswer('a number is of no known length');
    let value = bytes[at]! >= 0x80 ? -1 : 0;
    while (at < end) value = value * 256 + bytes[at++]!;
    this.at = end;
    return value;
  }

  private octets(tag: number): Buffer {
    const end = this.enter(tag);
    const octets = this.bytes.subarray(this.at, end);
    this.at = end;
    return octets;
  }

  private peek(): number {
    if (this.at >= this.end) throw new BrokenAnswer('it is cut off');
    return this.bytes[this.at]!;
  }

  /** Reads tag and length. Answers where the contents end. */
  private enter(tag: number): number {
    const { bytes } = this;
    if (this.peek() !== tag) throw new BrokenAnswer('a field is of another type');
    let at = this.at + 1;
    let length = at < this.end ? bytes[at++]! : Infinity;
    if (length >= 0x80 && length !== Infinity) {
      const count = length - 0x80;
      if (count === 0 || count > 4 || at + count > this.end)
        throw new BrokenAnswer('a length is of no known form');
      length = 0;
      for (let n = 0; n < count; n++) length = length * 256 + bytes[at++]!;
    }
    if (at + length > this.end) throw new BrokenAnswer('it is cut off');
    this.at = at;
    return at + length;
  }
}

/** @param oid of the object that the agent names */
function failureOf(status: number, oid: string | undefined): Error {
  const name = ErrorStatus[status] ?? 'GeneralError';
  const known = ErrorStatus[status] === undefined ? ErrorStatus.GeneralError : status;
  return new RequestFailedError(oid === undefined ? name : `${name}: ${oid}`, known);
}
