import { isIPv6, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

/** fe80::/10, RFC 4291, 2.5.6: the same address may be there on each link, so its zone says on which. */
export const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/**
 * As the kernel writes it: an IPv6 address has many spellings, and a zone may be a number. Elsewhere than on a link a zone
 * says nothing.
 *
 * @throws Error when there is no such zone here
 */
export function normalAddress(address: string): string {
  const [plain = '', zone] = address.split('%');
  if (!isIPv6(plain)) return address;
  const normal = new SocketAddress({ address: plain, family: 'ipv6' }).address;
  return zone === undefined || !LINK_LOCAL.test(normal) ? normal : `${normal}%${interfaceOf(zone)}`;
}

/** Name of an interface that is given by it, or by its number (RFC 4007, 11.2). */
function interfaceOf(zone: string): string {
  const interfaces = networkInterfaces();
  if (interfaces[zone] !== undefined) return zone;
  const named = Object.entries(interfaces).find(([, addresses]) =>
    addresses?.some((one) => one.family === 'IPv6' && String(one.scopeid) === zone),
  );
  if (named === undefined) throw new Error(`there is no network interface ${zone} on this machine`);
  return named[0];
}
