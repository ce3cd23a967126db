import { ErrorStatus, RequestFailedError, ResponseInvalidCode, ResponseInvalidError } from 'net-snmp';
import { BerError, BerReader, Tag } from './ber';
import type { Reading } from '../common/reading';
import { BrokenAnswer } from './broken-answer';
import { valueInside } from './snmp-value';

/**
 * Tags of the GetRequest of versions 1 and 2c and of its answer, in BER (RFC 1157, 4; RFC 3416, 3; RFC 3417, 8). This
 * module encodes and reads both without net-snmp, which makes objects of every field; that was most of the work of a
 * poll. Here an answer is compared with the bytes of its question and gives numbers.
 */

const GET_REQUEST = 0xa0;
const RESPONSE = 0xa2;

/** Question to one agent. */
export interface Get {
  /** Version as it stands in a message: 0 is version 1, 1 is version 2c. */
  version: 0 | 1;
  community: Buffer;
  /** OIDs, dotted, without a leading dot. */
  oids: readonly string[];
  /** The OIDs as they stand in a message, `objectsOf(oids)`. */
  objects: readonly Buffer[];
}

/** Lowest request id: from here on an id takes exactly four bytes. */
const FIRST_ID = 0x0100_0000;
const ID_BYTES = 4;

/** Returns the id of a question. Whoever forges an answer has to guess it. @param random 31 bits */
export const idOf = (random: number): number => (random < FIRST_ID ? random + FIRST_ID : random);

/**
 * Encodes a GetRequest.
 *
 * @param id of `idOf`
 */
export function encodeGet({ version, community, objects }: Get, id: number): Buffer {
  let listLength = 0;
  for (const object of objects) listLength += object.length;
  const pduLength = 2 + ID_BYTES + 3 + 3 + sizeOf(listLength);
  const bodyLength = 3 + sizeOf(community.length) + sizeOf(pduLength);
  const message = Buffer.allocUnsafe(sizeOf(bodyLength));
  let at = writeHead(message, 0, Tag.Sequence, bodyLength);
  at = writeSmall(message, at, version);
  at = writeHead(message, at, Tag.OctetString, community.length);
  at += community.copy(message, at);
  at = writeHead(message, at, GET_REQUEST, pduLength);
  at = writeHead(message, at, Tag.Integer, ID_BYTES);
  at = message.writeInt32BE(id, at);
  at = writeSmall(message, at, 0);
  at = writeSmall(message, at, 0);
  at = writeHead(message, at, Tag.Sequence, listLength);
  for (const object of objects) {
    message.set(object, at);
    at += object.length;
  }
  return message;
}

/** Cache of encoded objects by OID: thousands of agents are asked for the same ones. */
const known = new Map<string, Buffer>();
const MAX_KNOWN = 50_000;

/** Encodes objects without a value, as a question lists them. */
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
  let at = writeHead(object, 0, Tag.Sequence, length);
  at = writeHead(object, at, Tag.Oid, bytes.length);
  object.set(bytes, at);
  object[at + bytes.length] = Tag.Null;
  object[at + bytes.length + 1] = 0;
  return object;
}

/** Encodes a number of an OID in base 128, X.690, 8.19.2. */
function septets(number: number): number[] {
  const bytes = [number % 128];
  for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128))
    bytes.unshift((left % 128) | 0x80);
  return bytes;
}

/** Returns the bytes that a field takes whose contents have that length. */
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
  bytes[at] = Tag.Integer;
  bytes[at + 1] = 1;
  bytes[at + 2] = value;
  return at + 3;
}

/**
 * Reads an answer: what it says of each object, in the order asked. An object without a number has the reason, as the
 * end of a sentence.
 *
 * @throws BrokenAnswer when it is no answer, RequestFailedError when the agent says why there is none,
 *   ResponseInvalidError when it is one to something else
 */
export function readingsIn(message: Buffer, get: Get): Reading[] {
  try {
    return new Answer(message).readings(get);
  } catch (error) {
    throw error instanceof BerError ? new BrokenAnswer(error.message) : error;
  }
}

/** Reads one answer, field by field. */
class Answer {
  private readonly reader: BerReader;

  constructor(message: Buffer) {
    this.reader = new BerReader(message);
  }

  readings(get: Get): Reading[] {
    const { reader } = this;
    reader.enter(Tag.Sequence);
    if (reader.integer() !== get.version)
      // What follows is built otherwise.
      throw new BrokenAnswer('it is of another version of SNMP');
    if (!reader.octets(Tag.OctetString).equals(get.community))
      throw new ResponseInvalidError('another community', ResponseInvalidCode.ECommunityNoMatch);
    reader.enter(RESPONSE);
    reader.integer(); // its id, by which it was found
    const status = reader.integer();
    const index = reader.integer();
    if (status !== 0) throw failureOf(status, get.oids[index - 1]);
    reader.enter(Tag.Sequence);
    const readings = new Array<Reading>(get.objects.length);
    for (let object = 0; object < readings.length; object++)
      readings[object] = this.reading(get.objects[object]!);
    if (!reader.isAtEnd) throw new BrokenAnswer('it holds other objects than were asked');
    return readings;
  }

  /**
   * Reads the next object of the answer.
   *
   * @param object as it was asked
   */
  private reading(object: Buffer): Reading {
    const { reader } = this;
    if (reader.isAtEnd) throw new BrokenAnswer('it holds no objects');
    const list = reader.enter(Tag.Sequence);
    this.passOidOf(object);
    const type = reader.peek();
    const varbind = reader.enter(type);
    const reading = valueInside(reader, type);
    reader.leave(varbind);
    reader.leave(list);
    return reading;
  }

  /** Skips the OID, which must be the one that was asked. Nearly always its bytes are the same as in the question. */
  private passOidOf(object: Buffer): void {
    // Behind the head of the sequence stands the OID, and behind it the two bytes of no value.
    const from = object[1]! < 0x80 ? 2 : object[1]! === 0x81 ? 3 : 4;
    if (this.reader.passIfSame(object, from, object.length - 2 - from)) return;
    if (this.reader.oid() !== new BerReader(object, from).oid())
      throw new ResponseInvalidError('another object', ResponseInvalidCode.EReqResOidNoMatch);
  }
}

/**
 * Makes the error for an error status of the agent.
 *
 * @param oid of the object that the agent names
 */
function failureOf(status: number, oid: string | undefined): Error {
  const name = ErrorStatus[status] ?? 'GeneralError';
  const known = ErrorStatus[status] === undefined ? ErrorStatus.GeneralError : status;
  return new RequestFailedError(oid === undefined ? name : `${name}: ${oid}`, known);
}
