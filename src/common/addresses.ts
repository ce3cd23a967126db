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

/** The host of a URL, where an IPv6 address stands in brackets, as everybody else writes it. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

/** One spelling for each address: `2001:DB8:0::1` is `2001:db8::1`. A text that is none stays as it is. */
export function canonical(address: string): string {
  return isIPv6(address) && !address.includes('%')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address;
}

/** Mapped (RFC 4291, 2.5.5.2), compatible (2.5.5.1), translated (RFC 6052, 2.1): what an IPv6 address means by these. */
const EMBEDDING = ['::ffff:0:0', '::', '64:ff9b::'].map((base) => subnet(base, 96));

/** The IPv4 address that an IPv6 address stands for; undefined when it stands for itself. */
export function embeddedIPv4(address: string): string | undefined {
  const bare = address.replace(/%.*/, '');
  if (!isIPv6(bare) || !EMBEDDING.some((list) => list.check(bare, 'ipv6'))) return undefined;
  // Spelt with hexadecimal groups, whatever it was: the last two are the IPv4 address.
  const groups = canonical(bare).split('::').at(-1)!.split(':').slice(-2);
  const [high = 0, low = 0] = ['0', ...groups].slice(-2).map((group) => parseInt(group || '0', 16));
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.');
}

function subnet(base: string, bits: number): BlockList {
  const list = new BlockList();
  list.addSubnet(base, bits, 'ipv6');
  return list;
}
