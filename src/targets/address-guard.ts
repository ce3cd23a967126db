/** Guard against addresses that no target has: behind them a machine keeps its own credentials. */
import type { LookupAddress, LookupOptions } from 'node:dns';
import { BlockList, isIP, isIPv4 } from 'node:net';
import { blockListOf, ipv4AddressesIn, withoutBrackets } from '../common/addresses';
import { lookup } from '../names/lookup';

/** Link-local networks (RFC 3927; RFC 4291, 2.5.6), where most clouds serve metadata. */
const LINK_LOCAL = ['169.254.0.0/16', 'fe80::/10'];
/**
 * Other addresses at which clouds serve metadata and credentials: EC2 (IMDS and EKS pods), Google, Oracle, Scaleway and
 * Linode over IPv6, OpenStack over IPv6, Azure's wire server, Alibaba.
 */
const METADATA = [
  'fd00:ec2::/32',
  'fd20:ce::/32',
  'fd00:c1::/32',
  'fd00:42::/32',
  'fd00:a9fe:a9fe::/48',
  'fe80::a9fe:a9fe',
  '168.63.129.16',
  '100.100.100.200',
];

const refused = blockListOf([...LINK_LOCAL, ...METADATA]);
const refusedOnLink = blockListOf(['169.254.0.0/16', ...METADATA]);
let allowed = new BlockList();
let allowedNetworks: readonly string[] = [];

/** Use of an address that is checked. A device on a link is asked over SNMP by its IPv6 address and zone. */
export type Use = 'any' | 'devices';

/** Error of a request to an address that is refused; nothing was sent. */
export class AddressRefused extends Error {
  readonly code = 'ERR_ADDRESS_REFUSED';

  constructor(address: string, name?: string) {
    const who = name === undefined ? address : `${name} is ${address}, which`;
    super(`${who} is link-local or serves cloud metadata; MONSCALE_ALLOW_ADDRESSES does not name it`);
  }
}

/** Sets, once for the whole program, the addresses that are asked all the same. @param networks addresses and CIDRs */
export function allowAddresses(networks: readonly string[]): void {
  allowed = blockListOf(networks);
  allowedNetworks = networks;
  for (const known of Object.values(verdicts)) known.clear();
}

/** Returns what `allowAddresses` was called with, for other processes of the program. */
export const addressesAllowed = (): readonly string[] => allowedNetworks;

/** Refuses a host that is a forbidden address; names are checked by `guardedLookup`. @throws AddressRefused */
export function refuseAddress(host: string, use: Use = 'any'): void {
  const address = withoutBrackets(host);
  if (isRefused(address, use)) throw new AddressRefused(address);
}

type Callback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

/**
 * Looks a name up as `dns.lookup` does, and refuses forbidden addresses. For `net.connect`, which connects to the very
 * addresses it returns, so the name can't change in between.
 */
export function guardedLookup(name: string, options: LookupOptions, callback: Callback): void {
  lookup(name, options, (error, address, family) => {
    if (error) return callback(error);
    const found = typeof address === 'string' ? [address] : address!.map((one) => one.address);
    const bad = found.find((one) => isRefused(one));
    if (bad === undefined) callback(null, address, family);
    else callback(new AddressRefused(bad, name));
  });
}

/**
 * Returns the address of a host, for protocols that speak to one: IPv4 where it has one. @throws AddressRefused; Error
 * as `lookup`
 */
export async function guardedAddress(host: string, use: Use = 'any'): Promise<string> {
  const address = isIP(host) ? host : await firstAddressOf(host);
  if (isRefused(address, use)) throw new AddressRefused(address, host === address ? undefined : host);
  return address;
}

function firstAddressOf(name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    lookup(name, {}, (error, address) => (error ? reject(error) : resolve(address as string)));
  });
}

/** Verdicts about addresses that are written as such, most of which are asked again and again. */
const verdicts = { any: new Map<string, boolean>(), devices: new Map<string, boolean>() };
const VERDICTS_AT_MOST = 10_000;

function isRefused(address: string, use: Use = 'any'): boolean {
  if (isIP(address) === 0) return false;
  let verdict = verdicts[use].get(address);
  if (verdict === undefined) {
    verdict = isOnList(address, use);
    if (verdicts[use].size >= VERDICTS_AT_MOST) verdicts[use].clear();
    verdicts[use].set(address, verdict);
  }
  return verdict;
}

function isOnList(address: string, use: Use): boolean {
  const list = use === 'devices' ? refusedOnLink : refused;
  const leadsTo = [address.replace(/%.*/, ''), ...ipv4AddressesIn(address)];
  const bad = leadsTo.filter((one) => isOn(list, one));
  return bad.length > 0 && !leadsTo.some((one) => isOn(allowed, one));
}

const isOn = (list: BlockList, address: string): boolean =>
  list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
