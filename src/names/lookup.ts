/** `dns.lookup` of this program: own look-ups instead of the C library's, for everything that connects by name. */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import { isIP } from 'node:net';
import { telemetry } from '../common/telemetry';
import { DnsClient } from './dns-client';
import { Names, NotFound, type Address, type Found, type NameSources } from './names';
import { completed, hasOtherSources, hostsIn, searchRulesIn } from './system-files';
import { WatchedFile } from './watched-file';

type Callback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void;

const LOOPBACK: readonly Address[] = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
];
/**
 * Most look-ups of the system at a time, as each holds a thread. The system is asked last, where it has sources beside
 * the DNS.
 */
const SYSTEM_AT_ONCE = 2;
const SYSTEM_TTL_SECONDS = 60;

const systemLookup = dns.lookup;

const hosts = new WatchedFile('/etc/hosts', hostsIn);
const search = new WatchedFile('/etc/resolv.conf', searchRulesIn);
const otherSources = new WatchedFile('/etc/nsswitch.conf', hasOtherSources);
const client = new DnsClient();
let systemCalls = 0;

const sources: NameSources = {
  local(name) {
    const known = hosts.content.get(name);
    if (known !== undefined) return known.map(addressOf).sort((one, other) => one.family - other.family);
    if (/(^|\.)localhost\.?$/.test(name)) return LOOPBACK;
    return undefined;
  },

  async ask(name) {
    if (isNumeric(name)) return askSystem(name);
    // RFC 6761, 6.4.
    if (/(^|\.)invalid\.?$/.test(name)) throw new NotFound(name);
    const found = await askInTurn(completed(name, search.content));
    if (found !== undefined) return found;
    if (otherSources.content && systemCalls < SYSTEM_AT_ONCE) return askSystem(name);
    throw new NotFound(name);
  },

  note: (outcome) => telemetry.nameLookups.inc({ outcome }),
};

const names = new Names(sources);

/** Looks a name up as `dns.lookup` does, without its hints. */
export function lookup(name: string, options: LookupOptions, callback: Callback): void {
  const { all = false, order, family: given } = options;
  const family = given === 'IPv4' ? 4 : given === 'IPv6' ? 6 : (given ?? 0);
  if (!name || isIP(name) !== 0) return systemLookup(name, options, callback as never);
  names
    .addressesOf(name)
    .then((known) => {
      const wanted = known.filter((one) => family === 0 || one.family === family);
      if (wanted.length === 0) throw new NotFound(name);
      return order === 'ipv6first' ? [...wanted].reverse() : wanted;
    })
    .then(
      // What a caller throws is the caller's, and no failure of a promise here.
      (found) => process.nextTick(() => answer(callback, found, all)),
      (error: Error) => process.nextTick(callback, lookupError(name, error)),
    );
}

function answer(callback: Callback, found: readonly Address[], all: boolean): void {
  const [first] = found;
  // Callers may change what they are given.
  if (all)
    callback(
      null,
      found.map((one) => ({ ...one })),
    );
  else callback(null, first!.address, first!.family);
}

/** Replaces `dns.lookup` in this process, which libraries call when they connect by name. */
export function installLookup(): void {
  const anyLookup = (name: string, options: unknown, callback?: Callback): void => {
    if (typeof options === 'function') return lookup(name, {}, options as Callback);
    lookup(name, typeof options === 'number' ? { family: options } : (options as LookupOptions), callback!);
  };
  dns.lookup = anyLookup as typeof dns.lookup;
}

const addressOf = (address: string): Address => ({ address, family: isIP(address) === 6 ? 6 : 4 });

/**
 * Tells whether a name is an address to the C library, as `127.1` and `0x7f000001` are (WHATWG URL, "ends in a
 * number").
 */
const isNumeric = (name: string): boolean => /(^|\.)(\d+|0x[\da-f]*)\.?$/.test(name);

async function askSystem(name: string): Promise<Found> {
  systemCalls += 1;
  try {
    const addresses = await new Promise<Address[]>((resolve, reject) => {
      systemLookup(name, { all: true, order: 'ipv4first' }, (error, found) =>
        error ? reject(error.code === 'ENOTFOUND' ? new NotFound(name) : error) : resolve(found as Address[]),
      );
    });
    return { addresses, ttlSeconds: SYSTEM_TTL_SECONDS };
  } finally {
    systemCalls -= 1;
  }
}

/**
 * Asks for the names in turn, as the C library does: a domain whose servers fail is passed over; one that is silent
 * ends it, as it takes long.
 */
async function askInTurn(candidates: readonly string[]): Promise<Found | undefined> {
  let trouble: Error | undefined;
  for (const candidate of candidates) {
    try {
      return await client.ask(candidate);
    } catch (error) {
      const { code } = Object((error as Error).cause) as { code?: string };
      if (error instanceof NotFound) continue;
      if (code !== 'ESERVFAIL') throw error;
      trouble ??= error as Error;
    }
  }
  if (trouble !== undefined) throw trouble;
  return undefined;
}

/** Makes an error with the code and message of Node's own, as callers choose their words by the code. */
function lookupError(hostname: string, why: Error): Error {
  const code = why instanceof NotFound ? 'ENOTFOUND' : 'EAI_AGAIN';
  const message = `getaddrinfo ${code} ${hostname}`;
  return Object.assign(new Error(message), { code, syscall: 'getaddrinfo', hostname });
}
