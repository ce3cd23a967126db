import type { IncomingMessage } from 'node:http';
import { isIP, isIPv4, type BlockList } from 'node:net';
import { blockListOf, plainAddress } from '../common/addresses';

/** Largest number of proxies in a row that are looked at. */
const HOPS_AT_MOST = 20;

let trusted: BlockList | undefined;

/**
 * Sets the proxies whose `X-Forwarded-For` is trusted.
 *
 * @param networks addresses and CIDRs
 */
export function trustProxies(networks: readonly string[]): void {
  trusted = networks.length === 0 ? undefined : blockListOf(networks);
}

/**
 * Returns the address that a request comes from: that of its connection or, for a trusted proxy, the last address of
 * `X-Forwarded-For` that is no trusted proxy. Each proxy appends the address before it, so everything further left may
 * be forged.
 */
export function clientAddress({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
  let address = plainAddress(socket.remoteAddress ?? '');
  if (trusted === undefined || !isTrusted(address)) return address;
  const said = headers['x-forwarded-for'];
  const hops = (typeof said === 'string' ? said : '').split(',').slice(-HOPS_AT_MOST);
  for (let hop = hops.pop(); hop !== undefined; hop = hops.pop()) {
    const before = addressIn(hop.trim());
    if (before === undefined) return address;
    address = before;
    if (!isTrusted(address)) return address;
  }
  return address;
}

/** Tells whether a request comes straight from a trusted proxy. */
export const isFromProxy = ({ socket }: Pick<IncomingMessage, 'socket'>): boolean =>
  trusted !== undefined && isTrusted(plainAddress(socket.remoteAddress ?? ''));

const isTrusted = (address: string): boolean =>
  isIP(address) !== 0 && trusted!.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

/** Returns the address of a hop; some proxies add the port: `192.0.2.7:4711`, `[2001:db8::7]:4711`. */
function addressIn(hop: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 || bare.includes('%') ? undefined : plainAddress(bare);
}
