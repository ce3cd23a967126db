import { isIPv6, SocketAddress } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Link-local address, fe80::/10, RFC 4291, 2.5.6: each link may have the same one, so its zone says on which it is. */
export const LINK_LOCAL = /^fe[89ab][0-9a-f]:/i;

/**
 * Writes an address as the kernel does: an IPv6 address has many spellings, and a zone may be a number. The zone of an
 * address that is not link-local is dropped.
 *
 * @throws Error when there is no such zone here
 */
export function normalAddress(address: string): string {
  const [plain = '', zone] = address.split('%');
  if (!isIPv6(plain)) return address;
  const normal = new SocketAddress({ address: plain, family: 'ipv6' }).address;
  return zone === undefined || !LINK_LOCAL.test(normal) ? normal : `${normal}%${interfaceOf(zone)}`;
}

/** Returns the name of an interface that is given by name or by number (RFC 4007, 11.2). */
function interfaceOf(zone: string): string {
  const interfaces = networkInterfaces();
  if (interfaces[zone] !== undefined) return zone;
  const named = Object.entries(interfaces).find(([, addresses]) =>
    addresses?.some((one) => one.family === 'IPv6' && String(one.scopeid) === zone),
  );
  if (named === undefined) throw new Error(`there is no network interface ${zone} on this machine`);
  return named[0];
}
