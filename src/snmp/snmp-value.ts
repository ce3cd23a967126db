import { ObjectType, type Varbind } from 'net-snmp';
import { plainNumber } from '../common/plain-number';
import { BerReader, Tag } from './ber';
import { floatIn, numberInOpaque } from './opaque';
import type { Counter32, Reading } from '../common/reading';

/** Types of floats without the Opaque around them, which Net-SNMP takes too. */
const FLOAT = 0x78;
const DOUBLE = 0x79;

/** Reasons by type for values that are none, as the end of a sentence. */
const WITHOUT_VALUE: Partial<Record<number, string>> = {
  [Tag.NoSuchObject]: 'the agent has no such object',
  [Tag.NoSuchInstance]: 'the agent has no such instance of the object',
  [Tag.EndOfMibView]: 'the agent has no object there: end of its MIB view',
  [Tag.Null]: 'the agent answered null',
};

const NAMES: Partial<Record<number, string>> = {
  ...ObjectType,
  [Tag.UInteger32]: 'UInteger32',
  [FLOAT]: 'Float',
  [DOUBLE]: 'Double',
};

/** TimeTicks are hundredths of a second, RFC 2578, 7.1.8. */
const TICKS_PER_SECOND = 100;

const NOTHING_KNOWN: Counter32 = {};

/** Reads the value the reader is inside. TimeTicks become seconds; a Counter64 above 2^53 is rounded. */
export function valueInside(reader: BerReader, type: number): Reading {
  const number = numberInside(reader, type);
  if (number !== undefined && Number.isFinite(number))
    return type === Tag.Counter32 ? { value: number, counter32: NOTHING_KNOWN } : { value: number };
  return noNumber(type);
}

const noNumber = (type: number): Reading => ({
  error: WITHOUT_VALUE[type] ?? `the agent answered ${NAMES[type] ?? `type ${type}`} that is no number`,
});

function numberInside(reader: BerReader, type: number): number | undefined {
  switch (type) {
    case Tag.Integer:
      return reader.signedInside();
    case Tag.Counter32:
    case Tag.Gauge32:
    case Tag.UInteger32:
      return reader.unsignedInside();
    case Tag.TimeTicks: {
      const ticks = reader.unsignedInside();
      return ticks === undefined ? undefined : ticks / TICKS_PER_SECOND;
    }
    case Tag.Counter64:
      return reader.unsigned64Inside();
    case Tag.OctetString:
      return numberInText(reader.octetsInside().toString('utf8'));
    case Tag.Opaque:
      return numberInOpaque(reader.octetsInside());
    case FLOAT:
    case DOUBLE:
      return floatIn(reader.octetsInside());
    default:
      return undefined;
  }
}

/** Reads a value as net-snmp parsed it; else as `valueInside`. */
export function numberOf({ type: given, value }: Varbind): Reading {
  const type: number = given ?? Tag.Null;
  const bytes = Buffer.isBuffer(value) ? value : undefined;
  const number = typeof value === 'number' ? value : bytes && numberInside(new BerReader(bytes), type);
  if (number !== undefined && Number.isFinite(number))
    return type === Tag.Counter32
      ? { value: number, counter32: NOTHING_KNOWN }
      : { value: type === Tag.TimeTicks ? number / TICKS_PER_SECOND : number };
  return noNumber(type);
}

function numberInText(text: string): number | undefined {
  return plainNumber(text.replace(/\0+$/, ''));
}
