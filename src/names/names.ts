import { keepNewest } from '../common/newest';
import { ZoneTurns } from './zone-turns';

export interface Address {
  address: string;
  family: 4 | 6;
}

/** Addresses of a name, and for how long they hold. */
export interface Found {
  addresses: readonly Address[];
  ttlSeconds: number;
}

/** Error for a name that has no address. */
export class NotFound extends Error {}

/** Sources by which names are looked up. */
export interface NameSources {
  /** Returns what this machine knows of the name, without asking anybody. */
  local(name: string): readonly Address[] | undefined;
  /**
   * Asks the DNS for the name. @throws NotFound; Error when nobody can be asked
   *
   * @throws NotFound; Error when nobody can be asked
   */
  ask(name: string): Promise<Found>;
  /** Counts the outcome of a look-up. */
  note(outcome: Outcome): void;
}

export type Outcome = 'found' | 'not_found' | 'failed' | 'stale';

/** Longest time that a caller waits for a look-up, milliseconds. */
const LOOK_UP_MS = 5_000;
/**
 * Time after which an old answer is given because there is no new one, milliseconds; the name is then not asked for
 * again for `FAILURE_RECHECK_MS`. RFC 8767, 5.
 */
const STALE_AFTER_MS = 1_800;
const FAILURE_RECHECK_MS = 30_000;
/** Longest time that an answer is used while there is no newer one, milliseconds. */
const STALE_AT_MOST_MS = 24 * 3_600_000;
const TTL_SECONDS = { least: 1, most: 300 };
/** Time for which a name counts as unknown, and (below) as one that could not be asked for, milliseconds. */
const NOT_FOUND_MS = 10_000;
const FAILED_MS = 5_000;
/** Each takes some 400 bytes. */
const NAMES_AT_MOST = 100_000;

/** State of one name. Moments are by `performance.now()`. */
interface Entry {
  addresses?: readonly Address[];
  freshUntil: number;
  staleUntil: number;
  failure?: Error;
  askAgainAt: number;
  asking?: Promise<readonly Address[]>;
}

/**
 * Addresses of names, kept for as long as the DNS says, and longer where it gives no answer.
 *
 * - A name is fresh, stale (used only when there is no new answer in time), or without addresses.
 * - At most one question per name is under way, however many want the answer.
 * - After a failure a name is not asked for before `askAgainAt`.
 * - Servers of one zone that don't answer hold up no other zone.
 */
export class Names {
  /** Names, the one that was asked for longest ago first: where there are too many, it is forgotten. */
  private readonly entries = new Map<string, Entry>();
  private readonly zones = new ZoneTurns();

  constructor(
    private readonly sources: NameSources,
    private readonly atMost = NAMES_AT_MOST,
  ) {}

  /**
   * Returns the addresses of a name.
   *
   * @throws NotFound; Error when there is no answer in time, nor an old one
   */
  async addressesOf(given: string): Promise<readonly Address[]> {
    const name = given.toLowerCase();
    const local = this.sources.local(name);
    if (local !== undefined) return local;
    const now = performance.now();
    const known = this.entries.get(name);
    if (known?.addresses !== undefined && now < known.freshUntil) return known.addresses;
    const entry: Entry = known ?? { freshUntil: 0, staleUntil: 0, askAgainAt: 0 };
    const old = now < entry.staleUntil ? entry.addresses : undefined;
    if (entry.asking === undefined && now < entry.askAgainAt) {
      if (old === undefined) throw entry.failure!;
      return this.stale(old);
    }
    if (entry.asking === undefined) {
      keepNewest(this.entries, name, entry, this.atMost);
      entry.asking = this.ask(name, entry).finally(() => (entry.asking = undefined));
    }
    if (old === undefined) return entry.asking;
    try {
      return (await within(STALE_AFTER_MS, entry.asking)) ?? this.stale(old);
    } catch (error) {
      if (error instanceof NotFound) throw error;
      return this.stale(old);
    }
  }

  private stale(old: readonly Address[]): readonly Address[] {
    this.sources.note('stale');
    return old;
  }

  private async ask(name: string, entry: Entry): Promise<readonly Address[]> {
    const end = performance.now() + LOOK_UP_MS;
    const answering = this.zones
      .take(
        name,
        () => performance.now() < end,
        () => this.sources.ask(name),
      )
      // Also when it comes too late for those who wait now.
      .then((found) => found && keep(entry, found));
    try {
      const found = await within(LOOK_UP_MS, answering);
      if (found === undefined) throw new Error(`the DNS gave no answer in ${LOOK_UP_MS / 1000} s`);
      this.sources.note('found');
      return found;
    } catch (error) {
      const isUnknown = error instanceof NotFound;
      this.sources.note(isUnknown ? 'not_found' : 'failed');
      if (isUnknown) entry.addresses = undefined;
      const pause = isUnknown ? NOT_FOUND_MS : entry.addresses ? FAILURE_RECHECK_MS : FAILED_MS;
      entry.askAgainAt = performance.now() + pause;
      entry.failure = error as Error;
      throw error;
    }
  }
}

function keep(entry: Entry, { addresses, ttlSeconds }: Found): readonly Address[] {
  const { least, most } = TTL_SECONDS;
  const now = performance.now();
  entry.addresses = addresses;
  entry.freshUntil = now + Math.min(Math.max(ttlSeconds, least), most) * 1000;
  entry.staleUntil = now + STALE_AT_MOST_MS;
  return addresses;
}

/** Waits for the work; undefined when it takes longer. @throws what it throws in time */
async function within<T>(ms: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  // Nobody may wait for it any more when it fails.
  work.catch(() => undefined);
  const late = new Promise<undefined>((resolve) => (timer = setTimeout(() => resolve(undefined), ms)));
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
