import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/** Why a text is no network in CIDR notation (RFC 4632; RFC 4291, 2.3), as the end of a sentence. */
export function networkProblem(text: string): string | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  const isNetwork = rest.length === 0 && bits > 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
  return isNetwork ? undefined : 'must be a network such as 10.0.0.0/8 or 2001:db8::/32';
}

/** @param network as `networkProblem` has nothing against it */
export function isIn(network: string, address: string): boolean {
  const [base = '', prefix] = network.split('/');
  // Node takes zones too (fe80::1%eth0): such an address is of use on its own machine alone.
  if (isIP(address) !== isIP(base) || address.includes('%')) return false;
  const family = isIPv4(base) ? 'ipv4' : 'ipv6';
  const list = new BlockList();
  list.addSubnet(base, Number(prefix), family);
  return list.check(address, family);
}

/** One spelling for each address: `2001:DB8:0::1` is `2001:db8::1`. A text that is none stays as it is. */
export function canonical(address: string): string {
  return isIPv6(address) && !address.includes('%')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address;
}
