import { ObjectType, type Varbind } from 'net-snmp';
import { numberOf } from './snmp-value';

/** Object of an agent as a person reads it. */
export interface SnmpRow {
  oid: string;
  /** Name of the type, such as OctetString. */
  type: string;
  /** Value as text; bytes that are no text are hexadecimal. */
  value: string;
  /** Number that `snmp_oid` reads of it; absent where it is none. */
  number?: number;
}

const UNPRINTABLE = /[^\P{C}\t\r\n]|\uFFFD/u;

export function rowOf(varbind: Varbind): SnmpRow {
  const { oid, type, value } = varbind;
  const reading = numberOf(varbind);
  const number = 'value' in reading ? { number: reading.value } : {};
  return { oid, type: (type && ObjectType[type]) ?? String(type), value: textOf(type, value), ...number };
}

function textOf(type: ObjectType | undefined, value: unknown): string {
  if (!Buffer.isBuffer(value)) return String(value);
  if (type === ObjectType.Counter64) return String(BigInt(`0x${value.toString('hex') || '0'}`));
  const text = value.toString('utf8');
  return type === ObjectType.OctetString && !UNPRINTABLE.test(text) ? text : value.toString('hex');
}
