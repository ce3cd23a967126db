/**
 * Comparison of members and nodes by address and port. BIG-IP knows one member under several names: its node may live
 * in another partition or have a name of its own, an address may go without the route domain that is the partition's
 * default, and a port may be given by the name of its service.
 */
import { isIP } from 'node:net';
import { canonical } from '../../common/addresses';

/** Names that BIG-IP has for ports, as far as pools have them (its `/etc/services`; `tmsh` shows these). */
const SERVICES: Readonly<Record<string, number>> = {
  any: 0, '*': 0, 'ftp-data': 20, ftp: 21, ssh: 22, telnet: 23, smtp: 25, domain: 53, tftp: 69, http: 80, pop3: 110,
  ntp: 123, imap: 143, imap2: 143, snmp: 161, snmptrap: 162, 'snmp-trap': 162, ldap: 389, https: 443, 'microsoft-ds': 445,
  smtps: 465, urd: 465, syslog: 514, submission: 587, ldaps: 636, imaps: 993, pop3s: 995, 'ms-sql-s': 1433, radius: 1812,
  'radius-acct': 1813, nfs: 2049, mysql: 3306, 'ms-wbt-server': 3389, sip: 5060, 'sip-tls': 5061, postgres: 5432,
  postgresql: 5432, amqp: 5672, 'http-alt': 8080, webcache: 8080, 'pcsync-https': 8443,
}; // prettier-ignore

/** Node: `10.0.0.1`, `2001:db8::1`, with a route domain `10.0.0.1%2`, or a name. */
export interface NodeName {
  partition: string;
  /** Name of the node, or of the member that stands for it. */
  name: string;
  address?: string;
}

/** Look-up of a partition's default route domain; undefined when BIG-IP does not tell. */
export type RouteDomains = (partition: string) => Promise<number | undefined>;

/**
 * Splits a member's name: `10.0.0.1:80` is the node 10.0.0.1 and the port 80; `2001:db8::1.80` is split alike.
 * Undefined when there is no port.
 */
export function partsOf(member: string): { node: string; port: string } | undefined {
  const [, node, port] = /^(.+)[:.]([^:.]+)$/.exec(member) ?? [];
  return node === undefined || port === undefined ? undefined : { node, port };
}

/** Returns a port by number or service; undefined for a service whose port is not known here. */
export const portOf = (text: string): number | undefined =>
  /^\d{1,5}$/.test(text) ? Number(text) : Object.hasOwn(SERVICES, text) ? SERVICES[text] : undefined;

/** Names a member of a node as BIG-IP does: `10.0.0.1:80`, `2001:db8::1.80`, `web-1:80`. */
export const memberName = (node: string, port: number | string): string =>
  node.includes(':') ? `${node}.${port}` : `${node}:${port}`;

/** Returns an address without its route domain, in one spelling; undefined for a text that is none. */
export function bareAddress(text: string): string | undefined {
  const bare = text.replace(/%\d+$/, '');
  return isIP(bare) === 0 || bare.includes('%') ? undefined : canonical(bare);
}

const routeDomainIn = (text: string): number | undefined => {
  const [, id] = /%(\d+)$/.exec(text) ?? [];
  return id === undefined ? undefined : Number(id);
};

/**
 * Tells whether two addresses are the same one in the same route domain. An address without one is in the default of
 * its partition, which is asked for only where it matters. Undefined when BIG-IP does not tell it.
 */
export async function isSameAddress(
  one: { address: string; partition: string },
  other: { address: string; partition: string },
  defaults: RouteDomains,
): Promise<boolean | undefined> {
  const bare = bareAddress(one.address);
  if (bare === undefined || bare !== bareAddress(other.address)) return false;
  const [ours, theirs] = [routeDomainIn(one.address), routeDomainIn(other.address)];
  if (ours === theirs) return true;
  if (ours !== undefined && theirs !== undefined) return false;
  const known = [ours ?? (await defaults(one.partition)), theirs ?? (await defaults(other.partition))];
  return known.includes(undefined) ? undefined : known[0] === known[1];
}
