import { networkOf } from '../auth/guesses';
import { keepNewest } from '../common/newest';
import type { Lane } from './hash-lanes';

/** Time that an address is remembered after its last failure: as long as failures count for its lock. */
const REMEMBERED_MS = 5 * 60_000;
/** Passwords of one address in the lane `first` at a time: an office behind one address, not a flood. */
const FIRST_AT_ONCE = 16;
const ADDRESSES_AT_MOST = 10_000;

interface Known {
  /** Passwords that wait or are checked. */
  checking: number;
  failedAt: number;
}

const NEW: Known = { checking: 0, failedAt: -Infinity };

const laneOf = ({ checking, failedAt }: Known, now: number): Lane =>
  checking < FIRST_AT_ONCE && now - failedAt >= REMEMBERED_MS ? 'first' : 'later';

/**
 * Addresses (IPv6: networks) that send passwords to this process, by whether one was wrong lately. It decides about turns
 * alone: what locks an address is counted in PostgreSQL, over all processes.
 */
export class FailingAddresses {
  /** By address (IPv6: network); the one that was heard last is at the end. */
  private readonly known = new Map<string, Known>();

  /** Notes that a password came. `ended` must follow. @returns its lane */
  began(address: string, now: number): Lane {
    const key = networkOf(address);
    const before = this.known.get(key) ?? NEW;
    this.keep(key, { checking: before.checking + 1, failedAt: before.failedAt });
    return laneOf(before, now);
  }

  /** Returns the lane of a password that comes now. */
  laneOf(address: string, now: number): Lane {
    return laneOf(this.known.get(networkOf(address)) ?? NEW, now);
  }

  /** Notes a password that was refused at once. */
  failed(address: string, now: number): void {
    const key = networkOf(address);
    this.keep(key, { checking: this.known.get(key)?.checking ?? 0, failedAt: now });
  }

  ended(address: string, hasFailed: boolean, now: number): void {
    const key = networkOf(address);
    const before = this.known.get(key);
    const checking = Math.max(0, (before?.checking ?? 0) - 1);
    const failedAt = hasFailed ? now : (before?.failedAt ?? -Infinity);
    if (checking === 0 && now - failedAt >= REMEMBERED_MS) this.known.delete(key);
    else this.keep(key, { checking, failedAt });
  }

  private keep(key: string, known: Known): void {
    keepNewest(this.known, key, known, ADDRESSES_AT_MOST);
  }
}
