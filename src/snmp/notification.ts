import { ObjectType, PduType, type TrapV1Pdu, type TrapV2Pdu, type TrapVarbind } from 'net-snmp';
import { BerReader } from './ber';
import { exactInOpaque } from './opaque';
import { exact, hex, textOrHex, unreadable } from './plain-value';

/** SNMP notification; version 1 is mapped to version 2 by RFC 3584, 3.1. OIDs have no leading dot. */
export interface Notification {
  version: '1' | '2c' | '3';
  trapOid: string;
  /** Agent's address, of version 1 only; absent when it is 0.0.0.0 or missing. */
  agentAddress?: string;
  /** Enterprise of a version 1 trap. */
  enterprise?: string;
  /** Time since the agent's start. */
  upTimeSeconds?: number;
  /** Objects, without sysUpTime.0, snmpTrapOID.0 and snmpTrapCommunity.0. */
  varbinds: PlainVarbind[];
  /** Id of the request, present when it is an inform, which waits for its acknowledgement. */
  inform?: { requestId: number };
}

export interface PlainVarbind {
  oid: string;
  value: string | number;
}

const SYS_UP_TIME = '1.3.6.1.2.1.1.3.0';
const SNMP_TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0';
/** Object in which a relay puts the community, which is a secret. */
const SNMP_TRAP_COMMUNITY = '1.3.6.1.6.3.18.1.4.0';
const NOT_LISTED = new Set([SYS_UP_TIME, SNMP_TRAP_OID, SNMP_TRAP_COMMUNITY]);

/** Parent of the generic traps' OIDs: coldStart, generic trap 0, is 1.3.6.1.6.3.1.1.5.1. enterpriseSpecific is 6. */
const SNMP_TRAPS = '1.3.6.1.6.3.1.1.5';
const ENTERPRISE_SPECIFIC = 6;

const OID = /^\d+(?:\.\d+)+$/;
const TICKS_PER_SECOND = 100;
const NO_ADDRESS = '0.0.0.0';

/** Fields of a version 1 trap, RFC 1157, 4.1.6. */
export interface TrapV1 {
  enterprise: string;
  /** Agent's address; undefined when the field holds no IPv4 address. */
  agentAddress?: string;
  generic: number;
  specific: number;
  /** Hundredths of a second. */
  upTime: number;
  varbinds: PlainVarbind[];
}

/**
 * Makes a notification of a version 1 trap.
 *
 * @throws Error when there is no such trap
 */
export function fromV1({
  enterprise,
  agentAddress,
  generic,
  specific,
  upTime,
  varbinds,
}: TrapV1): Notification {
  if (generic < 0 || generic > ENTERPRISE_SPECIFIC) throw new Error(`there is no generic trap ${generic}`);
  if (specific < -(2 ** 31) || specific >= 2 ** 32) throw new Error(`there is no specific trap ${specific}`);
  // An arc has 32 bits and no sign: numbers from 2^31 on come as negative ones, from net-snmp's snmptrap too.
  const trapOid =
    generic === ENTERPRISE_SPECIFIC ? `${enterprise}.0.${specific >>> 0}` : `${SNMP_TRAPS}.${generic + 1}`;
  return {
    version: '1',
    trapOid,
    ...(agentAddress === undefined || agentAddress === NO_ADDRESS ? {} : { agentAddress }),
    enterprise,
    upTimeSeconds: upTime / TICKS_PER_SECOND,
    varbinds: listed(varbinds),
  };
}

/**
 * Makes a notification of the objects of a version 2c or 3 PDU.
 *
 * @throws Error when it lacks what a notification needs
 */
export function fromV2(version: '2c' | '3', varbinds: PlainVarbind[]): Notification {
  const trapOid = varbinds.find(({ oid }) => oid === SNMP_TRAP_OID)?.value;
  if (typeof trapOid !== 'string' || !OID.test(trapOid))
    throw new Error('the notification has no snmpTrapOID.0');
  const upTime = varbinds.find(({ oid }) => oid === SYS_UP_TIME)?.value;
  return {
    version,
    trapOid,
    ...(typeof upTime === 'number' ? { upTimeSeconds: upTime / TICKS_PER_SECOND } : {}),
    varbinds: listed(varbinds),
  };
}

/** Reads the notification in a PDU as net-snmp parsed it. @throws Error when it lacks what a notification needs */
export function notificationIn(pdu: TrapV1Pdu | TrapV2Pdu): Notification {
  const varbinds = pdu.varbinds.map(({ oid, type, value }) => ({ oid, value: plainValue(type, value) }));
  if (pdu.type === PduType.Trap) return fromV1({ agentAddress: pdu.agentAddr, ...pdu, varbinds });
  const notification = fromV2(pdu.scoped ? '3' : '2c', varbinds);
  return pdu.type === PduType.InformRequest
    ? { inform: { requestId: pdu.id }, ...notification }
    : notification;
}

const listed = (varbinds: PlainVarbind[]): PlainVarbind[] =>
  varbinds.filter(({ oid }) => !NOT_LISTED.has(oid));

function plainValue(type: ObjectType, value: TrapVarbind['value']): string | number {
  if (typeof value === 'number') return value;
  if (!Buffer.isBuffer(value)) return value === null ? '' : String(value);
  if (type === ObjectType.Counter64)
    return exact(new BerReader(value).unsigned64Inside(), value) ?? unreadable(value);
  return type === ObjectType.Opaque ? (exactInOpaque(value) ?? hex(value)) : textOrHex(value);
}
