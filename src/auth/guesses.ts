import { isIPv4 } from 'node:net';
import { plainAddress } from '../common/addresses';
import { keepNewest } from '../common/newest';

/** Number of unknown tokens that are looked up before an address is slowed. */
const FREE = 20;
/** Time without an unknown token after which the count begins anew, milliseconds. */
const FORGET_MS = 10 * 60_000;
const DELAY_MS = 1_000;
const DELAY_AT_MOST_MS = 60_000;
const ADDRESSES_AT_MOST = 10_000;

interface Guesser {
  failures: number;
  lastAt: number;
  /** Moment until which its tokens are looked up only if they may be right, ms since 1970. */
  until: number;
}

/**
 * Addresses that send unknown tokens: after a number of them, the delay before the next one is looked up doubles each
 * time.
 */
export class Guesses {
  /** Addresses (IPv6: networks), the one that failed last at the end. */
  private readonly guessers = new Map<string, Guesser>();

  failed(address: string, now: number): void {
    const key = networkOf(address);
    const known = this.guessers.get(key);
    const before = known !== undefined && now - known.lastAt < FORGET_MS ? known.failures : 0;
    const failures = before + 1;
    const delay = failures < FREE ? 0 : Math.min(DELAY_MS * 2 ** (failures - FREE), DELAY_AT_MOST_MS);
    keepNewest(this.guessers, key, { failures, lastAt: now, until: now + delay }, ADDRESSES_AT_MOST);
  }

  /** Returns how long until the next token is looked up, seconds; 0 for now. */
  waitSeconds(address: string, now: number): number {
    if (this.guessers.size === 0) return 0;
    const { until = 0 } = this.guessers.get(networkOf(address)) ?? {};
    return Math.max(0, Math.ceil((until - now) / 1000));
  }
}

/** Returns an IPv4 address, or the /64 network of an IPv6 address: whoever has one has at least 2^64. */
export function networkOf(address: string): string {
  const mapped = plainAddress(address);
  if (isIPv4(mapped)) return mapped;
  const [head = '', tail] = mapped.split('%')[0]!.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const groups = tail === undefined ? left : [...left, ...Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right]; // prettier-ignore
  return groups.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, '')).join(':'); // prettier-ignore
}
