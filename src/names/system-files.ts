/** Readers of this machine's files about names: hosts(5), resolv.conf(5), nsswitch.conf(5). */
import { isIP } from 'node:net';

/** Names in lower case, and the addresses that hosts(5) gives them, in its order. */
export type Hosts = ReadonlyMap<string, readonly string[]>;

export function hostsIn(text: string): Hosts {
  const hosts = new Map<string, string[]>();
  for (const [address = '', ...names] of wordsOf(text)) {
    if (isIP(address) === 0) continue;
    for (const name of names) {
      const known = hosts.get(name.toLowerCase());
      if (known === undefined) hosts.set(name.toLowerCase(), [address]);
      else known.push(address);
    }
  }
  return hosts;
}

/** Rules by which a name that is not absolute is completed. */
export interface SearchRules {
  domains: readonly string[];
  /** Number of dots from which a name is tried as it stands before it is completed. */
  ndots: number;
}

const DOMAINS_AT_MOST = 32;
const NDOTS_AT_MOST = 15;

/** Reads resolv.conf(5). The last line of each kind counts, as with the C library. */
export function searchRulesIn(text: string): SearchRules {
  let domains: string[] = [];
  let ndots = 1;
  for (const [keyword = '', ...words] of wordsOf(text)) {
    if (keyword === 'search' || keyword === 'domain') domains = words.map(bare).filter(Boolean);
    if (keyword !== 'options') continue;
    const [, given] = words.map((word) => /^ndots:(\d+)$/.exec(word)).find(Boolean) ?? [];
    if (given !== undefined) ndots = Math.min(Number(given), NDOTS_AT_MOST);
  }
  return { domains: domains.slice(0, DOMAINS_AT_MOST), ndots };
}

/** Returns the names that the DNS is asked for, in turn, until it knows one. */
export function completed(name: string, { domains, ndots }: SearchRules): string[] {
  if (name.endsWith('.')) return [bare(name)];
  const dots = name.split('.').length - 1;
  const longer = domains.map((domain) => `${name}.${domain}`);
  return dots >= ndots ? [name, ...longer] : [...longer, name];
}

/**
 * Tells whether the system knows names from elsewhere than hosts(5) and the DNS: mDNS, NIS, LDAP, its own host name.
 */
export function hasOtherSources(nsswitch: string): boolean {
  const line = wordsOf(nsswitch).find(([database]) => database === 'hosts:') ?? [];
  return line.slice(1).some((source) => !source.startsWith('[') && !['files', 'dns'].includes(source));
}

function wordsOf(text: string): string[][] {
  return text.split('\n').map((line) =>
    line
      .replace(/[#;].*/, '')
      .split(/\s+/)
      .filter(Boolean),
  );
}

const bare = (name: string): string => name.replace(/\.$/, '');
