import type { IncomingMessage } from 'node:http';
import { BlockList, isIP, isIPv4 } from 'node:net';

/** Nobody has as many proxies of their own in a row. */
const HOPS_AT_MOST = 20;

let trusted: BlockList | undefined;

/** From now on these proxies are believed from whom they have a request. @param networks addresses and CIDRs */
export function trustProxies(networks: readonly string[]): void {
  trusted = networks.length === 0 ? undefined : new BlockList();
  for (const network of networks) {
    const [base = '', prefix] = network.split('/');
    const family = isIPv4(base) ? 'ipv4' : 'ipv6';
    trusted!.addSubnet(base, Number(prefix ?? (family === 'ipv4' ? 32 : 128)), family);
  }
}

/**
 * Who a request is from: where its connection comes from; of a trusted proxy, the last address of `X-Forwarded-For` that
 * is none of them. Each proxy adds the one before it at the end, so that what stands before that anybody may have written.
 */
export function clientAddress({ socket, headers }: Pick<IncomingMessage, 'socket' | 'headers'>): string {
  let address = plain(socket.remoteAddress ?? '');
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

const isTrusted = (address: string): boolean =>
  isIP(address) !== 0 && trusted!.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');

/** Some proxies add the port: `192.0.2.7:4711`, `[2001:db8::7]:4711`. */
function addressIn(hop: string): string | undefined {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(hop)?.[1] ?? /^([\d.]+):\d+$/.exec(hop)?.[1] ?? hop;
  return isIP(bare) === 0 || bare.includes('%') ? undefined : plain(bare);
}

/** An IPv4 client of a dual-stack socket, ::ffff:10.0.0.5, is 10.0.0.5. */
const plain = (address: string): string => /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
