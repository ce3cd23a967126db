/** Addresses that no target over HTTP has: behind them a machine keeps its own credentials. */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { embeddedIPv4, withoutBrackets } from '../../common/addresses';

/**
 * Link-local (RFC 3927; RFC 4291, 2.5.6), where EC2, GCE, Azure and OpenStack serve metadata, and where metadata is
 * served outside of it: EC2 and GCE over IPv6, Alibaba.
 */
const REFUSED = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254', 'fd20:ce::254', '100.100.100.200'];

const refused = listOf(REFUSED);
let allowed = new BlockList();

/** A request to an address that is refused; nothing was sent. */
export class AddressRefused extends Error {
  readonly code = 'ERR_ADDRESS_REFUSED';

  constructor(address: string, name?: string) {
    const who = name === undefined ? address : `${name} is ${address}, which`;
    super(`${who} is link-local or serves cloud metadata; MONSCALE_ALLOW_ADDRESSES does not name it`);
  }
}

/** Says once, for the whole program, which addresses are asked all the same. @param networks addresses and CIDRs */
export function allowAddresses(networks: readonly string[]): void {
  allowed = listOf(networks);
}

/** Judges a host of a URL that is an address; a name is judged by `guardedLookup`. @throws AddressRefused */
export function refuseAddress(host: string): void {
  const address = withoutBrackets(host);
  if (isRefused(address)) throw new AddressRefused(address);
}

/** As `dns.lookup`, for `net.connect`: what it answers is what is connected to, so a name can't change in between. */
export function guardedLookup(
  name: string,
  options: LookupOptions,
  callback: (error: Error | null, address?: string | LookupAddress[], family?: number) => void,
): void {
  dns.lookup(name, options, (error, address: string | LookupAddress[], family) => {
    if (error) return callback(error);
    const found = typeof address === 'string' ? [address] : address.map((one) => one.address);
    const bad = found.find(isRefused);
    if (bad === undefined) callback(null, address, family);
    else callback(new AddressRefused(bad, name));
  });
}

function isRefused(address: string): boolean {
  if (isIP(address) === 0) return false;
  const known = embeddedIPv4(address) ?? address.replace(/%.*/, '');
  return isOn(refused, known) && !isOn(allowed, known);
}

const isOn = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}
