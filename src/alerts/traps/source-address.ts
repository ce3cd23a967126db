import { BlockList, isIP, isIPv4 } from 'node:net';
import type { Notification } from './notification';

const SNMP_TRAP_ADDRESS = '1.3.6.1.6.3.18.1.3.0';

/** Addresses that name no host to others, RFC 6890: this network, loopback, link-local, multicast, reserved, broadcast. */
const NOBODYS = networks(
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['::', 127],
  ['ff00::', 8],
);
/** Addresses that mean something within one network alone (RFC 1918, RFC 6598, RFC 4193), or on one link or host. */
const INNER = networks(
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
);

/**
 * Who says so: the agent of a version 1 trap; whom a trusted relay names; else where the datagram came from. An address
 * that means nothing here does not count: one that names no host, and an inner one that comes from outside, as of a
 * device behind NAT.
 */
export function sourceAddressOf(
  { agentAddress, varbinds }: Notification,
  sender: string,
  isRelay: boolean,
): string {
  const named = isRelay ? varbinds.find(({ oid }) => oid === SNMP_TRAP_ADDRESS)?.value : undefined;
  const said = [agentAddress, named].find((address) => typeof address === 'string' && namesHost(address));
  if (said === undefined || (!isRelay && isIn(INNER, String(said)) && !isIn(INNER, sender))) return sender;
  return String(said);
}

/** Is it an address, and one that a host may have? */
export const namesHost = (address: string): boolean => isIP(address) !== 0 && !isIn(NOBODYS, address);

function isIn(list: BlockList, address: string): boolean {
  // A link-local address counts without its zone.
  const [plain = ''] = address.split('%');
  return list.check(plain, isIPv4(plain) ? 'ipv4' : 'ipv6');
}

function networks(...given: [base: string, prefix: number][]): BlockList {
  const list = new BlockList();
  for (const [base, prefix] of given) list.addSubnet(base, prefix, isIPv4(base) ? 'ipv4' : 'ipv6');
  return list;
}
