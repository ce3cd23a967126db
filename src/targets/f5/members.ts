/** Members of a pool as people write them, and as BIG-IP names them. */
import { isIPv4, isIPv6 } from 'node:net';

export interface Member {
  /** Name as BIG-IP has it: `10.0.0.1:80`, `2001:db8::1.80`, `web-1:80`. */
  name: string;
  /** Address; absent for a node that is named. */
  address?: string;
}

/** Name of a node that exists, or of a host. */
const NODE_NAME = /^[A-Za-z_][\w.-]{0,253}$/;
/** Route domain that may follow an address: `10.0.0.1%2`. */
const ROUTE_DOMAIN = /%\d{1,5}$/;
const PORT_AT_MOST = 65_535;

export const MEMBER_HINT =
  'must be address:port, such as 10.0.0.1:80; IPv6 may be [2001:db8::1]:80 or 2001:db8::1.80';

/**
 * Reads a member. The last group of `2001:db8::1:80` is the port.
 *
 * @returns undefined when the text is no member
 */
export function memberIn(text: string): Member | undefined {
  const dotted = /^(.*:.*)\.(\d{1,5})$/.exec(text);
  const isDotted = dotted !== null && isAddress(dotted[1]!, isIPv6);
  const [, inBrackets, bare, after] = /^(?:\[(.+)\]|(.+)):(\d{1,5})$/.exec(text) ?? [];
  const node = isDotted ? dotted[1]! : (inBrackets ?? bare ?? '');
  const port = Number(isDotted ? dotted[2] : after);
  if (Number.isNaN(port) || port > PORT_AT_MOST) return undefined;
  if (isAddress(node, isIPv6)) return { name: `${node}.${port}`, address: node };
  if (inBrackets !== undefined) return undefined;
  if (isAddress(node, isIPv4)) return { name: `${node}:${port}`, address: node };
  return NODE_NAME.test(node) ? { name: `${node}:${port}` } : undefined;
}

function isAddress(text: string, isOne: (text: string) => boolean): boolean {
  const address = text.replace(ROUTE_DOMAIN, '');
  // Node takes zones too (fe80::1%eth0).
  return !address.includes('%') && isOne(address);
}
