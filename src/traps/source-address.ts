import { isIP } from 'node:net';
import { blockListOf, isListed } from '../common/addresses';
import type { Notification } from '../snmp/notification';

const SNMP_TRAP_ADDRESS = '1.3.6.1.6.3.18.1.3.0';

/**
 * Networks whose addresses name no host to others, RFC 6890: this network, loopback, link-local, multicast, reserved,
 * broadcast.
 */
const NOBODYS = blockListOf([
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'ff00::/8',
]);
/**
 * Returns the address that a notification is from: the sender's. A relay, which forwards the notifications of others,
 * may name another: the agent of a version 1 trap, else `snmpTrapAddress.0` (RFC 3584, 4.1). Any other sender could
 * name whom it likes.
 */
export function sourceAddressOf(
  { agentAddress, varbinds }: Notification,
  sender: string,
  isRelay: boolean,
): string {
  if (!isRelay) return sender;
  const named = varbinds.find(({ oid }) => oid === SNMP_TRAP_ADDRESS)?.value;
  const said = [agentAddress, named].find((address) => typeof address === 'string' && namesHost(address));
  return said === undefined ? sender : String(said);
}

/** Tells whether a text is an address that a host may have. */
export const namesHost = (address: string): boolean => isIP(address) !== 0 && !isListed(NOBODYS, address);
