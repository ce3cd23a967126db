/**
 * Values in PostgreSQL's binary format, as the `recv` functions of their types read it. pg would make a text of an
 * array and escape each quote of each element, and PostgreSQL would parse that again: several times the work here, and
 * more there.
 *
 * @see https://www.postgresql.org/docs/current/protocol-overview.html "Formats and Format Codes"
 */

import { storable, storableJson } from '../common/json';

/** Type of PostgreSQL: its OID, and the function that writes a value. */
interface Type<T> {
  oid: number;
  put: (value: T) => void;
}

export const FLOAT8_OID = 701;
export const ARRAY_HEADER_BYTES = 20;
/** Moment from which PostgreSQL counts microseconds, ms since 1970. */
export const EPOCH_MS = Date.UTC(2000, 0, 1);
export const COPY_SIGNATURE = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
export const COPY_END = -1;
const NULL = -1;
const TWO_TO_32 = 2 ** 32;
const JSONB_VERSION = 1;
const UUID_BYTES = 16;
const DASH = 0x2d;
const BEGIN_BYTES = 1 << 16;
const KEPT_BYTES_AT_MOST = 1 << 22;

/** Buffer being written; `end` is the number of bytes so far. One for all callers, since nothing here waits. */
let buffer = Buffer.allocUnsafe(BEGIN_BYTES);
let end = 0;

const UUID: Type<string> = { oid: 2950, put: putUuid };
const TEXT: Type<string> = { oid: 25, put: putText };
const JSONB: Type<string> = { oid: 3802, put: putJson };
const TIMESTAMPTZ: Type<Date> = { oid: 1184, put: putTimestamp };
const FLOAT8: Type<number> = { oid: FLOAT8_OID, put: putFloat };
const INT4: Type<number> = { oid: 23, put: putInteger };
const BOOL: Type<boolean> = { oid: 16, put: putBoolean };

type Values<T> = readonly (T | null)[];

/** Encode arrays as parameters of a statement. */
export const uuids = (values: Values<string>): Buffer => arrayOf(UUID, values);
export const texts = (values: Values<string>): Buffer => arrayOf(TEXT, values);
/** @param values JSON as texts */
export const jsons = (values: Values<string>): Buffer => arrayOf(JSONB, values);
export const timestamps = (values: Values<Date>): Buffer => arrayOf(TIMESTAMPTZ, values);
export const floats = (values: Values<number>): Buffer => arrayOf(FLOAT8, values);
export const integers = (values: Values<number>): Buffer => arrayOf(INT4, values);
export const booleans = (values: Values<boolean>): Buffer => arrayOf(BOOL, values);

/** Types of columns in rows that are copied. */
const COLUMNS = {
  uuid: UUID,
  text: TEXT,
  jsonb: JSONB,
  timestamptz: TIMESTAMPTZ,
  float8: FLOAT8,
  int: INT4,
  bool: BOOL,
};

export type ColumnType = keyof typeof COLUMNS;
export type Column = { [N in ColumnType]: { type: N; values: Values<ValueOf<N>> } }[ColumnType];
type ValueOf<N extends ColumnType> = (typeof COLUMNS)[N] extends Type<infer T> ? T : never;

/** Encodes a column as a parameter of a statement. */
export const arrayOfColumn = ({ type, values }: Column): Buffer =>
  arrayOf<never>(COLUMNS[type], values as never[]);

/** Yields rows for `COPY … FROM STDIN BINARY` in parts, given by their columns. */
export function* copyOf(columns: readonly Column[]): Generator<Buffer, void> {
  const count = columns[0]!.values.length;
  for (let row = 0; row === 0 || row < count; row += COPIED_AT_ONCE) {
    end = 0;
    if (row === 0) putBytes(COPY_SIGNATURE);
    putRows(columns, row, Math.min(row + COPIED_AT_ONCE, count));
    if (row + COPIED_AT_ONCE >= count) putShort(COPY_END);
    yield taken();
  }
}

export const COPIED_AT_ONCE = 500;

function putRows(columns: readonly Column[], from: number, to: number): void {
  for (let row = from; row < to; row++) {
    putShort(columns.length);
    for (const { type, values } of columns)
      putField(values[row]!, COLUMNS[type].put as (value: unknown) => void);
  }
}

function putBytes(bytes: Buffer): void {
  makeRoom(bytes.length);
  end += bytes.copy(buffer, end);
}

function putShort(value: number): void {
  makeRoom(2);
  end = buffer.writeInt16BE(value, end);
}

/**
 * Writes the header of a one-dimensional array.
 *
 * @returns place of the first byte after it
 */
export function writeArrayHeader(to: Buffer, start: number, oid: number, count: number): number {
  let at = to.writeInt32BE(1, start);
  // "Has nulls": PostgreSQL looks for itself.
  at = to.writeInt32BE(1, at);
  at = to.writeInt32BE(oid, at);
  at = to.writeInt32BE(count, at);
  // The first index.
  return to.writeInt32BE(1, at);
}

function arrayOf<T>({ oid, put }: Type<T>, values: Values<T>): Buffer {
  end = 0;
  makeRoom(ARRAY_HEADER_BYTES);
  end = writeArrayHeader(buffer, end, oid, values.length);
  for (const value of values) putField(value, put);
  return taken();
}

function taken(): Buffer {
  const written = Buffer.from(buffer.subarray(0, end));
  // One large batch is no reason to keep so much.
  if (buffer.length > KEPT_BYTES_AT_MOST) buffer = Buffer.allocUnsafe(BEGIN_BYTES);
  return written;
}

/** Writes a value, preceded by its length. */
function putField<T>(value: T | null, put: (value: T) => void): void {
  makeRoom(4);
  const lengthAt = end;
  end += 4;
  if (value !== null) put(value);
  buffer.writeInt32BE(value === null ? NULL : end - lengthAt - 4, lengthAt);
}

function makeRoom(bytes: number): void {
  if (end + bytes <= buffer.length) return;
  const larger = Buffer.allocUnsafe(Math.max(2 * buffer.length, end + bytes));
  buffer.copy(larger, 0, 0, end);
  buffer = larger;
}

function putText(given: string): void {
  const text = given.includes('\0') ? storable(given) : given;
  // At most three bytes for each of its UTF-16 units.
  makeRoom(3 * text.length);
  end += buffer.write(text, end);
}

function putJson(json: string): void {
  makeRoom(1);
  end = buffer.writeUInt8(JSONB_VERSION, end);
  // One text that it can't hold would cost the whole batch.
  putText(storableJson(json));
}

function putUuid(uuid: string): void {
  makeRoom(UUID_BYTES);
  const until = end + UUID_BYTES;
  let all = 0;
  for (let at = 0; at < uuid.length && end < until; at += 2) {
    if (uuid.charCodeAt(at) === DASH) at++;
    const byte = (nibble(uuid.charCodeAt(at)) << 4) | nibble(uuid.charCodeAt(at + 1));
    all |= byte;
    buffer[end++] = byte;
  }
  if (all < 0 || end < until) throw new TypeError('not a UUID');
}

/** Returns the value of a hexadecimal digit; less than 0 for any other character. */
function nibble(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}

function putTimestamp(at: Date): void {
  makeRoom(8);
  const ms = at.getTime() - EPOCH_MS;
  const us = ms * 1000;
  if (Number.isSafeInteger(us)) {
    // A BigInt is an object for each.
    const high = Math.floor(us / TWO_TO_32);
    end = buffer.writeInt32BE(high, end);
    end = buffer.writeUInt32BE(us - high * TWO_TO_32, end);
  } else end = buffer.writeBigInt64BE(BigInt(ms) * 1000n, end);
}

function putFloat(value: number): void {
  makeRoom(8);
  end = buffer.writeDoubleBE(value, end);
}

function putInteger(value: number): void {
  makeRoom(4);
  end = buffer.writeInt32BE(value, end);
}

function putBoolean(value: boolean): void {
  makeRoom(1);
  end = buffer.writeUInt8(value ? 1 : 0, end);
}
