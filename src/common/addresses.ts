import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

/**
 * Returns why a text is no network in CIDR notation (RFC 4632; RFC 4291, 2.3), as the end of a sentence; undefined when
 * it is one.
 */
export function networkProblem(text: string): string | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const bits = isIPv4(address) ? 32 : isIPv6(address) ? 128 : 0;
  const isNetwork = rest.length === 0 && bits > 0 && /^\d{1,3}$/.test(prefix) && Number(prefix) <= bits;
  return isNetwork ? undefined : 'must be a network such as 10.0.0.0/8 or 2001:db8::/32';
}

/**
 * Tells whether an address lies in a network of the same IP version.
 *
 * @param network in CIDR notation, valid by `networkProblem`
 */
export function isIn(network: string, address: string): boolean {
  const [base = ''] = network.split('/');
  // Node takes zones too (fe80::1%eth0): such an address is of use on its own machine alone.
  if (isIP(address) !== isIP(base) || address.includes('%')) return false;
  return blockListOf([network]).check(address, isIPv4(base) ? 'ipv4' : 'ipv6');
}

/** Returns a list that tells which addresses it has, given by addresses and networks in CIDR notation. */
export function blockListOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix] = network.split('/');
    const family = isIPv4(address) ? 'ipv4' : 'ipv6';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** Tells whether a list has an address; a link-local address counts without its zone. */
export function isListed(list: BlockList, address: string): boolean {
  const [bare = ''] = address.split('%');
  return list.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4');
}

/** Returns an IPv4-mapped address, such as ::ffff:10.0.0.5 of a dual-stack socket, in its IPv4 form. */
export const plainAddress = (address: string): string =>
  /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;

/** Returns the host of a URL without the brackets that an IPv6 address has there. */
export const withoutBrackets = (host: string): string => host.replace(/^\[|\]$/g, '');

/**
 * Returns the one spelling of an IPv6 address: `2001:DB8:0::1` becomes `2001:db8::1`. Any other text is returned as it
 * is.
 */
export function canonical(address: string): string {
  return isIPv6(address) && !address.includes('%')
    ? new URL(`http://[${address}]`).hostname.slice(1, -1)
    : address;
}

/**
 * Returns the IPv4 addresses that an IPv6 address may lead to, by the ways to carry IPv4 inside of IPv6: mapped and
 * compatible (RFC 4291, 2.5.5), translated (RFC 2765, 2.1), NAT64 (RFC 6052, 2.2, with the prefixes 64:ff9b::/96 and
 * 64:ff9b:1::/48), 6to4 (RFC 3056, 2), Teredo (RFC 4380, 4: its server and its client) and ISATAP (RFC 5214, 6.1).
 */
export function ipv4AddressesIn(address: string): string[] {
  const bare = address.replace(/%.*/, '');
  if (!isIPv6(bare)) return [];
  const bytes = bytesOf(bare);
  const at = (...places: number[]): string => places.map((place) => bytes[place]).join('.');
  const begins = (...prefix: number[]): boolean => prefix.every((byte, index) => bytes[index] === byte);
  const last = at(12, 13, 14, 15);
  const zeros = bytes.slice(0, 8).every((byte) => byte === 0);
  const middle = bytes.slice(8, 12).join('.');
  if (zeros && ['0.0.0.0', '0.0.255.255', '255.255.0.0'].includes(middle)) return [last];
  if (begins(0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0)) return [last];
  // A network may have cut it anywhere that RFC 6052 allows; byte 8 is left out.
  if (begins(0, 0x64, 0xff, 0x9b, 0, 1)) return [last, at(6, 7, 9, 10), at(7, 9, 10, 11), at(9, 10, 11, 12)];
  if (begins(0x20, 0x02)) return [at(2, 3, 4, 5)];
  if (begins(0x20, 0x01, 0, 0))
    return [at(4, 5, 6, 7), [12, 13, 14, 15].map((i) => bytes[i]! ^ 0xff).join('.')];
  return ['0.0.94.254', '2.0.94.254'].includes(middle) ? [last] : [];
}

/** Returns the 16 bytes of an IPv6 address. */
function bytesOf(address: string): number[] {
  const [head = '', tail] = canonical(address).split('::');
  const groupsOf = (text = ''): number[] =>
    text
      .split(':')
      .filter(Boolean)
      .map((group) => parseInt(group, 16));
  const [begin, end] = [groupsOf(head), groupsOf(tail)];
  const groups = [...begin, ...new Array<number>(8 - begin.length - end.length).fill(0), ...end];
  return groups.flatMap((group) => [group >> 8, group & 0xff]);
}
