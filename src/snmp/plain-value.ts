import { storable } from '../common/json';

const MAX_TEXT = 10_000;

/**
 * Returns bytes as text when they are printable UTF-8, else in hexadecimal. A NUL at the end, as C programs leave it,
 * is cut off.
 */
export function textOrHex(bytes: Buffer): string {
  const text = isPlainAscii(bytes) ? bytes.toString('latin1') : textIn(bytes);
  if (text === undefined) return hex(bytes);
  return text.length <= MAX_TEXT ? text : storable(text.slice(0, MAX_TEXT));
}

/** Tells whether bytes are plain ASCII. Nearly all texts are, and this check costs less than decoding. */
function isPlainAscii(bytes: Buffer): boolean {
  for (const byte of bytes) if (byte < 0x20 || byte > 0x7e) return false;
  return true;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textIn(bytes: Buffer): string | undefined {
  try {
    const text = utf8.decode(bytes).replace(/\0$/, '');
    // eslint-disable-next-line no-control-regex
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

export const hex = (bytes: Buffer): string => `0x${bytes.toString('hex', 0, MAX_TEXT / 2)}`;

/** Returns the text that stands in place of a value that can't be read. */
export const unreadable = (bytes: Buffer): string => `unreadable: ${hex(bytes)}`;

/**
 * Returns a whole number; as text where a JavaScript number is rounded: it may tell apart what an alert is about.
 *
 * @param number as it was read
 * @param bytes of it, most significant first
 */
export function exact(
  number: number | undefined,
  bytes: Buffer,
  isSigned = false,
): string | number | undefined {
  if (number === undefined || Number.isSafeInteger(number)) return number;
  const unsigned = BigInt(`0x${bytes.toString('hex')}`);
  return String(isSigned ? BigInt.asIntN(Math.min(64, 8 * bytes.length), unsigned) : unsigned);
}
