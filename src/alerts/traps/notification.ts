import { isIPv6 } from 'node:net';
import { ObjectType, PduType, type TrapV1Pdu, type TrapV2Pdu, type TrapVarbind } from 'net-snmp';
import { floatInOpaque } from '../../metrics/snmp/snmp-value';

/** An SNMP notification; version 1 is mapped to version 2 by RFC 3584, 3.1. OIDs have no leading dot. */
export interface Notification {
  version: '1' | '2c' | '3';
  /** Version 1: the agent's address in the trap, unless it is 0.0.0.0. Else where the datagram came from. */
  sourceAddress: string;
  trapOid: string;
  /** Version 1 only. */
  enterprise?: string;
  /** Version 3 only. */
  user?: string;
  /** Since the agent's start. */
  upTimeSeconds?: number;
  /** Without sysUpTime.0, snmpTrapOID.0 and snmpTrapCommunity.0. */
  varbinds: { oid: string; value: string | number }[];
}

const SYS_UP_TIME = '1.3.6.1.2.1.1.3.0';
const SNMP_TRAP_OID = '1.3.6.1.6.3.1.1.4.1.0';
/** A relay puts the community there; it is a secret. */
const SNMP_TRAP_COMMUNITY = '1.3.6.1.6.3.18.1.4.0';
const NOT_LISTED = [SYS_UP_TIME, SNMP_TRAP_OID, SNMP_TRAP_COMMUNITY];

/** coldStart is 1.3.6.1.6.3.1.1.5.1, for the generic trap 0; enterpriseSpecific is 6. */
const SNMP_TRAPS = '1.3.6.1.6.3.1.1.5';
const ENTERPRISE_SPECIFIC = 6;

const TICKS_PER_SECOND = 100;
const NO_ADDRESS = '0.0.0.0';

/**
 * The notification in a PDU.
 * @param sender the address the datagram came from
 * @throws Error when the PDU lacks what a notification needs
 */
export function notificationIn(pdu: TrapV1Pdu | TrapV2Pdu, sender: string): Notification {
  return pdu.type === PduType.Trap ? fromV1(pdu, sender) : fromV2(pdu, sender);
}

function fromV1(
  { enterprise, agentAddr, generic, specific, upTime, varbinds }: TrapV1Pdu,
  sender: string,
): Notification {
  if (generic < 0 || generic > ENTERPRISE_SPECIFIC) throw new Error(`there is no generic trap ${generic}`);
  return {
    version: '1',
    sourceAddress: agentAddr === NO_ADDRESS ? plainAddress(sender) : agentAddr,
    trapOid: generic === ENTERPRISE_SPECIFIC ? `${enterprise}.0.${specific}` : `${SNMP_TRAPS}.${generic + 1}`,
    enterprise,
    upTimeSeconds: upTime / TICKS_PER_SECOND,
    varbinds: listed(varbinds),
  };
}

function fromV2({ varbinds, scoped, user }: TrapV2Pdu, sender: string): Notification {
  const trapOid = varbinds.find(({ oid }) => oid === SNMP_TRAP_OID)?.value;
  if (typeof trapOid !== 'string') throw new Error('the notification has no snmpTrapOID.0');
  const upTime = varbinds.find(({ oid }) => oid === SYS_UP_TIME)?.value;
  return {
    version: scoped ? '3' : '2c',
    sourceAddress: plainAddress(sender),
    trapOid,
    ...(scoped && user !== undefined ? { user } : {}),
    ...(typeof upTime === 'number' ? { upTimeSeconds: upTime / TICKS_PER_SECOND } : {}),
    varbinds: listed(varbinds),
  };
}

/** An IPv4 sender as a dual-stack socket writes it, ::ffff:10.0.0.5, is 10.0.0.5. */
export const plainAddress = (address: string): string =>
  isIPv6(address) ? address.replace(/^::ffff:(?=\d+\.)/i, '') : address;

const listed = (varbinds: TrapVarbind[]): Notification['varbinds'] =>
  varbinds
    .filter(({ oid }) => !NOT_LISTED.includes(oid))
    .map(({ oid, type, value }) => ({ oid, value: plainValue(type, value) }));

function plainValue(type: ObjectType, value: TrapVarbind['value']): string | number {
  if (typeof value === 'number') return value;
  if (!Buffer.isBuffer(value)) return value === null ? '' : String(value);
  if (type === ObjectType.Counter64) return Number(BigInt(`0x${value.toString('hex') || '0'}`));
  if (type === ObjectType.Opaque) return floatInOpaque(value) ?? hex(value);
  return textIn(value) ?? hex(value);
}

const hex = (bytes: Buffer): string => `0x${bytes.toString('hex')}`;

/** The text, when the bytes are UTF-8 that can be shown; C programs may have left a NUL at its end. */
function textIn(bytes: Buffer): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\0$/, '');
    // eslint-disable-next-line no-control-regex
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
