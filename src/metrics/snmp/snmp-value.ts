import { ObjectType, type Varbind } from 'net-snmp';
import type { Reading } from '../metric';

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** An error here is the part of the sentence that says why. */
const WITHOUT_VALUE: Partial<Record<ObjectType, string>> = {
  [ObjectType.NoSuchObject]: 'the agent has no such object',
  [ObjectType.NoSuchInstance]: 'the agent has no such instance of the object',
  [ObjectType.EndOfMibView]: 'the agent has no object there: end of its MIB view',
  [ObjectType.Null]: 'the agent answered null',
};

/**
 * The number in an answer. TimeTicks come as hundredths of a second and become seconds (RFC 2578, 7.1.8); a
 * Counter64 above 2^53 is rounded.
 */
export function numberOf({ type, value }: Varbind): Reading {
  const number =
    typeof value === 'number' ? value : Buffer.isBuffer(value) ? numberIn(type, value) : undefined;
  if (number !== undefined && Number.isFinite(number)) {
    return { value: type === ObjectType.TimeTicks ? number / 100 : number };
  }
  const what = type === undefined ? 'nothing' : (ObjectType[type] ?? `type ${String(type)}`);
  return { error: (type && WITHOUT_VALUE[type]) ?? `the agent answered ${what} that is no number` };
}

function numberIn(type: ObjectType | undefined, bytes: Buffer): number | undefined {
  switch (type) {
    case ObjectType.Counter64:
      return Number(BigInt(`0x${bytes.toString('hex') || '0'}`));
    case ObjectType.OctetString:
      return numberInText(bytes.toString('utf8'));
    case ObjectType.Opaque:
      return floatInOpaque(bytes);
    default:
      return undefined;
  }
}

function numberInText(text: string): number | undefined {
  const trimmed = text.replace(/\0+$/, '').trim();
  return DECIMAL.test(trimmed) ? Number(trimmed) : undefined;
}

/** Floats as Net-SNMP wraps them, for instance in UCD-SNMP's laLoadFloat (draft-perkins-opaque-01). */
export function floatInOpaque(bytes: Buffer): number | undefined {
  const [tag, kind, length] = bytes;
  if (tag !== 0x9f) return undefined;
  if (kind === 0x78 && length === 4 && bytes.length === 7) return bytes.readFloatBE(3);
  if (kind === 0x79 && length === 8 && bytes.length === 11) return bytes.readDoubleBE(3);
  return undefined;
}
